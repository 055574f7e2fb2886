/** The rows of teams and their members, for whoever changes them in a transaction of their own. */

import { and, count, eq, inArray, ne, sql } from 'drizzle-orm';
import type { TenantScope } from '../../context.ts';
import { isId, type TenantTx } from '../../db/index.ts';
import { AppError } from '../../errors.ts';
import { notFound } from '../refusals.ts';
import { teamMembers, teams, users } from '../tables.ts';

/** Most members of a team. */
export const teamMembersMax = 10_000;

/**
 * Deleted users are in no team. They leave theirs when they are deleted; who is added at that very moment is not seen
 * either, and no lock is needed that a deletion would have to wait for.
 */
export const isSomebody = ne(users.status, 'deleted');

/** The columns of a team. */
export const teamColumns = {
  id: teams.id,
  name: teams.name,
  externalId: teams.externalId,
  createdAt: teams.createdAt,
  updatedAt: teams.updatedAt,
};

/** A team, held until commit so that the count of its members stays true. @throws {AppError} resource_not_found. */
export async function lockTeam(tx: TenantTx, id: string) {
  if (!isId('team', id)) throw notFound();
  const [team] = await tx.select(teamColumns).from(teams).where(eq(teams.id, id)).for('no key update');
  if (team === undefined) throw notFound();
  return team;
}

/**
 * Adds users to a locked team; those who are in it already stay. Deleted users are nobody.
 * @returns the ids that name no user, of whom there must be none for the change to be kept.
 * @throws {AppError} state_conflict when the team would grow too large.
 */
export async function addMembers(
  tx: TenantTx,
  { tenantId }: TenantScope,
  teamId: string,
  userIds: readonly string[],
): Promise<readonly string[]> {
  if (userIds.length === 0) return [];
  const wanted = sql`${sql.param([...userIds])}::text[]`;
  const known = await tx
    .select({ id: users.id })
    .from(users)
    .where(and(sql`${users.id} = any(${wanted})`, isSomebody));
  const ids = new Set(known.map(({ id }) => id));
  const unknown = userIds.filter((id) => !ids.has(id));
  if (unknown.length > 0) return unknown;
  await tx
    .insert(teamMembers)
    .select(sql`select ${tenantId}, ${teamId}, unnest(${wanted}), now()`)
    .onConflictDoNothing();
  const [row] = await tx.select({ members: count() }).from(teamMembers).where(eq(teamMembers.teamId, teamId));
  if ((row?.members ?? 0) > teamMembersMax) {
    throw new AppError('state_conflict', { detail: `A team has at most ${teamMembersMax} members.` });
  }
  return [];
}

/** Takes users out of a team; those who are not in it are not missed. */
export async function removeMembers(tx: TenantTx, teamId: string, userIds: readonly string[]): Promise<void> {
  if (userIds.length === 0) return;
  await tx.delete(teamMembers).where(and(eq(teamMembers.teamId, teamId), inArray(teamMembers.userId, [...userIds])));
}

/** Takes a user out of all teams. */
export async function leaveTeams(tx: TenantTx, userId: string): Promise<void> {
  await tx.delete(teamMembers).where(eq(teamMembers.userId, userId));
}
