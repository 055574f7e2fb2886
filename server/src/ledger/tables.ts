import { bigint, integer, text, timestamp } from 'drizzle-orm/pg-core';
import { classificationTier, genaiSchema } from '../db/index.ts';

/** How a request ended. */
export const requestOutcomes = ['succeeded', 'degraded', 'blocked', 'failed', 'cancelled'] as const;
const requestOutcome = genaiSchema.enum('request_outcome', requestOutcomes);

/** Who counted tokens: the provider, we, or nobody (settled at the reserved bound). */
export const usageSources = ['provider', 'counted', 'unconfirmed'] as const;

/** Methods of HTTP. */
export const httpMethods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const;
const httpMethod = genaiSchema.enum('http_method', httpMethods);

const nano = (name: string) => bigint(name, { mode: 'bigint' }).notNull();

/** One row per question or chat, written when it ends. */
export const requests = genaiSchema.table('requests', {
  tenantId: text('tenant_id').notNull(),
  id: text('id').notNull(),
  userId: text('user_id').notNull(),
  credentialId: text('credential_id').notNull(),
  method: httpMethod('method').notNull(),
  operation: text('operation').notNull(),
  outcome: requestOutcome('outcome').notNull(),
  errorCode: text('error_code'),
  model: text('model'),
  classification: classificationTier('classification'),
  startedAt: timestamp('started_at', { withTimezone: true }).notNull(),
  durationMs: integer('duration_ms').notNull(),
});

/** Calls of upstreams, written before the call. */
export const attempts = genaiSchema.table('attempts', {
  tenantId: text('tenant_id').notNull(),
  requestId: text('request_id').notNull(),
  number: integer('number').notNull(),
  userId: text('user_id').notNull(),
  credentialId: text('credential_id').notNull(),
  operation: text('operation').notNull(),
  provider: text('provider').notNull(),
  model: text('model').notNull(),
  estimatedInputTokens: integer('estimated_input_tokens').notNull(),
  estimatedOutputTokens: integer('estimated_output_tokens').notNull(),
  estimatedCostNano: nano('estimated_cost_nano'),
  startedAt: timestamp('started_at', { withTimezone: true }).notNull(),
});

/** Charges; append-only. */
export const usageEvents = genaiSchema.table('usage_events', {
  tenantId: text('tenant_id').notNull(),
  id: text('id').notNull(),
  requestId: text('request_id').notNull(),
  kind: text('kind', { enum: ['charge', 'correction'] }).notNull(),
  userId: text('user_id').notNull(),
  credentialId: text('credential_id').notNull(),
  provider: text('provider').notNull(),
  model: text('model').notNull(),
  estimatedInputTokens: integer('estimated_input_tokens').notNull(),
  estimatedOutputTokens: integer('estimated_output_tokens').notNull(),
  estimatedCostNano: nano('estimated_cost_nano'),
  inputTokens: integer('input_tokens').notNull(),
  outputTokens: integer('output_tokens').notNull(),
  costNano: nano('cost_nano'),
  usageSource: text('usage_source', { enum: usageSources }).notNull(),
  occurredAt: timestamp('occurred_at', { withTimezone: true }).notNull(),
});
