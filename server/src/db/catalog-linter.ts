/**
 * Refuses to start on a database whose walls between tenants have a hole.
 *
 * It reads the system catalogue as the server's own login and checks what row-level security rests on. Each check is one
 * query that returns the offenders, so a new table is covered without anyone remembering.
 */

import { SetupError } from '../errors.ts';
import { type Connection, inRole } from './in-role.ts';

/** Holes were found; the message lists them with their fixes. */
export class CatalogError extends SetupError {
  override readonly name = 'CatalogError';
  readonly findings: readonly string[];

  constructor(findings: readonly string[]) {
    super(`The database does not keep tenants apart:\n${findings.map((finding) => `  ${finding}`).join('\n')}`);
    this.findings = findings;
  }
}

interface Check {
  /** Returns rows with one column, `subject`. */
  readonly sql: string;
  readonly finding: (subject: string) => string;
}

/** Tables of our schema that belong to no tenant; each is readable by genai_system only or holds no tenant data. */
const tablesWithoutTenant = ['schema_migrations', 'operator_keys'];

const ownTables = `
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'genai' and c.relkind in ('r', 'p')`;
const tenantTables = `${ownTables} and c.relname not in (${tablesWithoutTenant.map((name) => `'${name}'`).join(', ')})`;

/** What a policy of genai_app must say, and nothing beside it: PostgreSQL prints it like this on every version. */
const tenantPredicate = `'(tenant_id = current_setting(''app.tenant_id''::text, true))'`;

