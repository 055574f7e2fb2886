/** What users do with their own login sessions: see them and end them. */

import { and, desc, eq } from 'drizzle-orm';
import type { AuditLog } from '../../audit/index.ts';
import type { RequestContext } from '../../context.ts';
import { type Database, isId } from '../../db/index.ts';
import { AppError } from '../../errors.ts';
import type { Vault } from '../../vault/index.ts';
import { changeEvent } from '../acting.ts';
import { notFound } from '../refusals.ts';
import { sessions } from '../tables.ts';

/** A session as its owner sees it. */
export interface SessionView {
  readonly id: string;
  readonly userAgent: string | null;
  /** Whether the request that lists it belongs to it. */
  readonly isCurrent: boolean;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  readonly expiresAt: Date;
}

/** What own sessions need. */
export interface OwnSessionsOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly now: () => number;
}

/** Makes the operations on own sessions. */
export function createOwnSessions({ database, vault, audit, now }: OwnSessionsOptions) {
  async function end(ctx: RequestContext, id: string): Promise<void> {
    if (!isId('session', id)) throw notFound();
    const tenantVault = await vault.forTenant(ctx);
    await database.withTenant(ctx, async (tx) => {
      const isOwn = and(eq(sessions.id, id), eq(sessions.userId, ctx.principal.userId));
      const ended = await tx.delete(sessions).where(isOwn).returning({ id: sessions.id });
      if (ended.length === 0) throw notFound();
      await audit.append(tx, tenantVault, changeEvent(ctx, 'session.ended', { kind: 'session', id }, {}));
    });
  }

  return {
    /** Ends the caller's own session. @throws {AppError} state_conflict for a credential that has none. */
    logout(ctx: RequestContext): Promise<void> {
      const { kind, id } = ctx.principal.credential;
      if (kind === 'session') return end(ctx, id);
      throw new AppError('state_conflict', {
        detail: 'This credential has no session to end; an API key is revoked instead.',
      });
    },

    /** The caller's own sessions, the one used last first; at most 20. */
    async list(ctx: RequestContext): Promise<readonly SessionView[]> {
      const { id: id_, userAgent, createdAt, lastUsedAt, expiresAt } = sessions;
      const rows = await database.withTenant(ctx, (tx) =>
        tx
          .select({ id: id_, userAgent, createdAt, lastUsedAt, expiresAt })
          .from(sessions)
          .where(eq(sessions.userId, ctx.principal.userId))
          .orderBy(desc(sessions.lastUsedAt)),
      );
      const live = rows.filter((session) => session.expiresAt.getTime() > now());
      return live.map((session) => ({ ...session, isCurrent: session.id === ctx.principal.credential.id }));
    },

    /** Ends one of the caller's own sessions. @throws {AppError} resource_not_found. */
    end,
  };
}
