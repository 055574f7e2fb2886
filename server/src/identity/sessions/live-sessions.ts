/** Login sessions as their users see and end them, and admins those of others. */

import { and, desc, eq, gt, ne, type SQL } from 'drizzle-orm';
import { can } from '../../access/index.ts';
import type { AuditLog } from '../../audit/index.ts';
import type { RequestContext } from '../../context.ts';
import { type Database, isId, type TenantTx } from '../../db/index.ts';
import { AppError } from '../../errors.ts';
import type { TenantVault, Vault } from '../../vault/index.ts';
import { assertMay, changeEvent } from '../acting.ts';
import { notFound } from '../refusals.ts';
import { sessions, users } from '../tables.ts';
import { deviceFrom, openNetwork } from './origin.ts';

/** A session as its owner and admins see it. */
export interface SessionView {
  readonly id: string;
  /** Program and system in words. */
  readonly device: string;
  readonly userAgent: string | null;
  /** Network that it was last used from, such as `203.0.113.0/24`; null when it is not known. */
  readonly network: string | null;
  /** Whether the request that lists it belongs to it. */
  readonly isCurrent: boolean;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  readonly expiresAt: Date;
}

/** What live sessions need. */
export interface LiveSessionsOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly now: () => number;
}

/** Makes the operations on live sessions. */
export function createLiveSessions({ database, vault, audit, now }: LiveSessionsOptions) {
  async function end(ctx: RequestContext, id: string): Promise<void> {
    if (!isId('session', id)) throw notFound();
    const isWithinReach = and(eq(sessions.id, id), mayEndOthers(ctx) ? undefined : isOf(ctx.principal.userId));
    const [ended] = await endAll(ctx, isWithinReach);
    if (ended === undefined) throw notFound();
  }

  /** Ends the sessions that fit, each with its own line in the audit log. */
  async function endAll(ctx: RequestContext, which: SQL | undefined) {
    const tenantVault = await vault.forTenant(ctx);
    return database.withTenant(ctx, async (tx) => {
      const ended = await tx.delete(sessions).where(which).returning({ id: sessions.id, userId: sessions.userId });
      const events = ended.map(({ id, userId }) => ({
        vault: tenantVault,
        event: changeEvent(ctx, 'session.ended', { kind: 'session', id }, { details: { user_id: userId } }),
      }));
      if (events.length > 0) await audit.appendAll(tx, events);
      return ended;
    });
  }

  function listOf(tx: TenantTx, userId: string): Promise<readonly SessionRow[]> {
    return tx
      .select(columns)
      .from(sessions)
      .where(and(isOf(userId), gt(sessions.expiresAt, new Date(now()))))
      .orderBy(desc(sessions.lastUsedAt), desc(sessions.id));
  }

  return {
    /** Ends the caller's own session. @throws {AppError} state_conflict for a credential that has none. */
    async logout(ctx: RequestContext): Promise<void> {
      await end(ctx, ownSessionId(ctx));
    },

    /** The caller's own sessions, the one used last first; at most 20. */
    async list(ctx: RequestContext): Promise<readonly SessionView[]> {
      const tenantVault = await vault.forTenant(ctx);
      const rows = await database.withTenant(ctx, (tx) => listOf(tx, ctx.principal.userId));
      return rows.map((row) => viewOf(row, ctx, tenantVault));
    },

    /** Ends a session: one of the caller's own, or with users:write anybody's. @throws {AppError} resource_not_found. */
    end,

    /** Ends all of the caller's sessions but the one that asks; returns how many. @throws {AppError} like `logout`. */
    async endOthers(ctx: RequestContext): Promise<number> {
      return (await endAll(ctx, and(isOf(ctx.principal.userId), ne(sessions.id, ownSessionId(ctx))))).length;
    },

    /** The sessions of a user of the tenant, for admins. @throws {AppError} permission_denied, resource_not_found. */
    async listOfUser(ctx: RequestContext, userId: string): Promise<readonly SessionView[]> {
      assertMay(ctx, 'users:write');
      const tenantVault = await vault.forTenant(ctx);
      const rows = await database.withTenant(ctx, async (tx) => {
        await assertUser(tx, userId);
        return listOf(tx, userId);
      });
      return rows.map((row) => viewOf(row, ctx, tenantVault));
    },

    /** Ends all sessions of a user of the tenant. @throws {AppError} permission_denied, resource_not_found. */
    async endOfUser(ctx: RequestContext, userId: string): Promise<number> {
      assertMay(ctx, 'users:write');
      await database.withTenant(ctx, (tx) => assertUser(tx, userId));
      return (await endAll(ctx, isOf(userId))).length;
    },
  };
}

/** The operations on live sessions. */
export type LiveSessions = ReturnType<typeof createLiveSessions>;

const columns = {
  id: sessions.id,
  userAgent: sessions.userAgent,
  networkSealed: sessions.networkSealed,
  createdAt: sessions.createdAt,
  lastUsedAt: sessions.lastUsedAt,
  expiresAt: sessions.expiresAt,
};

type SessionRow = Pick<typeof sessions.$inferSelect, keyof typeof columns>;

function viewOf({ networkSealed, ...row }: SessionRow, ctx: RequestContext, tenantVault: TenantVault): SessionView {
  return {
    ...row,
    device: deviceFrom(row.userAgent),
    network: openNetwork(tenantVault, row.id, networkSealed),
    isCurrent: row.id === ctx.principal.credential.id,
  };
}

function isOf(userId: string): SQL {
  return eq(sessions.userId, userId);
}

function ownSessionId({ principal: { credential } }: RequestContext): string {
  if (credential.kind === 'session') return credential.id;
  throw new AppError('state_conflict', {
    detail: 'This credential belongs to no session; an API key is revoked instead.',
  });
}

function mayEndOthers({ principal }: RequestContext): boolean {
  return can(principal, 'users:write').allowed;
}

async function assertUser(tx: TenantTx, userId: string): Promise<void> {
  if (!isId('user', userId)) throw notFound();
  const [user] = await tx
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.id, userId), ne(users.status, 'deleted')));
  if (user === undefined) throw notFound();
}
