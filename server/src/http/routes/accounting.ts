/** What was used, what it cost, and what happened. */

import { z } from 'zod';
import { assertCan, can } from '../../access/index.ts';
import { usageGroupings } from '../../ledger/index.ts';
import { defineOperation } from '../operation.ts';
import { snakeCased } from '../schemas/snake-case.ts';
import { money, pageFrom, pageOf, pageQuery, time } from '../schemas/wire.ts';

const usageRow = z
  .object({
    key: z.string().describe('The day (UTC), model or user that the row is about.'),
    requests: z.int(),
    input_tokens: z.int(),
    output_tokens: z.int(),
    estimated_cost: money.describe('What was reserved before the requests ran.'),
    cost: money,
  })
  .meta({ id: 'UsageRow' });

const usage = z
  .object({
    from: time,
    to: time,
    group_by: z.enum(usageGroupings),
    scope: z.enum(['own', 'tenant']),
    data: z.array(usageRow),
    budget: z
      .object({ spent: money, reserved: money, limit: money.nullable().describe('Null when there is none.') })
      .nullable()
      .describe('Of the tenant, for this calendar month (UTC); null without usage:read_all.'),
  })
  .meta({ id: 'Usage' });

const auditEntry = z
  .object({
    id: z.string(),
    event: z
      .unknown()
      .describe('The event as it is kept: canonical JSON with commitments in the place of personal values.'),
    personal: z.record(z.string(), z.string()).describe('Personal values by name; empty once erased.'),
  })
  .meta({ id: 'AuditEntry' });

const instant = z.iso.datetime({ offset: true }).transform((text) => new Date(text));

function monthStart(): Date {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1));
}

export const accountingOperations = [
  defineOperation({
    method: 'GET',
    path: '/api/usage',
    operationId: 'getUsage',
    summary: 'Read usage and cost.',
    tag: 'accounting',
    access: { permission: 'usage:read' },
    query: z.strictObject({
      from: instant.exactOptional().describe('The first of this month when left out.'),
      to: instant.exactOptional().describe('Exclusive; now when left out.'),
      group_by: z.enum(usageGroupings).default('day'),
      scope: z
        .enum(['own', 'tenant'])
        .exactOptional()
        .describe('`tenant` needs usage:read_all and is the default of who holds it.'),
    }),
    success: { status: 200, description: 'Usage by group.', schema: usage },
    async handle({ services, ctx, query }) {
      const { from = monthStart(), to = new Date(), group_by: groupBy } = query;
      const readsAll = can(ctx.principal, 'usage:read_all').allowed;
      const scope = query.scope ?? (readsAll ? 'tenant' : 'own');
      if (scope === 'tenant') assertCan(ctx, 'usage:read_all');
      const whose = scope === 'own' ? { userId: ctx.principal.userId } : {};
      const rows = await services.ledger.usage(ctx, { from, to, groupBy, ...whose });
      const budget = readsAll ? await services.limits.budget(ctx) : undefined;
      return {
        ...{ from, to, group_by: groupBy, scope },
        data: rows.map(({ costNano, estimatedCostNano, ...row }) => ({
          ...snakeCased(row),
          cost: costNano,
          estimated_cost: estimatedCostNano,
        })),
        budget:
          budget === undefined
            ? null
            : { spent: budget.spentNano, reserved: budget.reservedNano, limit: budget.limitNano ?? null },
      };
    },
  }),

  defineOperation({
    method: 'GET',
    path: '/api/audit',
    operationId: 'listAuditEvents',
    summary: 'Read the audit log of your tenant.',
    tag: 'accounting',
    access: { permission: 'audit:read' },
    query: pageQuery,
    success: { status: 200, description: 'A page of events, newest first.', schema: pageOf(auditEntry, 'AuditPage') },
    async handle({ services, ctx, query }) {
      const { data, nextCursor } = await services.audit.list(ctx, pageFrom(query));
      return {
        data: data.map(({ personal, ...entry }) => ({ ...entry, personal: { ...personal } })),
        next_cursor: nextCursor,
      };
    },
  }),
];
