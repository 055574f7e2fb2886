/**
 * Who an API key belongs to.
 *
 * The tenant is not known before the key is found, so this one look-up spans tenants; it reads one row by its id.
 */

import { and, eq, isNull, lt, or } from 'drizzle-orm';
import type { Database, SystemTx } from '../../db/index.ts';
import { isSameSecret, type OpaqueTokens } from '../credentials/opaque-tokens.ts';
import { type Authenticated, authenticatedFrom, principalColumns } from '../principal.ts';
import { authenticationRequired } from '../refusals.ts';
import { isRoleOfUser } from '../roles/held-role.ts';
import { apiKeys, roles, tenants, users } from '../tables.ts';

/** How exact `last_used_at` is: a key in use costs one write per minute, not one per request. */
const lastUsedStepMs = 60_000;

/** What the authentication of keys needs. */
export interface KeyAuthenticationOptions {
  readonly database: Database;
  readonly opaqueTokens: OpaqueTokens;
  readonly now: () => number;
}

/** Makes the authentication of API keys. The function it returns throws authentication_required. */
export function createKeyAuthentication({ database, opaqueTokens, now }: KeyAuthenticationOptions) {
  return async function authenticateKey(credential: string): Promise<Authenticated> {
    const presented = opaqueTokens.parseKey('apiKey', credential);
    if (presented === undefined) throw authenticationRequired('This is not an API key.');
    const row = await database.asSystem('identity.authenticate', async (tx) => {
      const found = await findKey(tx, presented.id);
      // A key that is not there costs the comparison too.
      const isSame = isSameSecret(presented.hash, found?.secretHash ?? new Uint8Array(presented.hash.length));
      if (found === undefined || !isSame || found.expiresAt.getTime() <= now()) return undefined;
      if (isStale(found.lastUsedAt)) await touch(tx, found);
      return found;
    });
    if (row === undefined) throw authenticationRequired('The API key, its user or its tenant is not active.');
    return authenticatedFrom(row, { kind: 'api_key', id: row.id }, row.scopes ?? undefined);
  };

  function isStale(lastUsedAt: Date | null): boolean {
    return lastUsedAt === null || lastUsedAt.getTime() <= now() - lastUsedStepMs;
  }

  /** Repeats the condition, so that of many requests that found the same old value one writes. */
  async function touch(tx: SystemTx, { tenantId, id }: { tenantId: string; id: string }): Promise<void> {
    const isStillStale = or(isNull(apiKeys.lastUsedAt), lt(apiKeys.lastUsedAt, new Date(now() - lastUsedStepMs + 1)));
    await tx
      .update(apiKeys)
      .set({ lastUsedAt: new Date(now()) })
      .where(and(eq(apiKeys.tenantId, tenantId), eq(apiKeys.id, id), isStillStale));
  }
}

async function findKey(tx: SystemTx, id: string) {
  const isActive = and(isNull(apiKeys.revokedAt), eq(users.status, 'active'), eq(tenants.status, 'active'));
  const [row] = await tx
    .select({
      ...principalColumns,
      id: apiKeys.id,
      scopes: apiKeys.scopes,
      secretHash: apiKeys.secretHash,
      expiresAt: apiKeys.expiresAt,
      lastUsedAt: apiKeys.lastUsedAt,
    })
    .from(apiKeys)
    .innerJoin(users, and(eq(users.tenantId, apiKeys.tenantId), eq(users.id, apiKeys.userId)))
    .innerJoin(tenants, eq(tenants.tenantId, apiKeys.tenantId))
    .leftJoin(roles, isRoleOfUser)
    .where(and(eq(apiKeys.id, id), isActive));
  return row;
}
