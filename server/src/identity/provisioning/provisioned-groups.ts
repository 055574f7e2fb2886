/** Groups as a directory provisions them: our teams, with their members. */

import { and, asc, eq, ne } from 'drizzle-orm';
import type { RequestContext } from '../../context.ts';
import { isId, newId, type TenantTx } from '../../db/index.ts';
import { AppError } from '../../errors.ts';
import { assertMay, assertMayGrant, changeEvent } from '../acting.ts';
import { checkedName } from '../input.ts';
import { notFound } from '../refusals.ts';
import type { Complex } from '../scim/attributes.ts';
import { patched } from '../scim/patch.ts';
import { valueInvalid } from '../scim/refusals.ts';
import { complexOf, elementsOf, pick, resourceFrom, textOf } from '../scim/values.ts';
import { teamMembers, teams } from '../tables.ts';
import { addMembers, lockTeam, removeMembers, teamColumns } from '../teams/membership.ts';
import { listGroups, resourceFromTeam, resourceOf } from './group-reading.ts';
import { groupType } from './group-type.ts';
import { asGiver, assertVersion, type ChangeRequest, changedAt, type Provisioned } from './provisioned.ts';
import type { ProvisioningOptions } from './provisioned-users.ts';

/** Most ids in one audit event. */
const idsPerEventMax = 500;

/** Makes the provisioning of groups. */
export function createProvisionedGroups({ database, vault, audit, now }: ProvisioningOptions): Provisioned {
  /** Locks a team, lets a function say what the resource is to be, and writes what that changes. */
  async function change(
    ctx: RequestContext,
    { id, ifMatch, selection }: ChangeRequest,
    next: (before: Complex) => Complex,
  ): Promise<Complex> {
    assertMay(ctx, 'users:provision');
    const box = await vault.forTenant(ctx);
    return database.withTenant(ctx, async (tx) => {
      const before = await lockTeam(tx, id);
      assertVersion(before, ifMatch);
      const members = await memberIds(tx, id);
      const after = next(resourceFromTeam(before, members));
      const columns = columnsFrom(after);
      const wanted = wantedMembers(after);
      const added = wanted.filter((userId) => !members.has(userId));
      const kept = new Set(wanted);
      const removed = [...members].filter((userId) => !kept.has(userId));
      const changed = Object.keys(columns).filter((name) => columns[name as 'name'] !== before[name as 'name']);
      if (changed.length + added.length + removed.length === 0) return resourceOf(tx, before, selection);
      await assertFree(tx, columns, id);
      const updated = { ...columns, updatedAt: changedAt(before, now()) };
      const [team] = await tx.update(teams).set(updated).where(eq(teams.id, id)).returning(teamColumns);
      if (team === undefined) throw new Error('A locked row must not vanish.');
      await removeMembers(tx, id, removed);
      await addKnown(tx, ctx, id, added);
      const details = { changed, name: team.name };
      const resource = { kind: 'team', id };
      if (changed.length > 0) await audit.append(tx, box, changeEvent(ctx, 'team.updated', resource, { details }));
      for (const part of partsOf(added, removed)) {
        await audit.append(tx, box, changeEvent(ctx, 'team.members_changed', resource, { details: part }));
      }
      return resourceOf(tx, team, selection);
    });
  }

  return {
    type: groupType,

    async list(ctx, request) {
      assertMay(ctx, 'users:provision');
      return database.withTenant(ctx, (tx) => listGroups(tx, request));
    },

    async read(ctx, id, selection) {
      assertMay(ctx, 'users:provision');
      if (!isId('team', id)) throw notFound();
      return database.withTenant(ctx, async (tx) => {
        const [team] = await tx.select(teamColumns).from(teams).where(eq(teams.id, id));
        if (team === undefined) throw notFound();
        return resourceOf(tx, team, selection);
      });
    },

    async create(ctx, body, selection) {
      assertMay(ctx, 'users:provision');
      const after = resourceFrom(groupType, body);
      const columns = columnsFrom(after);
      const box = await vault.forTenant(ctx);
      const at = new Date(now());
      return database.withTenant(ctx, async (tx) => {
        const row = { tenantId: ctx.tenantId, id: newId('team'), ...columns, createdAt: at, updatedAt: at };
        const [team] = await tx.insert(teams).values(row).onConflictDoNothing().returning(teamColumns);
        if (team === undefined) throw taken();
        const resource = { kind: 'team', id: team.id };
        await audit.append(tx, box, changeEvent(ctx, 'team.created', resource, { details: { name: team.name } }));
        const added = wantedMembers(after);
        await addKnown(tx, ctx, team.id, added);
        for (const part of partsOf(added, [])) {
          await audit.append(tx, box, changeEvent(ctx, 'team.members_changed', resource, { details: part }));
        }
        return resourceOf(tx, team, selection);
      });
    },

    async replace(ctx, request, body) {
      const wanted = resourceFrom(groupType, body);
      return change(ctx, request, (before) => ({ ...pick(before, ['externalId']), ...wanted }));
    },

    patch: (ctx, request, operations) => change(ctx, request, (before) => patched(groupType, before, operations)),

    async remove(ctx, id, ifMatch) {
      assertMay(ctx, 'users:provision');
      const box = await vault.forTenant(ctx);
      await database.withTenant(ctx, async (tx) => {
        const before = await lockTeam(tx, id);
        assertVersion(before, ifMatch);
        await tx.delete(teams).where(eq(teams.id, id));
        const event = changeEvent(ctx, 'team.deleted', { kind: 'team', id }, { details: { name: before.name } });
        await audit.append(tx, box, event);
      });
    },
  };
}