const checks: readonly Check[] = [
  {
    sql: `select rolname as subject from pg_roles where rolname = session_user and (rolsuper or rolbypassrls or rolcreaterole)`,
    finding: (login) =>
      `DATABASE_URL logs in as "${login}", which is a superuser, may create roles or bypasses row-level security. Use a login of its own; \`genai migrate\` makes it.`,
  },
  {
    sql: `select rolname as subject from pg_roles
      where rolname in ('genai_app', 'genai_system') and (rolsuper or rolbypassrls or rolcreaterole)`,
    finding: (role) =>
      `Role ${role} is a superuser, may create roles or bypasses row-level security. Take that from it.`,
  },
  {
    // A member of genai_system has its policies too, which show all tenants.
    sql: `select m.rolname || ' of ' || r.rolname as subject
      from pg_roles m join pg_roles r on m.oid <> r.oid and pg_has_role(m.oid, r.oid, 'member')
      where not m.rolsuper and (m.rolname in ('genai_app', 'genai_system')
        or (m.rolname = session_user and (r.rolsuper or r.rolbypassrls or r.rolcreaterole)))`,
    finding: (subject) => `Membership: ${subject}. Revoke it; each role must stand for itself.`,
  },
  {
    sql: `select l.rolname as subject from pg_roles l where l.rolname = session_user and not l.rolsuper and exists (
        select ${ownTables} and has_table_privilege(l.oid, c.oid, 'select, insert, update, delete'))`,
    finding: (login) =>
      `Login ${login} reaches tables without entering a role. Take its own grants from it, make it NOINHERIT, and grant it genai_app and genai_system anew.`,
  },
  {
    sql: `select r.rolname || ' of ' || c.relname as subject
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      join pg_roles r on r.rolname in ('genai_app', 'genai_system', session_user)
      where n.nspname = 'genai' and pg_has_role(r.oid, c.relowner, 'member') and not r.rolsuper`,
    finding: (subject) => `Owner: ${subject}. Tables must belong to genai_owner alone.`,
  },
  {
    sql: `select c.relname as subject ${ownTables} and c.relname <> 'schema_migrations'
      and not (c.relrowsecurity and c.relforcerowsecurity)`,
    finding: (table) => `Table ${table} has no forced row-level security. Enable and force it.`,
  },
  {
    sql: `select c.relname as subject ${tenantTables} and not exists (
        select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and a.attnotnull)`,
    finding: (table) => `Table ${table} has no column tenant_id not null.`,
  },
  {
    sql: `select c.relname as subject ${tenantTables} and not exists (
        select from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
        where i.indrelid = c.oid and a.attname = 'tenant_id' and i.indpred is null and i.indisvalid)`,
    finding: (table) => `Table ${table} has no index that leads with tenant_id.`,
  },
  {
    // In a shared index of vectors, what others have near a question slows a search and pushes results out.
    sql: `select ic.relname as subject
      from pg_index i join pg_class ic on ic.oid = i.indexrelid join pg_namespace n on n.oid = ic.relnamespace
      join pg_am am on am.oid = ic.relam
      where n.nspname = 'genai' and am.amname in ('hnsw', 'ivfflat')
        and coalesce(pg_get_expr(i.indpred, i.indrelid), '') !~ '^\\(\\(tenant_id = ''[a-z0-9_]+''::text\\) AND '`,
    finding: (index) => `Index ${index} holds the vectors of several tenants. Drop it; each gets one of its own.`,
  },
  {
    // Only genai_app is bound to a tenant; what it may do must be bounded on both sides.
    sql: `select c.relname || '.' || p.polname as subject
      from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'genai' and p.polpermissive
        and (select oid from pg_roles where rolname = 'genai_app') = any (p.polroles)
        and not (
          (p.polcmd = 'a' or coalesce(pg_get_expr(p.polqual, p.polrelid), '') = ${tenantPredicate})
          and (p.polcmd in ('r', 'd') or coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '') = ${tenantPredicate}))`,
    finding: (policy) => `Policy ${policy} lacks USING or WITH CHECK on the tenant, or adds to it.`,
  },
  {
    sql: `select c.relname || '.' || p.polname as subject
      from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'genai' and (0 = any (p.polroles) or exists (
        select from unnest(p.polroles) as role(id) join pg_roles r on r.oid = role.id
        where r.rolname not in ('genai_app', 'genai_system')))`,
    finding: (policy) => `Policy ${policy} applies to a role other than genai_app and genai_system.`,
  },
  {
    sql: `select c.relname as subject ${ownTables} and c.relname <> 'schema_migrations' and exists (
        select from aclexplode(c.relacl) a join pg_roles r on r.oid = a.grantee
        where r.rolname = 'genai_app') and not exists (
        select from pg_policy p where p.polrelid = c.oid
        and (select oid from pg_roles where rolname = 'genai_app') = any (p.polroles))`,
    finding: (table) => `Table ${table} is granted to genai_app without a policy.`,
  },
  {
    sql: `select distinct c.relname || ' ' || lower(a.privilege_type) as subject
      from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) a
      left join pg_roles r on r.oid = a.grantee
      where n.nspname = 'genai' and c.relkind in ('r', 'p', 'v', 'm')
        and (a.grantee = 0 or (r.rolname in ('genai_app', 'genai_system') and a.privilege_type in ('TRUNCATE', 'REFERENCES', 'TRIGGER')))`,
    finding: (grant) =>
      `Grant ${grant}: truncate, references and trigger pass by row-level security, and nothing may be public.`,
  },
  {
    sql: `select c.relname as subject from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'genai' and (c.relkind = 'm'
        or (c.relkind = 'v' and not coalesce(c.reloptions @> array['security_invoker=true'], false)))`,
    finding: (view) => `View ${view} shows all tenants. Make it security_invoker; materialised views are not allowed.`,
  },
  {
    // A single-column key into a tenant table tells whether another tenant's id exists.
    sql: `select con.conrelid::regclass || '.' || con.conname as subject
      from pg_constraint con join pg_namespace n on n.oid = con.connamespace
      where n.nspname = 'genai' and con.contype = 'f' and not exists (
        select from pg_attribute a where a.attrelid = con.conrelid and a.attnum = con.conkey[1] and a.attname = 'tenant_id')`,
    finding: (key) => `Foreign key ${key} does not begin with tenant_id.`,
  },
  {
    sql: `select p.oid::regprocedure::text as subject from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where p.prosecdef and n.nspname not in ('pg_catalog', 'information_schema')
      and has_function_privilege('genai_app', p.oid, 'execute')`,
    finding: (routine) =>
      `Function ${routine} runs with the rights of its owner. Make it security invoker, or take it from genai_app.`,
  },
  {
    sql: `select nspname as subject from pg_namespace where nspname = 'pgboss'
      and has_schema_privilege('genai_app', oid, 'usage')`,
    finding: (schema) => `Schema ${schema} is granted to genai_app; job payloads span tenants.`,
  },
];

/**
 * Checks the catalogue, as the login of a connection sees it.
 * @throws {CatalogError} with every finding.
 */
export async function lintCatalog(connection: Connection): Promise<void> {
  const findings: string[] = [];
  for (const { sql, finding } of checks) {
    const { rows } = await connection.query<{ subject: string }>(sql);
    findings.push(...rows.map(({ subject }) => finding(subject)));
  }
  if (findings.length === 0) findings.push(...(await effectiveRoleFindings(connection)));
  if (findings.length > 0) throw new CatalogError(findings);
}

/** Enters each kind of transaction and looks at the role that is then in force. */
async function effectiveRoleFindings(connection: Connection): Promise<string[]> {
  const findings: string[] = [];
  for (const role of ['genai_app', 'genai_system'] as const) {
    const look = () =>
      connection.query(
        'select from pg_roles where rolname = current_user and rolname = $1 and not (rolsuper or rolbypassrls)',
        [role],
      );
    const isInForce = await inRole(connection, role, look).then(
      ({ rowCount }) => rowCount === 1,
      () => false,
    );
    if (!isInForce) findings.push(`Transactions do not run as ${role}. Grant it to the login of DATABASE_URL.`);
  }
  return findings;
}
