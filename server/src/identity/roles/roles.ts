/**
 * The roles that a tenant makes for itself, beside the built-in ones.
 *
 * Nobody puts a permission into a role that they do not hold. A role is known by its name, which stays; who holds it has
 * what it permits from the next request on. One that somebody holds is not removed.
 */

import { and, asc, count, eq, ne, sql } from 'drizzle-orm';
import { builtInRole, type Permission } from '../../access/index.ts';
import type { AuditEvent, AuditLog } from '../../audit/index.ts';
import { builtInRoles } from '../../context.ts';
import type { Database, TenantTx } from '../../db/index.ts';
import { AppError } from '../../errors.ts';
import type { Vault } from '../../vault/index.ts';
import { type Acting, assertMay, assertMayGrant, changeEvent } from '../acting.ts';
import { invalidField, notFound } from '../refusals.ts';
import { roles, users } from '../tables.ts';
import { checkedDescription, checkedPermissions, checkedRoleName } from './role-input.ts';

/** A role as the tenant sees it. */
export interface RoleView {
  readonly name: string;
  readonly description: string;
  readonly permissions: readonly string[];
  /** Whether every tenant has it, and none can change it. */
  readonly isBuiltIn: boolean;
}

/** What makes a role. */
export interface NewRole {
  readonly name: string;
  readonly description?: string;
  readonly permissions: readonly string[];
}

/** What may change of a role; what is left out stays. */
export type RoleChange = Partial<Omit<NewRole, 'name'>>;

/** The roles of tenants. All functions throw permission_denied; those that change, request_invalid. */
export interface Roles {
  /** The built-in ones first, then the tenant's own by name. */
  readonly list: (acting: Acting) => Promise<readonly RoleView[]>;
  /** @throws {AppError} state_conflict when the name is taken or there are too many. */
  readonly create: (acting: Acting, input: NewRole) => Promise<RoleView>;
  /** @throws {AppError} resource_not_found, state_conflict for a built-in role. */
  readonly update: (acting: Acting, name: string, change: RoleChange) => Promise<RoleView>;
  /** Also takes back what was granted to the role. @throws {AppError} resource_not_found, state_conflict. */
  readonly remove: (acting: Acting, name: string) => Promise<void>;
}

/** What roles need. */
export interface RolesOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly now: () => number;
}

/** Roles of a tenant's own, at most. */
const rolesPerTenantMax = 100;

const descriptionsOfBuiltIn = {
  admin: 'Runs the tenant: users, roles, keys, usage, audit, and every collection.',
  analyst: 'Asks, chats, and keeps documents and collections.',
  viewer: 'Asks questions and reads documents.',
} as const;

/** Makes the roles. */
export function createRoles({ database, vault, audit, now }: RolesOptions): Roles {
  async function change<T>(acting: Acting, fn: (tx: TenantTx, record: Recorder) => Promise<T>): Promise<T> {
    assertMay(acting, 'roles:write');
    const box = await vault.forTenant(acting);
    return database.withTenant(acting, (tx) =>
      fn(tx, (action, name, details) =>
        audit.append(tx, box, changeEvent(acting, action, { kind: 'role', id: name }, { details })),
      ),
    );
  }

  return {
    async list(acting) {
      assertMay(acting, 'users:read');
      const rows = await database.withTenant(acting, (tx) => tx.select(columns).from(roles).orderBy(asc(roles.name)));
      return [...builtInRoles.map(builtInView), ...rows.map(viewFrom)];
    },

    create: (acting, input) =>
      change(acting, async (tx, record) => {
        const name = checkedRoleName(input.name);
        const description = checkedDescription(input.description ?? '');
        const permissions = checkedPermissions(input.permissions);
        assertMayGrant(acting, { permissions });
        await assertRoom(tx, acting.tenantId);
        const row = { tenantId: acting.tenantId, name, description, permissions: [...permissions] };
        const [made] = await tx.insert(roles).values(row).onConflictDoNothing().returning(columns);
        if (made === undefined) throw new AppError('state_conflict', { detail: `There is a role ${name} already.` });
        await record('role.created', name, { permissions });
        return viewFrom(made);
      }),

    update: (acting, name, input) =>
      change(acting, async (tx, record) => {
        const before = await lockRole(tx, name);
        const values = changedValues(acting, input);
        const updated = { ...values, updatedAt: new Date(now()) };
        const [role] = await tx.update(roles).set(updated).where(eq(roles.name, name)).returning(columns);
        if (role === undefined) throw new Error('A locked row must not vanish.');
        const { permissions } = values;
        const details = permissions === undefined ? {} : { permissions: { from: before.permissions, to: permissions } };
        await record('role.updated', name, { changed: Object.keys(values), ...details });
        return viewFrom(role);
      }),

    remove: (acting, name) =>
      change(acting, async (tx, record) => {
        const { permissions } = await lockRole(tx, name);
        const isHeld = and(eq(users.role, name), ne(users.status, 'deleted'));
        const [holders] = await tx.select({ users: count() }).from(users).where(isHeld);
        if (holders !== undefined && holders.users > 0) {
          const detail = `${holders.users} ${holders.users === 1 ? 'user holds' : 'users hold'} the role; give them another first.`;
          throw new AppError('state_conflict', { detail });
        }
        await tx.delete(roles).where(eq(roles.name, name));
        await record('role.deleted', name, { permissions });
      }),
  };
}

type Recorder = (action: string, name: string, details: NonNullable<AuditEvent['details']>) => Promise<void>;

const columns = { name: roles.name, description: roles.description, permissions: roles.permissions };

function viewFrom(row: Pick<RoleView, 'name' | 'description' | 'permissions'>): RoleView {
  return { ...row, isBuiltIn: false };
}

function builtInView(name: keyof typeof descriptionsOfBuiltIn): RoleView {
  const permissions = [...(builtInRole(name)?.permissions ?? [])];
  return { name, description: descriptionsOfBuiltIn[name], permissions, isBuiltIn: true };
}

/** The fields that change, checked; at least one. */
function changedValues(acting: Acting, { description, permissions }: RoleChange) {
  if (description === undefined && permissions === undefined) {
    throw invalidField('', 'Name at least one of description and permissions.');
  }
  const checked: { description?: string; permissions?: Permission[] } = {};
  if (description !== undefined) checked.description = checkedDescription(description);
  if (permissions !== undefined) {
    checked.permissions = [...checkedPermissions(permissions)];
    assertMayGrant(acting, { permissions: checked.permissions });
  }
  return checked;
}

/** A role of the tenant's own, locked until commit. */
async function lockRole(tx: TenantTx, name: string) {
  if (builtInRole(name) !== undefined) {
    throw new AppError('state_conflict', { detail: `Every tenant has the role ${name}; it stays as it is.` });
  }
  const [row] = await tx.select(columns).from(roles).where(eq(roles.name, name)).for('update');
  if (row === undefined) throw notFound();
  return row;
}

/** Lets one role of a tenant be made at a time, so that their count stays true. */
async function assertRoom(tx: TenantTx, tenantId: string): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`roles of ${tenantId}`}, 0))`);
  const [row] = await tx.select({ roles: count() }).from(roles);
  if ((row?.roles ?? 0) < rolesPerTenantMax) return;
  throw new AppError('state_conflict', { detail: `A tenant has at most ${rolesPerTenantMax} roles of its own.` });
}