/** @throws {AppError} request_invalid. */
function columnsFrom(resource: Complex) {
  return {
    name: checkedName(textOf(resource['displayName']) ?? ''),
    externalId: textOf(resource['externalId']) ?? null,
  };
}

function wantedMembers(resource: Complex): readonly string[] {
  const ids = elementsOf(resource['members']).map((element) => textOf(complexOf(element)['value']) ?? '');
  return [...new Set(ids)];
}

async function memberIds(tx: TenantTx, teamId: string): Promise<ReadonlySet<string>> {
  const rows = await tx
    .select({ id: teamMembers.userId })
    .from(teamMembers)
    .where(eq(teamMembers.teamId, teamId))
    .orderBy(asc(teamMembers.userId));
  return new Set(rows.map(({ id }) => id));
}

/**
 * @throws {AppError} request_invalid when somebody is no user: absent, deleted or of another tenant, all alike;
 * permission_denied when what is granted to the team is not the giver's to give.
 */
async function addKnown(tx: TenantTx, ctx: RequestContext, teamId: string, userIds: readonly string[]): Promise<void> {
  if (userIds.length > 0) assertMayGrant(asGiver(ctx), { readers: [`team:${teamId}`] });
  const [unknown] = userIds.every((id) => isId('user', id)) ? await addMembers(tx, ctx, teamId, userIds) : ['nobody'];
  if (unknown !== undefined) throw valueInvalid({ name: 'members' }, 'names somebody who is no user');
}

/** @throws {AppError} value_taken when another team has the name or the external id. */
async function assertFree(tx: TenantTx, { name, externalId }: ReturnType<typeof columnsFrom>, id: string) {
  for (const condition of [eq(teams.name, name), ...(externalId === null ? [] : [eq(teams.externalId, externalId)])]) {
    const [other] = await tx
      .select({ id: teams.id })
      .from(teams)
      .where(and(condition, ne(teams.id, id)));
    if (other !== undefined) throw taken();
  }
}

function taken(): AppError {
  return new AppError('value_taken', { detail: 'There is a group with this displayName or externalId already.' });
}

/** A change of members in parts that an audit event can hold. */
function partsOf(added: readonly string[], removed: readonly string[]) {
  const parts: { added: readonly string[]; removed: readonly string[] }[] = [];
  for (let at = 0; at < Math.max(added.length, removed.length); at += idsPerEventMax) {
    parts.push({
      added: added.slice(at, at + idsPerEventMax),
      removed: removed.slice(at, at + idsPerEventMax),
    });
  }
  return parts;
}
