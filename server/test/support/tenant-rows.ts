/** Rows for any table of a tenant, made from what the catalogue says about its columns. */

import type pg from 'pg';

/** What genai_app may do with a table. */
export type Verb = 'select' | 'insert' | 'update' | 'delete';

/** A table with a tenant column. */
export interface TenantTable {
  readonly name: string;
  /** What is granted to genai_app. */
  readonly verbs: ReadonlySet<Verb>;
  /** Whether a tenant has one row at most. */
  readonly isSingle: boolean;
  /** A statement that inserts a valid row of a tenant; rows of different numbers differ in their keys. */
  readonly insert: (tenantId: string, number: number) => string;
}

interface Column {
  readonly name: string;
  readonly type: string;
  /** First value that an enum or a list of allowed values offers. */
  readonly offered: string | null;
}

const columnsSql = `
  select a.attname as name, format_type(a.atttypid, null) as type,
    coalesce(
      (select e.enumlabel from pg_enum e where e.enumtypid = a.atttypid order by e.enumsortorder limit 1),
      (select substring(pg_get_constraintdef(k.oid) from 'ARRAY\\[''([^'']*)''')
        from pg_constraint k where k.conrelid = a.attrelid and k.contype = 'c' and k.conkey = array[a.attnum]
          and pg_get_constraintdef(k.oid) like '%ARRAY[%' limit 1)) as offered
  from pg_attribute a where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped
    and a.attnotnull and not a.atthasdef and a.attgenerated = ''
  order by a.attnum`;

const tablesSql = `
  select c.relname as name, array_agg(distinct lower(g.privilege_type)) filter (where r.rolname = 'genai_app') as verbs,
    bool_or(exists (select from pg_index i where i.indrelid = c.oid and i.indisunique and i.indkey::text = a.attnum::text))
      as "isSingle"
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
    left join lateral aclexplode(c.relacl) g on true left join pg_roles r on r.oid = g.grantee
  where n.nspname = 'genai' and c.relkind in ('r', 'p') group by c.relname order by c.relname`;

/** All tables of our schema that have a tenant column. */
export async function tenantTables(superuser: pg.Client): Promise<TenantTable[]> {
  const { rows } = await superuser.query<{ name: string; verbs: Verb[] | null; isSingle: boolean }>(tablesSql);
  const tables: TenantTable[] = [];
  for (const { name, verbs, isSingle } of rows) {
    const { rows: columns } = await superuser.query<Column>(columnsSql, [`genai.${name}`]);
    const names = columns.map((column) => column.name).join(', ');
    tables.push({
      name,
      verbs: new Set(verbs ?? []),
      isSingle,
      insert: (tenantId, number) =>
        `insert into genai.${name} (${names}) values (${columns.map((column) => literal(column, tenantId, number)).join(', ')})`,
    });
  }
  return tables;
}

function literal({ name, type, offered }: Column, tenantId: string, number: number): string {
  if (name === 'tenant_id') return `'${tenantId}'`;
  if (offered !== null) return `'${offered}'`;
  const values: Record<string, string> = {
    text: `'row-${number}'`,
    bytea: `'\\x00'`,
    'timestamp with time zone': 'now()',
    integer: String(number),
    smallint: String(number),
    bigint: String(number),
    boolean: 'false',
    json: `'{}'`,
    jsonb: `'{}'`,
    tsvector: `''`,
    'text[]': `'{}'`,
  };
  const value = values[type];
  if (value === undefined) throw new Error(`Say here how to make a value of type ${type}, for column ${name}.`);
  return value;
}
