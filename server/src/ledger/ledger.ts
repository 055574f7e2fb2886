/**
 * The ledger: what was called, what it cost, and that it happened.
 *
 * An attempt is durable before an upstream is called. A settlement writes the request, its charge and its audit event in
 * one transaction, whatever the outcome. A charge exists once per request, however often it is written.
 */

import { and, eq, gte, isNull, lt, sql } from 'drizzle-orm';
import type { AuditEvent, AuditLog } from '../audit/index.ts';
import type { Classification, RequestContext } from '../context.ts';
import { type Database, newId, type SystemTx, type TenantTx } from '../db/index.ts';
import type { TenantVault, Vault } from '../vault/index.ts';
import { createGroupCommit } from './group-commit.ts';
import type { Tokens } from './prices.ts';
import {
  attempts,
  usageEvents as charges,
  type httpMethods,
  type requestOutcomes,
  requests,
  type usageSources,
} from './tables.ts';

/** Tokens and their cost. */
export interface Cost extends Tokens {
  readonly costNano: bigint;
}

/** A call that is about to be made. */
export interface Attempt {
  readonly tenantId: string;
  readonly requestId: string;
  /** 1 for the first call of a request. */
  readonly number: number;
  readonly userId: string;
  readonly credentialId: string;
  readonly operation: string;
  readonly provider: string;
  readonly model: string;
  readonly estimate: Cost;
}

/** How a request ended. */
export interface Settlement {
  readonly tenantId: string;
  readonly requestId: string;
  readonly userId: string;
  readonly credentialId: string;
  readonly method: (typeof httpMethods)[number];
  /** What was asked for, for example `query` or `chat`. */
  readonly operation: string;
  readonly outcome: (typeof requestOutcomes)[number];
  readonly errorCode: string | undefined;
  readonly classification: Classification | undefined;
  readonly startedAt: Date;
  readonly durationMs: number;
  readonly provider: string;
  readonly model: string;
  readonly estimate: Cost;
  readonly actual: Cost;
  readonly usageSource: (typeof usageSources)[number];
  readonly audit: AuditEvent;
}

/** Charges of a group. */
export interface UsageRow {
  /** The day (UTC), model or user that the row is about. */
  readonly key: string;
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly estimatedCostNano: bigint;
  readonly costNano: bigint;
}

/** What charges can be grouped by. */
export const usageGroupings = ['day', 'model', 'user'] as const;

/** What to sum up; `userId` limits it to one user. */
export interface UsageQuery {
  readonly from: Date;
  readonly to: Date;
  readonly groupBy: (typeof usageGroupings)[number];
  readonly userId?: string;
}

/** The ledger. */
export interface Ledger {
  /** Resolves when the attempt is durable; only then may the upstream be called. */
  readonly recordAttempt: (attempt: Attempt) => Promise<void>;
  /** Resolves when request, charge and audit event are durable; callers need not wait. */
  readonly settle: (settlement: Settlement) => Promise<void>;
  /** What a tenant was charged since a time, in nano-dollars. */
  readonly spentSince: (tenantId: string, since: Date) => Promise<bigint>;
  readonly usage: (ctx: RequestContext, query: UsageQuery) => Promise<readonly UsageRow[]>;
  /** Charges attempts that began before a time and were never settled, at their bound; returns how many. */
  readonly settleOrphans: (before: Date) => Promise<number>;
  /** Settlements that are not durable yet. */
  readonly pending: () => number;
  /** Resolves when everything is durable. */
  readonly close: () => Promise<void>;
}

/** What a ledger needs. */
export interface LedgerOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly settleDelayMs: number;
  readonly settleBatchMax: number;
  readonly now?: () => Date;
}

const attemptsMax = 8;
/** Orphans charged in one transaction. */
const orphansBatchMax = 500;

type SealedSettlement = Settlement & { readonly vault: TenantVault };

