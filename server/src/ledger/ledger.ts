/**
 * The ledger: what was called, what it cost, and that it happened.
 *
 * An attempt is durable before an upstream is called. A settlement writes the request, its charge and its audit event in
 * one transaction, whatever the outcome. A charge exists once per request, however often it is written.
 */

import { and, eq, gt, lt, notExists } from 'drizzle-orm';
import { alias } from 'drizzle-orm/pg-core';
import type { AuditLog } from '../audit/index.ts';
import type { TenantScope } from '../context.ts';
import type { Database, SystemTx } from '../db/index.ts';
import type { Vault } from '../vault/index.ts';
import { createGroupCommit } from './group-commit.ts';
import { type Attempt, chargeRow, orphanSettlement, requestRow, type Settlement } from './settlement.ts';
import { attempts, usageEvents as charges, requests } from './tables.ts';
import { sumByGroup, sumSince, type UsageQuery, type UsageRow } from './usage.ts';

/** The ledger. */
export interface Ledger {
  /** Resolves when the attempt is durable; only then may the upstream be called. */
  readonly recordAttempt: (attempt: Attempt) => Promise<void>;
  /** Resolves when request, charge and audit event are durable; callers need not wait. */
  readonly settle: (settlement: Settlement) => Promise<void>;
  /** What a tenant was charged since a time, in nano-dollars. */
  readonly spentSince: (tenantId: string, since: Date) => Promise<bigint>;
  readonly usage: (scope: TenantScope, query: UsageQuery) => Promise<readonly UsageRow[]>;
  /** Charges requests whose last attempt began before a time and that were never settled, at its bound; returns how many. */
  readonly settleOrphans: (before: Date) => Promise<number>;
  /** Settlements that are not durable yet. */
  readonly pending: () => number;
  /** Resolves when everything is durable, or has failed for good. */
  readonly close: () => Promise<void>;
}

/** What a ledger needs. */
export interface LedgerOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly settleDelayMs: number;
  readonly settleBatchMax: number;
  /** Told of each request that a crash interrupted, before it is charged at its bound. */
  readonly onOrphan?: (orphan: Settlement) => void;
  readonly now?: () => Date;
}

/** Tries of a settlement while the database is away: some ten seconds, in which a server restarts. */
const attemptsMax = 8;
/** Attempts, and settlements, that may wait for the database. */
const queueMax = 10_000;
/** Orphans looked for at once. */
const orphansBatchMax = 500;

/** Opens the ledger. */
export function createLedger(options: LedgerOptions): Ledger {
  const { database, vault, audit, settleBatchMax: batchMax } = options;
  const now = options.now ?? (() => new Date());

  const attemptQueue = createGroupCommit<typeof attempts.$inferInsert>({
    commit: async (rows) => {
      await database.asSystem('ledger.record', (tx) =>
        tx
          .insert(attempts)
          .values([...rows])
          .onConflictDoNothing(),
      );
    },
    delayMs: 0,
    batchMax,
    attemptsMax: 1,
    queueMax,
  });
  const settleQueue = createGroupCommit<Settlement>({
    async commit(items) {
      const audited = await Promise.all(
        items.map(async (item) => ({ item, event: item.audit, vault: await vault.forTenant(item) })),
      );
      await database.asSystem('ledger.record', async (tx) => {
        const written = await tx
          .insert(requests)
          .values(items.map(requestRow))
          .onConflictDoNothing()
          .returning({ tenantId: requests.tenantId, id: requests.id });
        const unclaimed = new Set(written.map(({ tenantId, id }) => `${tenantId} ${id}`));
        // A settlement that comes again, later or in the same batch, finds its request there and adds nothing.
        const fresh = audited.filter(({ item }) => unclaimed.delete(`${item.tenantId} ${item.requestId}`));
        if (fresh.length === 0) return;
        await tx.insert(charges).values(fresh.map(({ item }) => chargeRow(item, now())));
        await audit.appendAll(tx, fresh);
      });
    },
    delayMs: options.settleDelayMs,
    batchMax,
    attemptsMax,
    queueMax,
  });

  return {
    recordAttempt: ({ estimate, ...attempt }) =>
      attemptQueue.add({
        ...attempt,
        estimatedInputTokens: estimate.inputTokens,
        estimatedOutputTokens: estimate.outputTokens,
        estimatedCostNano: estimate.costNano,
        startedAt: now(),
      }),
    settle: settleQueue.add,
    spentSince: (tenantId, since) => database.withTenant({ tenantId }, (tx) => sumSince(tx, since)),
    usage: (scope, query) => database.withTenant(scope, (tx) => sumByGroup(tx, query)),
    async settleOrphans(before) {
      for (let total = 0; ; ) {
        const orphans = await database.asSystem('ledger.record', (tx) => findOrphans(tx, before));
        const settlements = orphans.map(orphanSettlement);
        for (const settlement of settlements) options.onOrphan?.(settlement);
        await Promise.all(settlements.map(settleQueue.add));
        total += orphans.length;
        if (orphans.length < orphansBatchMax) return total;
      }
    },
    pending: settleQueue.pending,
    async close() {
      await attemptQueue.drain();
      await settleQueue.drain();
    },
  };
}

/** The last attempt of each request that was never settled, when it began before a time. */
function findOrphans(tx: SystemTx, before: Date): Promise<(typeof attempts.$inferSelect)[]> {
  const later = alias(attempts, 'later');
  const sameRequest = and(eq(requests.tenantId, attempts.tenantId), eq(requests.id, attempts.requestId));
  const isRepeated = and(
    eq(later.tenantId, attempts.tenantId),
    eq(later.requestId, attempts.requestId),
    gt(later.number, attempts.number),
  );
  return tx
    .select()
    .from(attempts)
    .where(
      and(
        lt(attempts.startedAt, before),
        notExists(tx.select({ id: requests.id }).from(requests).where(sameRequest)),
        notExists(tx.select({ number: later.number }).from(later).where(isRepeated)),
      ),
    )
    .limit(orphansBatchMax);
}
