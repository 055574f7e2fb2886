/**
 * The teams of a tenant: groups of users, to whom collections can be granted.
 *
 * Who joins or leaves a team gains or loses what is granted to it with their next request. A team that is removed takes
 * its grants along.
 */

import { and, asc, eq, gt } from 'drizzle-orm';
import type { AuditEvent, AuditLog } from '../../audit/index.ts';
import { type Database, isId, newId, type TenantTx } from '../../db/index.ts';
import { AppError } from '../../errors.ts';
import type { Vault } from '../../vault/index.ts';
import { type Acting, assertMay, assertMayGrant, changeEvent } from '../acting.ts';
import { assertCursor, checkedName, type Page, type PageRequest, pageFrom } from '../input.ts';
import { notFound } from '../refusals.ts';
import { teamMembers, teams, users } from '../tables.ts';
import { type UserView, userColumns } from '../users/user-changes.ts';
import { addMembers, isSomebody, lockTeam, removeMembers, teamColumns } from './membership.ts';

/** A team as admins see it. */
export interface TeamView {
  readonly id: string;
  readonly name: string;
  /** What a directory that provisions it calls it. */
  readonly externalId: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** What teams need. */
export interface TeamsOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly now: () => number;
}

/** The teams of tenants. All functions throw permission_denied, and those with an id resource_not_found. */
export interface Teams {
  /** Oldest first. */
  readonly list: (acting: Acting, page: PageRequest) => Promise<Page<TeamView>>;
  /** @throws {AppError} state_conflict when the name is taken, request_invalid. */
  readonly create: (acting: Acting, name: string) => Promise<TeamView>;
  /** @throws {AppError} state_conflict when the name is taken, request_invalid. */
  readonly rename: (acting: Acting, id: string, name: string) => Promise<TeamView>;
  readonly remove: (acting: Acting, id: string) => Promise<void>;
  readonly listMembers: (acting: Acting, id: string, page: PageRequest) => Promise<Page<UserView>>;
  /** Adding who is a member already changes nothing. @throws {AppError} state_conflict when the team is full. */
  readonly addMember: (acting: Acting, id: string, userId: string) => Promise<void>;
  /** Removing who is no member changes nothing. */
  readonly removeMember: (acting: Acting, id: string, userId: string) => Promise<void>;
}

/** Makes the teams. */
export function createTeams({ database, vault, audit, now }: TeamsOptions): Teams {
  async function change<T>(acting: Acting, fn: (tx: TenantTx, record: Recorder) => Promise<T>): Promise<T> {
    assertMay(acting, 'users:write');
    const box = await vault.forTenant(acting);
    return database.withTenant(acting, (tx) =>
      fn(tx, (action, id, details) =>
        audit.append(tx, box, changeEvent(acting, action, { kind: 'team', id }, { details })),
      ),
    );
  }

  return {
    async list(acting, { limit, cursor }) {
      assertMay(acting, 'users:read');
      assertCursor('team', cursor);
      const rows = await database.withTenant(acting, (tx) =>
        tx
          .select(teamColumns)
          .from(teams)
          .where(cursor === undefined ? undefined : gt(teams.id, cursor))
          .orderBy(asc(teams.id))
          .limit(limit + 1),
      );
      return pageFrom(rows, limit);
    },

    create: (acting, input) =>
      change(acting, async (tx, record) => {
        const row = { tenantId: acting.tenantId, id: newId('team'), name: checkedName(input) };
        const [team] = await tx.insert(teams).values(row).onConflictDoNothing().returning(teamColumns);
        if (team === undefined) throw nameTaken();
        await record('team.created', team.id, { name: team.name });
        return team;
      }),

    rename: (acting, id, input) =>
      change(acting, async (tx, record) => {
        const name = checkedName(input);
        await lockTeam(tx, id);
        const [other] = await tx.select({ id: teams.id }).from(teams).where(eq(teams.name, name));
        if (other !== undefined && other.id !== id) throw nameTaken();
        const updated = { name, updatedAt: new Date(now()) };
        const [team] = await tx.update(teams).set(updated).where(eq(teams.id, id)).returning(teamColumns);
        if (team === undefined) throw new Error('A locked row must not vanish.');
        await record('team.updated', id, { changed: ['name'], name });
        return team;
      }),

    remove: (acting, id) =>
      change(acting, async (tx, record) => {
        const { name } = await lockTeam(tx, id);
        await tx.delete(teams).where(eq(teams.id, id));
        await record('team.deleted', id, { name });
      }),

    async listMembers(acting, id, { limit, cursor }) {
      assertMay(acting, 'users:read');
      assertCursor('user', cursor);
      if (!isId('team', id)) throw notFound();
      const rows = await database.withTenant(acting, async (tx) => {
        const [team] = await tx.select({ id: teams.id }).from(teams).where(eq(teams.id, id));
        if (team === undefined) throw notFound();
        return tx
          .select(userColumns)
          .from(teamMembers)
          .innerJoin(users, eq(users.id, teamMembers.userId))
          .where(and(eq(teamMembers.teamId, id), isSomebody, cursor === undefined ? undefined : gt(users.id, cursor)))
          .orderBy(asc(users.id))
          .limit(limit + 1);
      });
      return pageFrom(rows, limit);
    },

    addMember: (acting, id, userId) =>
      change(acting, async (tx, record) => {
        await lockTeam(tx, id);
        if (!isId('user', userId)) throw notFound();
        assertMayGrant(acting, { readers: [`team:${id}`] });
        if ((await addMembers(tx, acting, id, [userId])).length > 0) throw notFound();
        await touch(tx, id);
        await record('team.members_changed', id, { added: [userId], removed: [] });
      }),

    removeMember: (acting, id, userId) =>
      change(acting, async (tx, record) => {
        await lockTeam(tx, id);
        const [user] = await tx.select({ id: users.id }).from(users).where(eq(users.id, userId));
        if (user === undefined) throw notFound();
        await removeMembers(tx, id, [userId]);
        await touch(tx, id);
        await record('team.members_changed', id, { added: [], removed: [userId] });
      }),
  };

  async function touch(tx: TenantTx, id: string): Promise<void> {
    await tx
      .update(teams)
      .set({ updatedAt: new Date(now()) })
      .where(eq(teams.id, id));
  }
}

type Recorder = (action: string, id: string, details: NonNullable<AuditEvent['details']>) => Promise<void>;

function nameTaken(): AppError {
  return new AppError('state_conflict', { detail: 'There is a team with this name already.' });
}
