/**
 * API keys: an id and a secret that act as one user.
 *
 * A key does what its user may do, narrowed by its scopes, and nothing that whoever made it may not do. The secret is
 * shown once and stored as an HMAC.
 */

import { and, asc, count, eq, gt, isNull } from 'drizzle-orm';
import { can } from '../access/index.ts';
import type { AuditLog } from '../audit/index.ts';
import type { RequestContext } from '../context.ts';
import { type Database, isId, newId, type TenantTx } from '../db/index.ts';
import { AppError } from '../errors.ts';
import type { Vault } from '../vault/index.ts';
import { type Acting, actingUserId, assertMay, assertMayGrant, changeEvent } from './acting.ts';
import { assertScopes, checkedScopes, expiryFrom, scopesFor } from './api-key-rights.ts';
import { assertCursor, checkedName, type Page, type PageRequest, pageFrom } from './input.ts';
import type { OpaqueTokens } from './credentials/opaque-tokens.ts';
import { invalidField, notFound } from './refusals.ts';
import { apiKeys, users } from './tables.ts';

/** An API key as its owner and admins see it. */
export interface ApiKeyView {
  readonly id: string;
  readonly userId: string;
  readonly name: string;
  /** The kind and the last characters of the key, to recognise it by. */
  readonly hint: string;
  /** Permissions that the key is limited to; null when it has all of its user's role. */
  readonly scopes: readonly string[] | null;
  readonly expiresAt: Date;
  /** To the minute; null when never used. */
  readonly lastUsedAt: Date | null;
  readonly createdBy: string;
  readonly createdAt: Date;
}

/** A new API key; `key` is shown this once. */
export interface CreatedApiKey extends ApiKeyView {
  readonly key: string;
}

/** What makes an API key. */
export interface NewApiKey {
  readonly name: string;
  /** Whose key it is; the caller's own when left out. An operator always names the user. */
  readonly userId?: string;
  /** Left out: all of the user's role, or the scopes of the key that makes this one. */
  readonly scopes?: readonly string[];
  readonly expiresInDays?: number;
}

/** What API keys need. */
export interface ApiKeysOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly opaqueTokens: OpaqueTokens;
  readonly ttlDaysDefault: number;
  readonly now: () => number;
}

/** Keys of a user that are not revoked, at most; expired ones count until they are revoked. */
const keysPerUserMax = 100;

const columns = {
  id: apiKeys.id,
  userId: apiKeys.userId,
  name: apiKeys.name,
  hint: apiKeys.hint,
  scopes: apiKeys.scopes,
  expiresAt: apiKeys.expiresAt,
  lastUsedAt: apiKeys.lastUsedAt,
  createdBy: apiKeys.createdBy,
  createdAt: apiKeys.createdAt,
};

/** Makes the API keys. */
export function createApiKeys({ database, vault, audit, opaqueTokens, ttlDaysDefault, now }: ApiKeysOptions) {
  return {
    /** @throws {AppError} request_invalid, permission_denied, classification_denied, resource_not_found, state_conflict. */
    async create(acting: Acting, input: NewApiKey): Promise<CreatedApiKey> {
      assertMay(acting, 'keys:write');
      const userId = input.userId ?? actingUserId(acting);
      if (userId === undefined) throw invalidField('/user_id', 'Name the user whose key it is.');
      const isForAnother = userId !== actingUserId(acting);
      if (isForAnother) assertMay(acting, 'keys:manage');
      const name = checkedName(input.name);
      const expiresAt = expiryFrom(now(), input.expiresInDays ?? ttlDaysDefault);
      const scopes = scopesFor(acting, checkedScopes(input.scopes));
      const tenantVault = await vault.forTenant(acting);
      const id = newId('apiKey');
      const { key, hash, hint } = opaqueTokens.mintKey('apiKey', id);
      return database.withTenant(acting, async (tx) => {
        const user = await lockUser(tx, userId);
        // A key of somebody else acts with all that they have.
        if (isForAnother) assertMayGrant(acting, { clearance: user.clearance, ...(scopes === undefined ? { role: user.role } : {}) });
        assertScopes(scopes, acting, user.role);
        await assertRoom(tx, userId);
        const createdBy = 'principal' in acting ? acting.principal.userId : acting.actor.id;
        const row = { tenantId: acting.tenantId, id, userId, name, secretHash: hash, hint, scopes: scopes ?? null, expiresAt, createdBy };
        const [created] = await tx.insert(apiKeys).values(row).returning(columns);
        if (created === undefined) throw new Error('An inserted row must come back.');
        const details = { user_id: userId, scopes: scopes ?? null, expires_at: expiresAt.toISOString() };
        await audit.append(tx, tenantVault, changeEvent(acting, 'api_key.created', { kind: 'api_key', id }, { details, personal: { name } }));
        return { ...created, key };
      });
    },

    /** Oldest first, without the revoked: everyone's with keys:manage, else the caller's own. */
    async list(ctx: RequestContext, { limit, cursor }: PageRequest): Promise<Page<ApiKeyView>> {
      assertMay(ctx, 'keys:read');
      assertCursor('apiKey', cursor);
      const isLater = cursor === undefined ? undefined : gt(apiKeys.id, cursor);
      const rows = await database.withTenant(ctx, (tx) =>
        tx.select(columns).from(apiKeys).where(and(isWithinReach(ctx), isLater)).orderBy(asc(apiKeys.id)).limit(limit + 1),
      );
      return pageFrom(rows, limit);
    },

    /** The key stops at once. @throws {AppError} resource_not_found, also for a key that is not the caller's to revoke. */
    async revoke(ctx: RequestContext, id: string): Promise<void> {
      assertMay(ctx, 'keys:write');
      if (!isId('apiKey', id)) throw notFound();
      const tenantVault = await vault.forTenant(ctx);
      await database.withTenant(ctx, async (tx) => {
        const change = { revokedAt: new Date(now()) };
        const [revoked] = await tx
          .update(apiKeys)
          .set(change)
          .where(and(eq(apiKeys.id, id), isWithinReach(ctx)))
          .returning({ userId: apiKeys.userId });
        if (revoked === undefined) throw notFound();
        const facts = { details: { user_id: revoked.userId } };
        await audit.append(tx, tenantVault, changeEvent(ctx, 'api_key.revoked', { kind: 'api_key', id }, facts));
      });
    },
  };

  /** The user, held until commit so that the count of their keys stays true. */
  async function lockUser(tx: TenantTx, userId: string) {
    if (!isId('user', userId)) throw notFound();
    const found = { role: users.role, clearance: users.clearance, status: users.status };
    const [user] = await tx.select(found).from(users).where(eq(users.id, userId)).for('no key update');
    if (user === undefined || user.status === 'deleted') throw notFound();
    if (user.status !== 'active') throw new AppError('state_conflict', { detail: 'The user is suspended.' });
    return user;
  }

  async function assertRoom(tx: TenantTx, userId: string): Promise<void> {
    const [row] = await tx.select({ keys: count() }).from(apiKeys).where(and(eq(apiKeys.userId, userId), isNull(apiKeys.revokedAt)));
    if ((row?.keys ?? 0) < keysPerUserMax) return;
    throw new AppError('state_conflict', { detail: `A user has at most ${keysPerUserMax} API keys; revoke one first.` });
  }
}

/** The standing keys that a caller may see and revoke. */
function isWithinReach({ principal }: RequestContext) {
  const isOwn = can(principal, 'keys:manage').allowed ? undefined : eq(apiKeys.userId, principal.userId);
  return and(isNull(apiKeys.revokedAt), isOwn);
}
