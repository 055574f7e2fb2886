/** Ledgers over a real database, as many as there are processes to play, and things to tell them. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { createAuditLog } from '../../src/audit/index.ts';
import { newId } from '../../src/db/index.ts';
import { type Attempt, createLedger, type Ledger, type Settlement } from '../../src/ledger/index.ts';
import { createKeyFile, createLocalKms, createVault } from '../../src/vault/index.ts';
import type { TestDatabase } from './database.ts';

/** The time of ledgers that are given no other. */
export const noon = new Date('2026-03-10T12:00:00.000Z');

/** Tokens with their cost. */
export const cost = (inputTokens: number, outputTokens: number, costNano: bigint) => ({
  inputTokens,
  outputTokens,
  costNano,
});

/** An attempt with a bound of 7 500 000 nano-dollars. */
export function attemptOf(tenantId: string, rest: Partial<Attempt> = {}): Attempt {
  return {
    tenantId,
    requestId: newId('request'),
    number: 1,
    userId: 'usr_1',
    credentialId: 'key_1',
    operation: 'query',
    provider: 'openai-compatible',
    model: 'gpt-4o',
    estimate: cost(1000, 500, 7_500_000n),
    ...rest,
  };
}

/** A settlement at 3 250 000 nano-dollars. */
export function settlementOf(tenantId: string, rest: Partial<Settlement> = {}): Settlement {
  return {
    ...attemptOf(tenantId),
    method: 'POST',
    outcome: 'succeeded',
    errorCode: undefined,
    classification: 'internal',
    startedAt: noon,
    durationMs: 12,
    actual: cost(900, 100, 3_250_000n),
    usageSource: 'provider',
    audit: { action: 'query.answered', outcome: 'success', actor: { kind: 'user', id: 'usr_1' } },
    ...rest,
  };
}

/** What ledgers stand on, over a test database, which the caller closes. */
export function ledgerOn({ database, superuser }: TestDatabase) {
  const folder = mkdtempSync(join(tmpdir(), 'genai-ledger-'));
  createKeyFile(join(folder, 'key'));
  const kms = createLocalKms(join(folder, 'key'));
  const vault = createVault({ database, kms, sealFrom: 'internal', dataKeyCacheTtlMs: 60_000 });
  const audit = createAuditLog({ database, vault, log: pino({ level: 'silent' }), onSecurityEvent: () => {} });
  return {
    audit,
    close: () => rmSync(folder, { recursive: true, force: true }),

    /** The ledger of another process. */
    open: (now: Date = noon, onOrphan: (orphan: Settlement) => void = () => {}): Ledger =>
      createLedger({ database, vault, audit, settleDelayMs: 1, settleBatchMax: 100, onOrphan, now: () => now }),

    /** How many rows of each kind a tenant has. */
    async rowCounts(tenantId: string) {
      const counts = ['attempts', 'requests', 'usage_events', 'audit_events'].map(
        (table) => `(select count(*)::int from genai.${table} where tenant_id = $1) as ${table}`,
      );
      return (await superuser(`select ${counts.join(', ')}`, [tenantId]))[0];
    },
  };
}
