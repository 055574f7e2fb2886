/**
 * Login sessions: one row each, with the hash of the one refresh token that is good now.
 *
 * Refreshing replaces the token. A token that was replaced and comes again was copied, so its session ends at once; of
 * parallel refreshes with one token exactly one succeeds, and the session ends all the same. Clients refresh one at a time.
 */

import { and, desc, eq, exists, lte, notInArray, or } from 'drizzle-orm';
import type { AuditEvent, AuditLog } from '../../audit/index.ts';
import { type Database, newId, type TenantTx } from '../../db/index.ts';
import type { TenantVault, Vault } from '../../vault/index.ts';
import type { AccessClaims, AccessTokens } from '../credentials/access-tokens.ts';
import { isSameSecret, type OpaqueTokens } from '../credentials/opaque-tokens.ts';
import { findProvider } from '../federation/stored-provider.ts';
import { authenticationRequired } from '../refusals.ts';
import { useCode } from '../second-factor/code-check.ts';
import { sessions, tenants, users } from '../tables.ts';
import { type Origin, originColumns } from './origin.ts';

/** What a login or refresh returns. */
export interface TokenPair {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
  readonly refreshToken: string;
}

/** Sessions of a user at most; the login that exceeds it ends the one used longest ago. */
const sessionsPerUserMax = 20;

/** How whoever begins a session has proved who they are. */
export type LoginProof =
  | { readonly kind: 'password'; readonly code: string | undefined }
  /** The identity provider answers for the person; a second factor is its business. */
  | { readonly kind: 'provider' };

/** A session that began, or what kept it from beginning. */
export type Beginning =
  | { readonly outcome: 'started'; readonly sessionId: string; readonly tokens: () => Promise<TokenPair> }
  | { readonly outcome: 'code_missing' | 'code_wrong' | 'provider_required' };

/** What sessions need. */
export interface SessionsOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly opaqueTokens: OpaqueTokens;
  readonly accessTokens: AccessTokens;
  readonly accessTokenTtlSeconds: number;
  readonly refreshTokenTtlDays: number;
  readonly now: () => number;
}

/** Of a user and their tenant. */
const isActive = and(eq(users.status, 'active'), eq(tenants.status, 'active'));

/** Makes the sessions. */
export function createSessions(options: SessionsOptions) {
  const { database, vault, audit, opaqueTokens, accessTokens, now } = options;

  async function tokenPair(claims: AccessClaims, refreshToken: string): Promise<TokenPair> {
    return {
      accessToken: await accessTokens.issue(claims),
      expiresInSeconds: options.accessTokenTtlSeconds,
      refreshToken,
    };
  }

  return {
    /**
     * Adds a session of an active user who has just proved who they are, unless the rules of the tenant or a second factor stand before it. Every
     * way to sign in comes through here; the caller's transaction audits what came of it.
     */
    async start(
      tx: TenantTx,
      tenantVault: TenantVault,
      userId: string,
      { proof, origin }: { readonly proof: LoginProof; readonly origin: Origin },
    ): Promise<Beginning> {
      if (proof.kind === 'password') {
        if ((await findProvider(tx))?.signInRequired === true) return { outcome: 'provider_required' };
        const code = await useCode(tx, tenantVault, userId, { code: proof.code, nowMs: now() });
        if (code === 'missing' || code === 'wrong') return { outcome: `code_${code}` };
      }
      const user = { tenantId: tenantVault.tenantId, userId };
      const sessionId = newId('session');
      const { token, hash } = opaqueTokens.mintRefreshToken(user.tenantId, sessionId);
      const at = new Date(now());
      const newest = tx
        .select({ id: sessions.id })
        .from(sessions)
        .where(eq(sessions.userId, userId))
        .orderBy(desc(sessions.lastUsedAt))
        .limit(sessionsPerUserMax - 1);
      await tx
        .delete(sessions)
        .where(and(eq(sessions.userId, userId), or(lte(sessions.expiresAt, at), notInArray(sessions.id, newest))));
      await tx.insert(sessions).values({
        ...user,
        id: sessionId,
        refreshHash: hash,
        ...originColumns(tenantVault, sessionId, origin),
        proof: proof.kind,
        expiresAt: new Date(now() + options.refreshTokenTtlDays * 86_400_000),
        lastUsedAt: at,
        createdAt: at,
      });
      return { outcome: 'started', sessionId, tokens: () => tokenPair({ ...user, sessionId }, token) };
    },

    /** Exchanges a refresh token. @throws {AppError} authentication_required. */
    async refresh(refreshToken: string, origin: Origin): Promise<TokenPair> {
      const presented = opaqueTokens.parseRefreshToken(refreshToken);
      if (presented === undefined) throw authenticationRequired('The refresh token is not one of ours.');
      const { tenantId, sessionId } = presented;
      // Our own tag proves that the tenant existed, so asking for its vault makes nothing new.
      const tenantVault = await vault.forTenant(presented);
      const next = opaqueTokens.mintRefreshToken(tenantId, sessionId);
      const outcome = await database.withTenant(presented, async (tx) => {
        const activeOwner = tx
          .select({ id: users.id })
          .from(users)
          .innerJoin(tenants, eq(tenants.tenantId, users.tenantId))
          .where(and(eq(users.tenantId, sessions.tenantId), eq(users.id, sessions.userId), isActive));
        const [session] = await tx
          .select({ userId: sessions.userId, refreshHash: sessions.refreshHash, expiresAt: sessions.expiresAt })
          .from(sessions)
          .where(and(eq(sessions.id, sessionId), exists(activeOwner)))
          .for('update');
        if (session === undefined || session.expiresAt.getTime() <= now()) return 'over';
        const { userId } = session;
        if (isSameSecret(presented.hash, session.refreshHash)) {
          const from = originColumns(tenantVault, sessionId, origin);
          const change = { refreshHash: next.hash, lastUsedAt: new Date(now()), ...from };
          await tx.update(sessions).set(change).where(eq(sessions.id, sessionId));
          return { userId, isReplay: false };
        }
        await tx.delete(sessions).where(eq(sessions.id, sessionId));
        await audit.append(tx, tenantVault, replayEvent(sessionId, userId));
        return { userId, isReplay: true };
      });
      if (outcome === 'over') throw authenticationRequired('The session is over.');
      const { userId, isReplay } = outcome;
      if (isReplay) {
        const details = { session_id: sessionId };
        await audit.recordSecurityEvent({
          tenantId,
          kind: 'refresh_token.replayed',
          severity: 'high',
          userId,
          details,
        });
        throw authenticationRequired('The refresh token was replaced before.');
      }
      return tokenPair({ tenantId, userId, sessionId }, next.token);
    },
  };
}

/** The sessions of a platform. */
export type Sessions = ReturnType<typeof createSessions>;

function replayEvent(sessionId: string, userId: string): AuditEvent {
  return {
    action: 'session.ended',
    outcome: 'denied',
    actor: { kind: 'system', id: 'identity' },
    resource: { kind: 'session', id: sessionId },
    details: { reason: 'refresh_token_replayed', user_id: userId },
  };
}
