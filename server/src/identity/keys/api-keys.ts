/** API keys as their owners and admins see and revoke them. */

import { and, asc, eq, gt, isNull } from 'drizzle-orm';
import { can } from '../../access/index.ts';
import type { AuditLog } from '../../audit/index.ts';
import { type Database, isId } from '../../db/index.ts';
import type { Vault } from '../../vault/index.ts';
import { type Acting, assertMay, changeEvent } from '../acting.ts';
import { assertCursor, type Page, type PageRequest, pageFrom } from '../input.ts';
import { notFound } from '../refusals.ts';
import { apiKeys } from '../tables.ts';

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

/** What API keys need. */
export interface ApiKeysOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly now: () => number;
}

/** The columns of an `ApiKeyView`. */
export const apiKeyColumns = {
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
export function createApiKeys({ database, vault, audit, now }: ApiKeysOptions) {
  return {
    /** Oldest first, without the revoked: everyone's with keys:manage, else the caller's own. */
    async list(acting: Acting, { limit, cursor }: PageRequest): Promise<Page<ApiKeyView>> {
      assertMay(acting, 'keys:read');
      assertCursor('apiKey', cursor);
      const isLater = cursor === undefined ? undefined : gt(apiKeys.id, cursor);
      const rows = await database.withTenant(acting, (tx) =>
        tx
          .select(apiKeyColumns)
          .from(apiKeys)
          .where(and(isWithinReach(acting), isLater))
          .orderBy(asc(apiKeys.id))
          .limit(limit + 1),
      );
      return pageFrom(rows, limit);
    },

    /** The key stops at once. @throws {AppError} resource_not_found, also for a key that is not the caller's to revoke. */
    async revoke(acting: Acting, id: string): Promise<void> {
      assertMay(acting, 'keys:write');
      if (!isId('apiKey', id)) throw notFound();
      const tenantVault = await vault.forTenant(acting);
      await database.withTenant(acting, async (tx) => {
        const change = { revokedAt: new Date(now()) };
        const [revoked] = await tx
          .update(apiKeys)
          .set(change)
          .where(and(eq(apiKeys.id, id), isWithinReach(acting)))
          .returning({ userId: apiKeys.userId });
        if (revoked === undefined) throw notFound();
        const facts = { details: { user_id: revoked.userId } };
        await audit.append(tx, tenantVault, changeEvent(acting, 'api_key.revoked', { kind: 'api_key', id }, facts));
      });
    },
  };
}

/** The standing keys that a caller may see and revoke. */
function isWithinReach(acting: Acting) {
  const mayManage = !('principal' in acting) || can(acting.principal, 'keys:manage').allowed;
  const isOwn = mayManage ? undefined : eq(apiKeys.userId, acting.principal.userId);
  return and(isNull(apiKeys.revokedAt), isOwn);
}