/** Opens the ledger. */
export function createLedger(options: LedgerOptions): Ledger {
  const { database, vault, audit } = options;
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
    batchMax: options.settleBatchMax,
    attemptsMax: 1,
  });
  const settleQueue = createGroupCommit<SealedSettlement>({
    commit: (items) => database.asSystem('ledger.record', (tx) => writeSettlements(tx, items)),
    delayMs: options.settleDelayMs,
    batchMax: options.settleBatchMax,
    attemptsMax,
  });

  async function writeSettlements(tx: SystemTx, items: readonly SealedSettlement[]): Promise<void> {
    const written = await tx
      .insert(requests)
      .values(items.map(requestRow))
      .onConflictDoNothing()
      .returning({ id: requests.id });
    const ids = new Set(written.map(({ id }) => id));
    // A settlement that is written a second time finds its request there and adds nothing.
    const fresh = items.filter(({ requestId }) => ids.has(requestId));
    if (fresh.length === 0) return;
    await tx
      .insert(charges)
      .values(fresh.map((item) => chargeRow(item, now())))
      .onConflictDoNothing();
    for (const item of fresh) await audit.append(tx, item.vault, item.audit);
  }

  return {
    recordAttempt: ({ estimate, ...attempt }) =>
      attemptQueue.add({
        ...attempt,
        estimatedInputTokens: estimate.inputTokens,
        estimatedOutputTokens: estimate.outputTokens,
        estimatedCostNano: estimate.costNano,
        startedAt: now(),
      }),

    async settle(settlement) {
      await settleQueue.add({ ...settlement, vault: await vault.forTenant(settlement) });
    },

    async spentSince(tenantId, since) {
      const [row] = await database.withTenant({ tenantId }, (tx) =>
        tx
          .select({ total: sql<string>`coalesce(sum(${charges.costNano}), 0)` })
          .from(charges)
          .where(gte(charges.occurredAt, since)),
      );
      return BigInt(row?.total ?? 0);
    },

    usage: (ctx, query) => database.withTenant(ctx, (tx) => usageRows(tx, query)),

    async settleOrphans(before) {
      const orphans = await database.asSystem('ledger.record', (tx) =>
        tx
          .selectDistinctOn([attempts.tenantId, attempts.requestId])
          .from(attempts)
          .leftJoin(requests, and(eq(requests.tenantId, attempts.tenantId), eq(requests.id, attempts.requestId)))
          .where(and(isNull(requests.id), lt(attempts.startedAt, before)))
          .orderBy(attempts.tenantId, attempts.requestId, sql`${attempts.number} desc`)
          .limit(orphansBatchMax),
      );
      await Promise.all(orphans.map(async ({ attempts: orphan }) => this.settle(orphanSettlement(orphan))));
      return orphans.length;
    },

    pending: settleQueue.pending,
    async close() {
      await attemptQueue.drain();
      await settleQueue.drain();
    },
  };
}

/** What charges are grouped by. */
const groupKeys = {
  day: sql<string>`to_char(${charges.occurredAt} at time zone 'UTC', 'YYYY-MM-DD')`,
  model: sql<string>`${charges.model}`,
  user: sql<string>`${charges.userId}`,
};

async function usageRows(tx: TenantTx, { from, to, groupBy, userId }: UsageQuery): Promise<UsageRow[]> {
  const rows = await tx
    .select({
      key: groupKeys[groupBy],
      requests: sql<string>`count(*)`,
      inputTokens: sql<string>`sum(${charges.inputTokens})`,
      outputTokens: sql<string>`sum(${charges.outputTokens})`,
      estimatedCostNano: sql<string>`sum(${charges.estimatedCostNano})`,
      costNano: sql<string>`sum(${charges.costNano})`,
    })
    .from(charges)
    .where(
      and(
        gte(charges.occurredAt, from),
        lt(charges.occurredAt, to),
        userId === undefined ? undefined : eq(charges.userId, userId),
      ),
    )
    .groupBy(sql`1`)
    .orderBy(sql`1`);
  return rows.map((row) => ({
    key: row.key,
    requests: Number(row.requests),
    inputTokens: Number(row.inputTokens),
    outputTokens: Number(row.outputTokens),
    estimatedCostNano: BigInt(row.estimatedCostNano),
    costNano: BigInt(row.costNano),
  }));
}

function requestRow(item: Settlement): typeof requests.$inferInsert {
  return {
    tenantId: item.tenantId,
    id: item.requestId,
    userId: item.userId,
    credentialId: item.credentialId,
    method: item.method,
    operation: item.operation,
    outcome: item.outcome,
    errorCode: item.errorCode ?? null,
    model: item.model,
    classification: item.classification ?? null,
    startedAt: item.startedAt,
    durationMs: item.durationMs,
  };
}

function chargeRow(item: Settlement, occurredAt: Date): typeof charges.$inferInsert {
  return {
    tenantId: item.tenantId,
    id: newId('usage'),
    requestId: item.requestId,
    kind: 'charge',
    userId: item.userId,
    credentialId: item.credentialId,
    provider: item.provider,
    model: item.model,
    estimatedInputTokens: item.estimate.inputTokens,
    estimatedOutputTokens: item.estimate.outputTokens,
    estimatedCostNano: item.estimate.costNano,
    inputTokens: item.actual.inputTokens,
    outputTokens: item.actual.outputTokens,
    costNano: item.actual.costNano,
    usageSource: item.usageSource,
    occurredAt,
  };
}

/** A crash hid what the upstream counted, so its bound is charged and marked. */
function orphanSettlement(orphan: typeof attempts.$inferSelect): Settlement {
  const bound: Cost = {
    inputTokens: orphan.estimatedInputTokens,
    outputTokens: orphan.estimatedOutputTokens,
    costNano: orphan.estimatedCostNano,
  };
  return {
    ...orphan,
    method: 'POST',
    outcome: 'failed',
    errorCode: 'internal_error',
    classification: undefined,
    durationMs: 0,
    estimate: bound,
    actual: bound,
    usageSource: 'unconfirmed',
    audit: {
      action: `${orphan.operation}.interrupted`,
      outcome: 'failure',
      actor: { kind: 'system', id: 'recovery' },
      resource: { kind: 'request', id: orphan.requestId },
      requestId: orphan.requestId,
      details: { model: orphan.model, cost_nano_usd: orphan.estimatedCostNano.toString() },
    },
  };
}
