/**
 * How an API key comes to be: an id and a secret that act as one user.
 *
 * A key does what its user may do, narrowed by its scopes, and nothing that whoever made it may not do. The secret is
 * shown once and stored as an HMAC.
 */

import { and, count, eq, isNull } from 'drizzle-orm';
import type { AuditLog } from '../../audit/index.ts';
import { type Database, isId, newId, type TenantTx } from '../../db/index.ts';
import { AppError } from '../../errors.ts';
import type { Vault } from '../../vault/index.ts';
import { type Acting, actingUserId, assertMay, assertMayGrant, changeEvent } from '../acting.ts';
import type { OpaqueTokens } from '../credentials/opaque-tokens.ts';
import { checkedName } from '../input.ts';
import { invalidField, notFound } from '../refusals.ts';
import { heldRole } from '../roles/held-role.ts';
import { apiKeys, users } from '../tables.ts';
import { assertScopes, checkedScopes, expiryFrom, scopesFor } from './api-key-rights.ts';
import { type ApiKeyView, apiKeyColumns } from './api-keys.ts';

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

/** What the making of keys needs. */
export interface NewApiKeysOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly opaqueTokens: OpaqueTokens;
  readonly ttlDaysDefault: number;
  readonly now: () => number;
}

/** Keys of a user that are not revoked, at most; expired ones count until they are revoked. */
const keysPerUserMax = 100;

/**
 * Makes the making of keys. The function it returns throws request_invalid, permission_denied, classification_denied,
 * resource_not_found or state_conflict.
 */
export function createNewApiKeys({ database, vault, audit, opaqueTokens, ttlDaysDefault, now }: NewApiKeysOptions) {
  return async function createApiKey(acting: Acting, input: NewApiKey): Promise<CreatedApiKey> {
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
    const createdBy = 'principal' in acting ? acting.principal.userId : acting.actor.id;
    const row = { tenantId: acting.tenantId, id, userId, name, secretHash: hash, hint, expiresAt, createdBy };

    return database.withTenant(acting, async (tx) => {
      const { role, clearance } = await lockOwner(tx, userId);
      // A key of somebody else acts with all that they have.
      if (isForAnother) {
        const readers = [`user:${userId}`] as const;
        assertMayGrant(acting, scopes === undefined ? { role, clearance, readers } : { clearance, readers });
      }
      assertScopes(scopes, acting, role);
      await assertRoom(tx, userId);
      const values = { ...row, scopes: scopes ?? null };
      const [created] = await tx.insert(apiKeys).values(values).returning(apiKeyColumns);
      if (created === undefined) throw new Error('An inserted row must come back.');
      const details = { user_id: userId, scopes: values.scopes, expires_at: expiresAt.toISOString() };
      const event = changeEvent(acting, 'api_key.created', { kind: 'api_key', id }, { details, personal: { name } });
      await audit.append(tx, tenantVault, event);
      return { ...created, key };
    });
  };
}

/** The user, held until commit so that the count of their keys stays true. */
async function lockOwner(tx: TenantTx, userId: string) {
  if (!isId('user', userId)) throw notFound();
  const columns = { role: users.role, clearance: users.clearance, status: users.status };
  const [user] = await tx.select(columns).from(users).where(eq(users.id, userId)).for('no key update');
  if (user === undefined || user.status === 'deleted') throw notFound();
  if (user.status !== 'active') throw new AppError('state_conflict', { detail: 'The user is suspended.' });
  return { role: await heldRole(tx, user.role), clearance: user.clearance };
}

async function assertRoom(tx: TenantTx, userId: string): Promise<void> {
  const isStanding = and(eq(apiKeys.userId, userId), isNull(apiKeys.revokedAt));
  const [row] = await tx.select({ keys: count() }).from(apiKeys).where(isStanding);
  if ((row?.keys ?? 0) < keysPerUserMax) return;
  const detail = `A user has at most ${keysPerUserMax} API keys; revoke one first.`;
  throw new AppError('state_conflict', { detail });
}
