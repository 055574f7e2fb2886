/** The rules for changing a user: what a change may hold, who may make it, and that an admin remains. */

import { and, asc, eq } from 'drizzle-orm';
import { type Classification, classifications, type UserRole, userRoles } from '../../context.ts';
import type { TenantTx } from '../../db/index.ts';
import { AppError } from '../../errors.ts';
import { type Acting, actingUserId, assertMayGrant } from '../acting.ts';
import { checkedChoice, checkedName } from '../input.ts';
import { invalidField } from '../refusals.ts';
import { type UserStatus, userStatuses, users } from '../tables.ts';

/** A user as admins and the user see them. */
export interface UserView {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly role: UserRole;
  readonly clearance: Classification;
  readonly status: UserStatus;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** What may change of a user; what is left out stays. */
export interface UserChange {
  readonly name?: string;
  readonly role?: UserRole;
  readonly clearance?: Classification;
  readonly status?: UserStatus;
  readonly password?: string;
}

/** The known fields, checked; at least one. Anything else that came along stays behind. @throws {AppError} request_invalid. */
export function checkedChange({ name, role, clearance, status, password }: UserChange): UserChange {
  const change = {
    ...(name === undefined ? {} : { name: checkedName(name) }),
    ...(role === undefined ? {} : { role: checkedChoice(role, userRoles, '/role') }),
    ...(clearance === undefined ? {} : { clearance: checkedChoice(clearance, classifications, '/clearance') }),
    ...(status === undefined ? {} : { status: checkedChoice(status, userStatuses, '/status') }),
    ...(password === undefined ? {} : { password }),
  };
  if (Object.keys(change).length === 0) throw invalidField('', 'Name at least one field to change.');
  return change;
}

/**
 * The active admins, locked in one order before any other row, so that changes which could remove an admin come one
 * after the other and each sees what the one before left.
 */
export async function lockActiveAdmins(tx: TenantTx): Promise<readonly string[]> {
  const isActiveAdmin = and(eq(users.role, 'admin'), eq(users.status, 'active'));
  const rows = await tx
    .select({ id: users.id })
    .from(users)
    .where(isActiveAdmin)
    .orderBy(asc(users.id))
    .for('no key update');
  return rows.map(({ id }) => id);
}

/**
 * Whether this change of this user by this caller is allowed.
 * @param admins the locked active admins; empty when neither role nor status changes.
 * @throws {AppError} permission_denied, classification_denied, or state_conflict for the last admin.
 */
export function assertAllowed(acting: Acting, before: UserView, change: UserChange, admins: readonly string[]): void {
  const { role, clearance, status, password } = change;
  const changesRights = role !== undefined || clearance !== undefined || status !== undefined;
  if (changesRights && actingUserId(acting) === before.id) {
    throw new AppError('permission_denied', { detail: 'Nobody changes their own role, clearance or status.' });
  }
  assertMayGrant(acting, {
    ...(role === undefined ? {} : { role }),
    ...(clearance === undefined ? {} : { clearance }),
  });
  // Whoever sets a password can log in with it, and with all that the user has.
  if (password !== undefined) assertMayGrant(acting, { role: before.role, clearance: before.clearance });
  const staysAdmin = (role ?? before.role) === 'admin' && (status ?? before.status) === 'active';
  if (!staysAdmin && admins.includes(before.id) && admins.length === 1) {
    throw new AppError('state_conflict', {
      detail: 'This is the last active admin of the tenant; name another one first.',
    });
  }
}
