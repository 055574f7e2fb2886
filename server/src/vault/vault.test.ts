import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../test/support/database.ts';
import { newId } from '../db/index.ts';
import type { Kms } from './kms/kms.ts';
import { createKeyFile, createLocalKms } from './kms/local.ts';
import { createVault, type VaultOptions } from './vault.ts';

const cell = { table: 'documents', rowId: 'doc_1', column: 'title' };

describe.each(testDatabases)('vaults of tenants on $name', ({ open }) => {
  let test: TestDatabase;
  let folder: string;
  let kms: Kms;
  let scope: { tenantId: string };

  beforeAll(async () => {
    test = await open();
    folder = mkdtempSync(join(tmpdir(), 'genai-vault-'));
    createKeyFile(join(folder, 'key'));
    kms = createLocalKms(join(folder, 'key'));
  });
  afterAll(async () => {
    await test.close();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    scope = { tenantId: newId('tenant') };
  });

  const vaultWith = (options: Partial<VaultOptions> = {}) =>
    createVault({ database: test.database, kms, sealFrom: 'internal', dataKeyCacheTtlMs: 60_000, ...options });
  const keysOf = (tenantId: string) =>
    test.superuser('select version, wrapped_key, key_encryption_key_id from genai.data_keys where tenant_id = $1', [
      tenantId,
    ]);

  it('make a key for a tenant on first use and find it again', async () => {
    const sealed = (await vaultWith().forTenant(scope)).seal(cell, 'kept', 'secret');
    expect((await vaultWith().forTenant(scope)).open(cell, sealed)).toBe('kept');
    expect(await keysOf(scope.tenantId)).toMatchObject([{ version: 1, key_encryption_key_id: kms.keyId }]);
  });

  it('agree on one key, however many use a new tenant at once', async () => {
    const vaults = await Promise.all(Array.from({ length: 8 }, () => vaultWith().forTenant(scope)));
    const digests = vaults.map((vault) => Buffer.from(vault.digest('x', 'y')).toString('hex'));
    expect(new Set(digests).size).toBe(1);
    expect(await keysOf(scope.tenantId)).toHaveLength(1);
  });

  it('have different keys for different tenants', async () => {
    const vault = vaultWith();
    const [a, b] = await Promise.all([vault.forTenant(scope), vault.forTenant({ tenantId: newId('tenant') })]);
    expect(a?.digest('x', 'y')).not.toEqual(b?.digest('x', 'y'));
  });

  it('say which key is missing when the key file was exchanged', async () => {
    await vaultWith().forTenant(scope);
    createKeyFile(join(folder, 'other'));
    const other = createLocalKms(join(folder, 'other'));
    await expect(vaultWith({ kms: other }).forTenant(scope)).rejects.toThrow(
      `Key 1 of ${scope.tenantId}, wrapped by ${kms.keyId}, does not unwrap with ${other.keyId}.`,
    );
    rmSync(join(folder, 'other'));
  });

  it('open no key that was moved to another tenant', async () => {
    await vaultWith().forTenant(scope);
    const thief = { tenantId: newId('tenant') };
    await test.superuser('update genai.data_keys set tenant_id = $1 where tenant_id = $2', [
      thief.tenantId,
      scope.tenantId,
    ]);
    await expect(vaultWith().forTenant(thief)).rejects.toThrow('does not unwrap');
  });

  it('keep a key for its time and no longer, also when only other tenants are used', async () => {
    let nowMs = 0;
    let unwraps = 0;
    const counting: Kms = {
      ...kms,
      unwrapKey: (...args) => {
        unwraps += 1;
        return kms.unwrapKey(...args);
      },
    };
    const vault = vaultWith({ kms: counting, dataKeyCacheTtlMs: 1000, now: () => nowMs });
    const first = await vault.forTenant(scope);
    nowMs = 999;
    expect(await vault.forTenant(scope)).toBe(first);
    expect(unwraps).toBe(1);
    nowMs = 1000;
    await vault.forTenant(scope);
    expect(unwraps).toBe(2);
    vault.close();
    await vault.forTenant(scope);
    expect(unwraps).toBe(3);
  });

  it('try again after a failure', async () => {
    let fails = true;
    const flaky: Kms = {
      ...kms,
      unwrapKey: async (...args) => {
        if (fails) throw new Error('down');
        return kms.unwrapKey(...args);
      },
    };
    const vault = vaultWith({ kms: flaky });
    await expect(vault.forTenant(scope)).rejects.toThrow('does not unwrap');
    fails = false;
    await expect(vault.forTenant(scope)).resolves.toBeDefined();
  });

  it('refuse to load keys inside a transaction', async () => {
    const vault = vaultWith();
    const inside = test.database.withTenant(scope, () => vault.forTenant(scope));
    await expect(inside).rejects.toThrow(/inside another/);
  });
});
