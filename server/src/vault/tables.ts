import { integer, text, timestamp } from 'drizzle-orm/pg-core';
import { bytes, genaiSchema } from '../db/index.ts';

/** Data keys of tenants, wrapped. */
export const dataKeys = genaiSchema.table('data_keys', {
  tenantId: text('tenant_id').notNull(),
  version: integer('version').notNull(),
  wrappedKey: bytes('wrapped_key').notNull(),
  keyEncryptionKeyId: text('key_encryption_key_id').notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
});
