/**
 * Users as a directory provisions them.
 *
 * What is asserted of a user goes through the same rules as a change by an admin: nobody gives a right that the user of the
 * key does not hold, nobody changes themselves, an admin remains. Deactivation suspends, deletion erases.
 */

import { and, asc, count, eq, inArray, ne, type SQL } from 'drizzle-orm';
import type { AuditLog } from '../../audit/index.ts';
import type { RequestContext } from '../../context.ts';
import { type Database, isId, newId, type TenantTx } from '../../db/index.ts';
import { AppError } from '../../errors.ts';
import type { Vault } from '../../vault/index.ts';
import { assertMay, assertMayGrant, changeEvent } from '../acting.ts';
import { notFound } from '../refusals.ts';
import { roleToGive } from '../roles/held-role.ts';
import type { Complex } from '../scim/attributes.ts';
import { patched } from '../scim/patch.ts';
import { isSent, projected, type Selection } from '../scim/projection.ts';
import { pick, resourceFrom } from '../scim/values.ts';
import { teamMembers, teams, users } from '../tables.ts';
import { lockUser, writeChange } from '../users/change-user.ts';
import { type UserChange, userColumns } from '../users/user-changes.ts';
import {
  asGiver,
  assertVersion,
  type ChangeRequest,
  changedAt,
  locationOf,
  type Provisioned,
  pageSizeMax,
  withMeta,
} from './provisioned.ts';
import { conditionFrom } from './search.ts';
import { type DirectoryRow, directoryChange, directoryColumns, userFromRow, userSearchable } from './user-directory.ts';
import { leastRole, type ProvisionedUser, type UserFacts, userFactsFrom, userResource } from './user-resource.ts';
import { userExtensionId, userType } from './user-type.ts';

/** What provisioning needs. */
export interface ProvisioningOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly now: () => number;
}

/** The clearance of those of whom none is said. */
const clearanceDefault = 'internal';

/** Makes the provisioning of users. */
export function createProvisionedUsers({ database, vault, audit, now }: ProvisioningOptions): Provisioned {
  /** Locks a user, lets a function say what the resource is to be, and writes what that changes. */
  async function change(
    ctx: RequestContext,
    { id, ifMatch, selection }: ChangeRequest,
    next: (before: Complex) => Complex,
  ): Promise<Complex> {
    assertMay(ctx, 'users:provision');
    const box = await vault.forTenant(ctx);
    return database.withTenant(ctx, async (tx) => {
      const locked = await lockUser(tx, id, true);
      const before = userFromRow(box, await rowOf(tx, id));
      assertVersion(before, ifMatch);
      const facts = userFactsFrom(next(userResource(before)), before);
      const difference = differenceOf(before, facts);
      const { changed: known, columns } = directoryChange(box, id, facts, before);
      const changed = [...Object.keys(difference), ...known];
      if (changed.length === 0) return resourceOf(tx, before, selection);
      await assertFree(tx, id, difference.email, columns.externalIdHash ?? undefined);
      const at = changedAt(before, now());
      const user = await writeChange(tx, asGiver(ctx), locked, difference, columns, at);
      const { role, clearance, status } = user;
      const details = { changed, role, clearance, status };
      await audit.append(tx, box, changeEvent(ctx, 'user.updated', { kind: 'user', id }, { details }));
      return resourceOf(tx, { ...user, externalId: facts.externalId, profile: facts.profile }, selection);
    });
  }

  return {
    type: userType,

    async list(ctx, { filter, startIndex, count: wanted, selection }) {
      assertMay(ctx, 'users:provision');
      const box = await vault.forTenant(ctx);
      const condition = and(ne(users.status, 'deleted'), conditionFrom(userType, userSearchable(box), filter));
      return database.withTenant(ctx, async (tx) => {
        const [counted] = await tx.select({ total: count() }).from(users).where(condition);
        const rows = await page(tx, condition, startIndex, Math.min(wanted, pageSizeMax));
        const found = rows.map((row) => userFromRow(box, row));
        return { total: counted?.total ?? 0, startIndex, resources: await resourcesOf(tx, found, selection) };
      });
    },

    async read(ctx, id, selection) {
      assertMay(ctx, 'users:provision');
      const box = await vault.forTenant(ctx);
      return database.withTenant(ctx, async (tx) => resourceOf(tx, userFromRow(box, await rowOf(tx, id)), selection));
    },

    async create(ctx, body, selection) {
      assertMay(ctx, 'users:provision');
      const facts = userFactsFrom(resourceFrom(userType, body));
      const { email, name, isActive, clearance = clearanceDefault } = facts;
      const giver = asGiver(ctx);
      const box = await vault.forTenant(ctx);
      const id = newId('user');
      return database.withTenant(ctx, async (tx) => {
        const role = await roleToGive(tx, facts.role ?? leastRole);
        assertMayGrant(giver, { role, clearance });
        const status = isActive === false ? 'suspended' : 'active';
        const own = { tenantId: ctx.tenantId, id, email, name, role: role.name, clearance, status } as const;
        const at = new Date(now());
        const { columns } = directoryChange(box, id, facts, { externalId: undefined, profile: {} });
        const row = { ...own, ...columns, createdAt: at, updatedAt: at };
        const [user] = await tx.insert(users).values(row).onConflictDoNothing().returning(userColumns);
        if (user === undefined) throw taken();
        const event = { details: { role: role.name, clearance, status }, personal: { email, name } };
        await audit.append(tx, box, changeEvent(ctx, 'user.created', { kind: 'user', id }, event));
        return resourceOf(tx, { ...user, externalId: facts.externalId, profile: facts.profile }, selection);
      });
    },

    async replace(ctx, request, body) {
      const wanted = resourceFrom(userType, body);
      return change(ctx, request, (before) => ({ ...pick(before, keptByReplace), ...wanted }));
    },

    patch: (ctx, request, operations) => change(ctx, request, (before) => patched(userType, before, operations)),

    async remove(ctx, id, ifMatch) {
      assertMay(ctx, 'users:provision');
      const box = await vault.forTenant(ctx);
      await database.withTenant(ctx, async (tx) => {
        const locked = await lockUser(tx, id, true);
        assertVersion(locked.before, ifMatch);
        const user = await writeChange(
          tx,
          asGiver(ctx),
          locked,
          { status: 'deleted' },
          {},
          changedAt(locked.before, now()),
        );
        const { role, clearance, status } = user;
        const details = { changed: ['status'], role, clearance, status };
        await audit.append(tx, box, changeEvent(ctx, 'user.updated', { kind: 'user', id }, { details }));
      });
    },
  };
}

