/** How a change of a user is written, with all that it ends. */

import { and, eq, isNull } from 'drizzle-orm';
import type { Role } from '../../access/index.ts';
import { isId, type TenantTx } from '../../db/index.ts';
import type { Acting } from '../acting.ts';
import { forgetIdentities } from '../federation/federated-users.ts';
import { notFound } from '../refusals.ts';
import { heldRole, roleToGive } from '../roles/held-role.ts';
import { eraseFactor } from '../second-factor/factor-rows.ts';
import { apiKeys, sessions, users } from '../tables.ts';
import { leaveTeams } from '../teams/membership.ts';
import { assertAllowed, lockActiveAdmins, type UserChange, type UserView, userColumns } from './user-changes.ts';

/** A user who is held until commit, and what decides over a change of them. */
export interface LockedUser {
  readonly before: UserView;
  /** The role that the user holds. */
  readonly held: Role;
  /** The locked active admins; empty unless asked for. */
  readonly admins: readonly string[];
}

/** What only some changes write: columns that no rule looks at. */
export type MoreColumns = Partial<
  Pick<typeof users.$inferInsert, 'passwordHashSealed' | 'externalIdHash' | 'externalIdSealed' | 'profileSealed'>
>;

/**
 * Locks a user who is not deleted.
 * @param mayLoseAdmin whether the change may concern role or status, so that admins are locked first.
 * @throws {AppError} resource_not_found.
 */
export async function lockUser(tx: TenantTx, id: string, mayLoseAdmin: boolean): Promise<LockedUser> {
  if (!isId('user', id)) throw notFound();
  const admins = mayLoseAdmin ? await lockActiveAdmins(tx) : [];
  const [before] = await tx.select(userColumns).from(users).where(eq(users.id, id)).for('no key update');
  if (before === undefined || before.status === 'deleted') throw notFound();
  return { before, held: await heldRole(tx, before.role), admins };
}

/**
 * Writes a checked change of a locked user. Whoever is no longer active, or has a new password, loses their sessions; who is
 * deleted loses address, name and everything else that is personal, their second factor, their identities, keys and teams.
 * @throws {AppError} permission_denied, classification_denied, request_invalid, or state_conflict for the last admin.
 */
export async function writeChange(
  tx: TenantTx,
  acting: Acting,
  { before, held, admins }: LockedUser,
  change: UserChange,
  more: MoreColumns,
  at: Date,
): Promise<UserView> {
  const { id } = before;
  const { email, name, role, clearance, status, password } = change;
  const given = role === undefined ? undefined : await roleToGive(tx, role);
  assertAllowed(acting, { before, held, change, given, admins });
  const columns = {
    updatedAt: at,
    ...(email === undefined ? {} : { email }),
    ...(name === undefined ? {} : { name }),
    ...(role === undefined ? {} : { role }),
    ...(clearance === undefined ? {} : { clearance }),
    ...(status === undefined ? {} : { status }),
    ...more,
    ...(status === 'deleted' ? erased(id) : {}),
  };
  const [user] = await tx.update(users).set(columns).where(eq(users.id, id)).returning(userColumns);
  if (user === undefined) throw new Error('A locked row must not vanish.');
  if (user.status !== 'active' || password !== undefined) await tx.delete(sessions).where(eq(sessions.userId, id));
  if (user.status === 'deleted') {
    const isStanding = and(eq(apiKeys.userId, id), isNull(apiKeys.revokedAt));
    await tx.update(apiKeys).set({ revokedAt: at }).where(isStanding);
    await eraseFactor(tx, id);
    await forgetIdentities(tx, id);
    await leaveTeams(tx, id);
  }
  return user;
}

function erased(id: string) {
  return {
    email: `${id}@deleted.invalid`,
    name: 'Deleted user',
    passwordHashSealed: null,
    externalIdHash: null,
    externalIdSealed: null,
    profileSealed: null,
  };
}
