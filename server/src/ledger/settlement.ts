/** What is told to the ledger, and the rows that it becomes. Pure. */

import type { AuditEvent } from '../audit/index.ts';
import type { Classification } from '../context.ts';
import { newId } from '../db/index.ts';
import type { Tokens } from './prices.ts';
import type {
  attempts,
  usageEvents as charges,
  httpMethods,
  requestOutcomes,
  requests,
  usageSources,
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

/** The row of a request. */
export function requestRow(item: Settlement): typeof requests.$inferInsert {
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

/** The charge of a request. */
export function chargeRow(item: Settlement, occurredAt: Date): typeof charges.$inferInsert {
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
export function orphanSettlement(orphan: typeof attempts.$inferSelect): Settlement {
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
