/** Teams as resources: how they are searched and read. */

import { and, asc, count, eq, inArray, sql } from 'drizzle-orm';
import type { TenantTx } from '../../db/index.ts';
import type { Complex } from '../scim/attributes.ts';
import { isSent, projected, type Selection } from '../scim/projection.ts';
import { teamMembers, teams, users } from '../tables.ts';
import { isSomebody, teamColumns } from '../teams/membership.ts';
import type { TeamView } from '../teams/teams.ts';
import { groupType } from './group-type.ts';
import { type ListRequest, type ListResult, locationOf, pageSizeMax, withMeta } from './provisioned.ts';
import { conditionFrom, type Search, type Searchable } from './search.ts';

/** Most members in a list of groups; the page ends before the group that would go beyond. */
const membersPerPageMax = 20_000;

const hasMember = (userId: string) =>
  sql`exists (select from genai.team_members where team_id = ${teams.id} and user_id = ${userId})`;
const members: Search = {
  kind: 'equality',
  equals: hasMember,
  isPresent: sql`exists (select from genai.team_members where team_id = ${teams.id})`,
};

/** What can be searched of groups. */
const searchable: Searchable = new Map<string, Search>([
  ['id', { kind: 'text', column: teams.id, case: 'exact' }],
  ['displayName', { kind: 'text', column: teams.name, case: 'any' }],
  ['externalId', { kind: 'text', column: teams.externalId, case: 'exact' }],
  ['members', members],
  ['members.value', members],
  ['meta.created', { kind: 'time', column: teams.createdAt }],
  ['meta.lastModified', { kind: 'time', column: teams.updatedAt }],
]);

/** A part of the list of teams. @throws {AppError} filter_invalid or request_invalid. */
export async function listGroups(
  tx: TenantTx,
  { filter, startIndex, count: wanted, selection }: ListRequest,
): Promise<ListResult> {
  const condition = conditionFrom(groupType, searchable, filter);
  const [counted] = await tx.select({ total: count() }).from(teams).where(condition);
  const size = sql<number>`(select count(*)::int from genai.team_members where team_id = ${teams.id})`;
  const rows = await tx
    .select({ ...teamColumns, size })
    .from(teams)
    .where(condition)
    .orderBy(asc(teams.id))
    .offset(startIndex - 1)
    .limit(Math.min(wanted, pageSizeMax));
  const found = isSent(groupType, selection, 'members') ? withinMembersMax(rows) : rows;
  return { total: counted?.total ?? 0, startIndex, resources: await resourcesOf(tx, found, selection) };
}

/** The part of the resource that clients write. */
export function resourceFromTeam({ name, externalId }: TeamView, memberOf: ReadonlySet<string>): Complex {
  return {
    ...(externalId === null ? {} : { externalId }),
    displayName: name,
    ...(memberOf.size === 0 ? {} : { members: [...memberOf].map((value) => ({ value })) }),
  };
}

/** The first teams whose members are not too many together; always one at least. */
function withinMembersMax<T extends { readonly size: number }>(rows: readonly T[]): readonly T[] {
  let total = 0;
  const end = rows.findIndex(({ size }, index) => {
    total += size;
    return index > 0 && total > membersPerPageMax;
  });
  return end === -1 ? rows : rows.slice(0, end);
}

/** The resource of a team. */
export async function resourceOf(tx: TenantTx, team: TeamView, selection: Selection): Promise<Complex> {
  const [resource] = await resourcesOf(tx, [team], selection);
  if (resource === undefined) throw new Error('One team makes one resource.');
  return resource;
}

/** The resources of teams, whose members are read together. */
async function resourcesOf(
  tx: TenantTx,
  found: readonly TeamView[],
  selection: Selection,
): Promise<readonly Complex[]> {
  const byTeam = isSent(groupType, selection, 'members') ? await membersOf(tx, found) : undefined;
  return found.map((team) => {
    const own = byTeam?.get(team.id);
    const resource = {
      ...resourceFromTeam(team, new Set()),
      ...(own === undefined ? {} : { members: own }),
    };
    return projected(groupType, withMeta(groupType, team, resource), selection);
  });
}

async function membersOf(tx: TenantTx, found: readonly TeamView[]) {
  if (found.length === 0) return undefined;
  const ids = found.map(({ id }) => id);
  const rows = await tx
    .select({ teamId: teamMembers.teamId, userId: users.id, name: users.name })
    .from(teamMembers)
    .innerJoin(users, eq(users.id, teamMembers.userId))
    .where(and(inArray(teamMembers.teamId, ids), isSomebody))
    .orderBy(asc(users.id));
  const byTeam = Map.groupBy(rows, ({ teamId }) => teamId);
  return new Map(
    [...byTeam].map(([teamId, own]) => [
      teamId,
      own.map(({ userId, name }) => ({
        value: userId,
        display: name,
        type: 'User',
        $ref: locationOf('/Users', userId),
      })),
    ]),
  );
}
