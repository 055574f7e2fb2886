/** The rules for changing a user: what a change may hold, who may make it, and that an admin remains. */

import { and, asc, eq } from 'drizzle-orm';
import type { Role } from '../../access/index.ts';
import { type Classification, classifications } from '../../context.ts';
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
  readonly role: string;
  readonly clearance: Classification;
  readonly status: UserStatus;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** The columns of a `UserView`. */
export const userColumns = {
  id: users.id,
  email: users.email,
  name: users.name,
  role: users.role,
  clearance: users.clearance,
  status: users.status,
  createdAt: users.createdAt,
  updatedAt: users.updatedAt,
};

/** What may change of a user; what is left out stays. */
export interface UserChange {
  /** Changed by provisioning only. */
  readonly email?: string;
  readonly name?: string;
  readonly role?: string;
  readonly clearance?: Classification;
  readonly status?: UserStatus;
  readonly password?: string;
}

/** The known fields, checked; at least one. Anything else that came along stays behind. @throws {AppError} request_invalid. */
export function checkedChange({ name, role, clearance, status, password }: UserChange): UserChange {
  const change = {
    ...(name === undefined ? {} : { name: checkedName(name) }),
    ...(role === undefined ? {} : { role }),
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

/** A change of a user and what decides whether it is allowed. */
export interface ProposedChange {
  readonly before: UserView;
  /** The role that the user holds. */
  readonly held: Role;
  readonly change: UserChange;
  /** The role that the change gives. */
  readonly given: Role | undefined;
  /** The locked active admins; empty when neither role nor status changes. */
  readonly admins: readonly string[];
}

/**
 * Whether this change of this user by this caller is allowed.
 * @throws {AppError} permission_denied, classification_denied, or state_conflict for the last admin.
 */
export function assertAllowed(acting: Acting, { before, held, change, given, admins }: ProposedChange): void {
  const { email, role, clearance, status, password } = change;
  const changesRights = role !== undefined || clearance !== undefined || status !== undefined;
  if (changesRights && actingUserId(acting) === before.id) {
    throw new AppError('permission_denied', { detail: 'Nobody changes their own role, clearance or status.' });
  }
  assertMayGrant(acting, {
    ...(given === undefined ? {} : { role: given }),
    ...(clearance === undefined ? {} : { clearance }),
  });
  // Whoever sets a password, or the address that a sign-in elsewhere is known by, can log in with all that the user has.
  if (password !== undefined || email !== undefined)
    assertMayGrant(acting, { role: held, clearance: before.clearance, readers: [`user:${before.id}`] });
  if (status === 'active' && before.status !== 'active')
    assertMayGrant(acting, { role: given ?? held, clearance: clearance ?? before.clearance });
  const staysAdmin = (role ?? before.role) === 'admin' && (status ?? before.status) === 'active';
  if (!staysAdmin && admins.includes(before.id) && admins.length === 1) {
    throw new AppError('state_conflict', {
      detail: 'This is the last active admin of the tenant; name another one first.',
    });
  }
}
