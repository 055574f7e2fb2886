/** What the rows of a database say that everybody may do, whatever the server thinks. */

import { builtInRole } from '../../src/access/index.ts';
import { type Classification, classificationsWithin } from '../../src/context.ts';
import type { TestDatabase } from './database.ts';

/**
 * Rights by principal. Principals are users, keys, and what makes a principal of whoever has it: a password, a role. A
 * right is a text such as `ten_1 may audit:read`, `ten_1 sees internal`, `ten_1 reads col_1`.
 */
export type Rights = ReadonlyMap<string, ReadonlySet<string>>;

interface UserRow {
  readonly tenant_id: string;
  readonly id: string;
  readonly role: string;
  readonly clearance: Classification;
  readonly permissions: readonly string[] | null;
  readonly tier: string;
  readonly password: string;
  readonly readable: readonly string[];
}
interface KeyRow {
  readonly id: string;
  readonly user_id: string;
  readonly scopes: readonly string[] | null;
}
interface RoleRow {
  readonly tenant_id: string;
  readonly name: string;
  readonly permissions: readonly string[];
}

interface ProviderRow {
  readonly tenant_id: string;
  readonly roles: readonly string[];
  readonly clearances: readonly Classification[];
}

const providersSql = `
  select tenant_id,
    array_remove(array_append(array(select r->>'role' from jsonb_array_elements(rules) as r), default_role), null) as roles,
    array_remove(array_append(array(select r->>'clearance' from jsonb_array_elements(rules) as r),
      default_clearance::text), null) as clearances
  from genai.identity_providers`;

/** Whoever is not active has no rights, and is left out: of those there are ever more. */
const usersSql = `
  select u.tenant_id, u.id, u.role, u.clearance::text, r.permissions, t.tier::text,
    coalesce(encode(sha256(u.password_hash_sealed), 'hex'), 'none') as password,
    array(select distinct c.collection_id from genai.collection_grants c where c.tenant_id = u.tenant_id
      and (c.subject_kind = 'everyone' or (c.subject_kind, c.subject_id) in (('role', u.role), ('user', u.id))
        or (c.subject_kind = 'team' and c.subject_id in
          (select team_id from genai.team_members m where m.tenant_id = u.tenant_id and m.user_id = u.id)))) as readable
  from genai.users u join genai.tenants t using (tenant_id)
  left join genai.roles r on r.tenant_id = u.tenant_id and r.name = u.role
  where u.status = 'active' and t.status = 'active'`;

/** The rights of everybody, now. */
export async function rightsNow(superuser: TestDatabase['superuser']): Promise<Rights> {
  const rights = new Map<string, ReadonlySet<string>>();
  for (const row of (await superuser(usersSql)) as unknown as UserRow[]) {
    const held = builtInRole(row.role)?.permissions ?? row.permissions ?? [];
    const all = [
      ...[...held].map((name) => `${row.tenant_id} may ${name}`),
      ...classificationsWithin(row.clearance).map((label) => `${row.tenant_id} sees ${label}`),
      ...row.readable.map((id) => `${row.tenant_id} reads ${id}`),
      `${row.tenant_id} is ${row.tier}`,
    ];
    rights.set(row.id, new Set(all)).set(`password ${row.password} of ${row.id}`, new Set(all));
  }
  const keys = await superuser('select id, user_id, scopes from genai.api_keys where revoked_at is null');
  for (const { id, user_id, scopes } of keys as unknown as KeyRow[]) {
    rights.set(id, within(rights.get(user_id), scopes ?? undefined));
  }
  const made = await superuser('select tenant_id, name, permissions from genai.roles');
  for (const { tenant_id, name, permissions } of made as unknown as RoleRow[]) {
    rights.set(`role ${name} of ${tenant_id}`, new Set(permissions.map((one) => `${tenant_id} may ${one}`)));
  }
  // Whoever signs in through the provider of a tenant gets what its settings name.
  for (const { tenant_id, roles, clearances } of (await superuser(providersSql)) as unknown as ProviderRow[]) {
    const given = roles.flatMap((name) => [
      ...(builtInRole(name)?.permissions ?? rights.get(`role ${name} of ${tenant_id}`) ?? []),
    ]);
    const permitted = given.map((one) => (one.includes(' may ') ? one : `${tenant_id} may ${one}`));
    const seen = clearances
      .flatMap((clearance) => classificationsWithin(clearance))
      .map((label) => `${tenant_id} sees ${label}`);
    rights.set(`provider of ${tenant_id}`, new Set([...permitted, ...seen]));
  }
  return rights;
}

/** The rights that scopes leave. */
export function within(
  rights: ReadonlySet<string> | undefined,
  scopes: readonly string[] | undefined,
): ReadonlySet<string> {
  const isLeft = (right: string) =>
    scopes === undefined || !right.includes(' may ') || scopes.some((name) => right.endsWith(` may ${name}`));
  return new Set([...(rights ?? [])].filter(isLeft));
}

/** Who may do what now and could not before, beyond what the caller held and what is there only now. */
export function gained(before: Rights, after: Rights, held: ReadonlySet<string>): string[] {
  const known = new Set([...before.values()].flatMap((rights) => [...rights]));
  const isHeld = (right: string) => {
    const [tenantId, verb] = right.split(' ');
    if (verb !== 'reads') return held.has(right);
    // Nobody could read a new collection before; whoever reads all could read any.
    return held.has(right) || !known.has(right) || held.has(`${tenantId} may collections:read_all`);
  };
  return [...after].flatMap(([principal, rights]) =>
    [...rights]
      .filter((right) => before.get(principal)?.has(right) !== true && !isHeld(right))
      .map((right) => `${principal}: ${right}`),
  );
}
