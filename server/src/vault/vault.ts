/**
 * Envelope encryption: each tenant has data keys, wrapped by a key encryption key that never touches the database.
 *
 * Unwrapped keys are used for a bounded time and forgotten at the next use of the vault after it. `forTenant` may read the database and the key service, so it is
 * called before a transaction, never inside one.
 */

import { randomBytes } from 'node:crypto';
import { asc } from 'drizzle-orm';
import type { Classification, TenantScope } from '../context.ts';
import type { Database } from '../db/index.ts';
import { SetupError } from '../errors.ts';
import { lengthPrefixed } from './aead.ts';
import type { Kms } from './kms/kms.ts';
import { dataKeys } from './tables.ts';
import { createTenantVault, type DataKey, type TenantVault } from './tenant-vault.ts';

/** The vaults of all tenants. */
export interface Vault {
  /**
   * The vault of a tenant; makes its first data key when it has none.
   * Rejects when a key cannot be unwrapped, for example because the key file was exchanged.
   */
  readonly forTenant: (scope: TenantScope) => Promise<TenantVault>;
  /** Forgets all unwrapped keys. */
  readonly close: () => void;
}

/** What a vault needs. */
export interface VaultOptions {
  readonly database: Database;
  readonly kms: Kms;
  readonly sealFrom: Classification;
  readonly dataKeyCacheTtlMs: number;
  readonly now?: () => number;
}

/** Tenants whose keys are in memory at most; the one loaded longest ago goes first. */
const cachedTenantsMax = 10_000;

/** Makes the vaults over a key service and the wrapped keys in the database. */
export function createVault(options: VaultOptions): Vault {
  const { database, kms, sealFrom, dataKeyCacheTtlMs } = options;
  const now = options.now ?? Date.now;
  const cache = new Map<string, { vault: Promise<TenantVault>; expiresMs: number }>();

  async function load(scope: TenantScope): Promise<TenantVault> {
    const keys = await Promise.all((await wrappedKeys(scope)).map(unwrapped));
    return createTenantVault(scope.tenantId, keys, sealFrom);
  }

  async function unwrapped(row: typeof dataKeys.$inferSelect): Promise<DataKey> {
    const { tenantId, version, wrappedKey, keyEncryptionKeyId } = row;
    try {
      return { version, key: await kms.unwrapKey(wrappedKey, keyContext(tenantId, version)) };
    } catch (error) {
      const message = `Key ${version} of ${tenantId}, wrapped by ${keyEncryptionKeyId}, does not unwrap with ${kms.keyId}.`;
      throw new SetupError(`${message} Is ENCRYPTION_KEY_FILE the file of this database?`, { cause: error });
    }
  }

  async function wrappedKeys(scope: TenantScope) {
    const select = () => database.withTenant(scope, (tx) => tx.select().from(dataKeys).orderBy(asc(dataKeys.version)));
    const existing = await select();
    if (existing.length > 0) return existing;
    const wrappedKey = await kms.wrapKey(randomBytes(32), keyContext(scope.tenantId, 1));
    const row = { tenantId: scope.tenantId, version: 1, wrappedKey, keyEncryptionKeyId: kms.keyId };
    // Another process may have been first; whichever row stands is the key.
    await database.withTenant(scope, (tx) => tx.insert(dataKeys).values(row).onConflictDoNothing());
    return select();
  }

  /** Entries stand in the order in which they were loaded, so those to forget are in front. */
  function forgetExpired(): void {
    for (const [tenantId, { expiresMs }] of cache) {
      if (expiresMs > now() && cache.size < cachedTenantsMax) return;
      cache.delete(tenantId);
    }
  }

  return {
    forTenant(scope) {
      forgetExpired();
      const cached = cache.get(scope.tenantId);
      if (cached !== undefined) return cached.vault;
      const entry = { vault: load(scope), expiresMs: now() + dataKeyCacheTtlMs };
      cache.set(scope.tenantId, entry);
      // A failure must be tried again, not remembered.
      entry.vault.catch(() => {
        if (cache.get(scope.tenantId) === entry) cache.delete(scope.tenantId);
      });
      return entry.vault;
    },
    close: () => cache.clear(),
  };
}

function keyContext(tenantId: string, version: number): Uint8Array {
  return lengthPrefixed(['data key', tenantId, String(version)]);
}
