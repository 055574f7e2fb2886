/** Which role somebody holds or is to be given, with what it permits. */

import { and, eq } from 'drizzle-orm';
import { builtInRole, customRole, type Role } from '../../access/index.ts';
import type { TenantTx } from '../../db/index.ts';
import { invalidField } from '../refusals.ts';
import { roles, users } from '../tables.ts';

/** Joins `roles` to `users`, on the left of it; built-in roles have no row. */
export const isRoleOfUser = and(eq(roles.tenantId, users.tenantId), eq(roles.name, users.role));

/** The role of a user, from their row and that of `roles` where there is one. */
export function roleFrom(name: string, permissionsOfCustomRole: readonly string[] | null): Role {
  return builtInRole(name) ?? customRole(name, permissionsOfCustomRole ?? []);
}

/** The role that somebody holds, by its name; kept from being removed until commit. */
export async function heldRole(tx: TenantTx, name: string): Promise<Role> {
  return builtInRole(name) ?? customRole(name, (await permissionsOf(tx, name)) ?? []);
}

/** The role of a name, if there is one; kept from being removed until commit. */
export async function findRole(tx: TenantTx, name: string): Promise<Role | undefined> {
  const builtIn = builtInRole(name);
  if (builtIn !== undefined) return builtIn;
  const permissions = await permissionsOf(tx, name);
  return permissions === undefined ? undefined : customRole(name, permissions);
}

/**
 * The role of a name that came in; kept from being removed until commit.
 * @param pointer the field that named it.
 * @throws {AppError} request_invalid.
 */
export async function roleToGive(tx: TenantTx, name: string, pointer = '/role'): Promise<Role> {
  const role = await findRole(tx, name);
  if (role === undefined) throw invalidField(pointer, 'There is no such role. List them with GET /api/roles.');
  return role;
}

async function permissionsOf(tx: TenantTx, name: string): Promise<readonly string[] | undefined> {
  const columns = { permissions: roles.permissions };
  const [row] = await tx.select(columns).from(roles).where(eq(roles.name, name)).for('key share');
  return row?.permissions;
}
