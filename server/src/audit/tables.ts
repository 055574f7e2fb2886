import { json, text, timestamp } from 'drizzle-orm/pg-core';
import { bytes, genaiSchema } from '../db/index.ts';

/** Outcome of an audited act. */
export const auditOutcomes = ['success', 'failure', 'denied'] as const;

/** Severity of a security event. */
export const incidentSeverities = ['low', 'medium', 'high', 'critical'] as const;
const incidentSeverity = genaiSchema.enum('incident_severity', incidentSeverities);

/** The tenants' own logs; append-only. */
export const auditEvents = genaiSchema.table('audit_events', {
  tenantId: text('tenant_id').notNull(),
  id: text('id').notNull(),
  occurredAt: timestamp('occurred_at', { withTimezone: true }).notNull(),
  action: text('action').notNull(),
  outcome: text('outcome', { enum: auditOutcomes }).notNull(),
  requestId: text('request_id'),
  body: text('body').notNull(),
  personalSealed: bytes('personal_sealed'),
});

/** What looked like an attack; tenants may add but never read. */
export const securityEvents = genaiSchema.table('security_events', {
  tenantId: text('tenant_id').notNull(),
  id: text('id').notNull(),
  occurredAt: timestamp('occurred_at', { withTimezone: true }).notNull().defaultNow(),
  kind: text('kind').notNull(),
  severity: incidentSeverity('severity').notNull(),
  requestId: text('request_id'),
  userId: text('user_id'),
  details: json('details').notNull(),
});