/** What decides over rights, and whose user it is, is changed by who says so, not by who leaves it out. */
const keptByReplace = ['externalId', 'active', 'roles', userExtensionId];

/** What facts change of a user; nothing that stays. */
function differenceOf(before: ProvisionedUser, { email, name, role, clearance, isActive }: UserFacts): UserChange {
  const isNowActive = before.status === 'active';
  return {
    ...(email === before.email ? {} : { email }),
    ...(name === before.name ? {} : { name }),
    ...(role === undefined || role === before.role ? {} : { role }),
    ...(clearance === undefined || clearance === before.clearance ? {} : { clearance }),
    ...(isActive === undefined || isActive === isNowActive ? {} : { status: isActive ? 'active' : 'suspended' }),
  };
}

/** @throws {AppError} value_taken when another user has the address or the external id. */
async function assertFree(
  tx: TenantTx,
  id: string,
  email: string | undefined,
  externalIdHash: Uint8Array | undefined,
): Promise<void> {
  for (const condition of [
    ...(email === undefined ? [] : [eq(users.email, email)]),
    ...(externalIdHash === undefined ? [] : [eq(users.externalIdHash, externalIdHash)]),
  ]) {
    const [other] = await tx
      .select({ id: users.id })
      .from(users)
      .where(and(condition, ne(users.id, id)));
    if (other !== undefined) throw taken();
  }
}

function taken(): AppError {
  return new AppError('value_taken', { detail: 'There is a user with this userName or externalId already.' });
}

async function rowOf(tx: TenantTx, id: string): Promise<DirectoryRow> {
  if (!isId('user', id)) throw notFound();
  const [row] = await tx
    .select(directoryColumns)
    .from(users)
    .where(and(eq(users.id, id), ne(users.status, 'deleted')));
  if (row === undefined) throw notFound();
  return row;
}

function page(tx: TenantTx, condition: SQL | undefined, startIndex: number, limit: number): Promise<DirectoryRow[]> {
  if (limit === 0) return Promise.resolve([]);
  return tx
    .select(directoryColumns)
    .from(users)
    .where(condition)
    .orderBy(asc(users.id))
    .offset(startIndex - 1)
    .limit(limit);
}

async function resourceOf(tx: TenantTx, user: ProvisionedUser, selection: Selection): Promise<Complex> {
  const [resource] = await resourcesOf(tx, [user], selection);
  if (resource === undefined) throw new Error('One user makes one resource.');
  return resource;
}

/** The resources of users, whose teams are read together. */
async function resourcesOf(
  tx: TenantTx,
  found: readonly ProvisionedUser[],
  selection: Selection,
): Promise<readonly Complex[]> {
  const groups = isSent(userType, selection, 'groups') ? await groupsOf(tx, found) : undefined;
  return found.map((user) => {
    const own = groups?.get(user.id);
    const resource = { ...userResource(user), ...(own === undefined ? {} : { groups: own }) };
    return projected(userType, withMeta(userType, user, resource), selection);
  });
}

async function groupsOf(tx: TenantTx, found: readonly ProvisionedUser[]) {
  if (found.length === 0) return undefined;
  const ids = found.map(({ id }) => id);
  const rows = await tx
    .select({ userId: teamMembers.userId, teamId: teams.id, name: teams.name })
    .from(teamMembers)
    .innerJoin(teams, eq(teams.id, teamMembers.teamId))
    .where(inArray(teamMembers.userId, ids))
    .orderBy(asc(teams.id));
  const byUser = Map.groupBy(rows, ({ userId }) => userId);
  return new Map(
    [...byUser].map(([userId, own]) => [
      userId,
      own.map(({ teamId, name }) => ({ value: teamId, display: name, $ref: locationOf('/Groups', teamId) })),
    ]),
  );
}
