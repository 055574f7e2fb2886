import { text, timestamp } from 'drizzle-orm/pg-core';
import { genaiSchema, tenantTier } from '../db/index.ts';

/** Whether a tenant may be used; `deleted` is final. */
export const tenantStatuses = ['active', 'suspended', 'deleted'] as const;
export type TenantStatus = (typeof tenantStatuses)[number];

export const tenants = genaiSchema.table('tenants', {
  tenantId: text('tenant_id').notNull(),
  slug: text('slug').notNull(),
  name: text('name').notNull(),
  tier: tenantTier('tier').notNull(),
  status: genaiSchema.enum('tenant_status', tenantStatuses)('status').notNull().default('active'),
  region: text('region').notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  updatedAt: timestamp('updated_at', { withTimezone: true }).notNull().defaultNow(),
});
