import { bigint, text, timestamp } from 'drizzle-orm/pg-core';
import { bytes, classificationTier, genaiSchema, tenantTier } from '../db/index.ts';

/** Whether a user may do anything; `deleted` is final and erases what is personal. */
export const userStatuses = ['active', 'suspended', 'deleted'] as const;
export type UserStatus = (typeof userStatuses)[number];

/** What authentication reads of the tenants; the table belongs to tenants/. */
export const tenants = genaiSchema.table('tenants', {
  tenantId: text('tenant_id').notNull(),
  slug: text('slug').notNull(),
  tier: tenantTier('tier').notNull(),
  status: genaiSchema.enum('tenant_status', ['active', 'suspended', 'deleted'])('status').notNull(),
});

export const users = genaiSchema.table('users', {
  tenantId: text('tenant_id').notNull(),
  id: text('id').notNull(),
  email: text('email').notNull(),
  name: text('name').notNull(),
  /** A built-in role, or one of `roles`. */
  role: text('role').notNull(),
  clearance: classificationTier('clearance').notNull(),
  status: genaiSchema.enum('user_status', userStatuses)('status').notNull().default('active'),
  passwordHashSealed: bytes('password_hash_sealed'),
  externalIdHash: bytes('external_id_hash'),
  externalIdSealed: bytes('external_id_sealed'),
  profileSealed: bytes('profile_sealed'),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  updatedAt: timestamp('updated_at', { withTimezone: true }).notNull().defaultNow(),
});

export const teams = genaiSchema.table('teams', {
  tenantId: text('tenant_id').notNull(),
  id: text('id').notNull(),
  name: text('name').notNull(),
  externalId: text('external_id'),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  updatedAt: timestamp('updated_at', { withTimezone: true }).notNull().defaultNow(),
});

export const teamMembers = genaiSchema.table('team_members', {
  tenantId: text('tenant_id').notNull(),
  teamId: text('team_id').notNull(),
  userId: text('user_id').notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
});

/** The roles that tenants made. */
export const roles = genaiSchema.table('roles', {
  tenantId: text('tenant_id').notNull(),
  name: text('name').notNull(),
  description: text('description').notNull(),
  permissions: text('permissions').array().notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  updatedAt: timestamp('updated_at', { withTimezone: true }).notNull().defaultNow(),
});

export const apiKeys = genaiSchema.table('api_keys', {
  tenantId: text('tenant_id').notNull(),
  id: text('id').notNull(),
  userId: text('user_id').notNull(),
  name: text('name').notNull(),
  secretHash: bytes('secret_hash').notNull(),
  hint: text('hint').notNull(),
  scopes: text('scopes').array(),
  expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
  lastUsedAt: timestamp('last_used_at', { withTimezone: true }),
  revokedAt: timestamp('revoked_at', { withTimezone: true }),
  createdBy: text('created_by').notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
});

export const sessions = genaiSchema.table('sessions', {
  tenantId: text('tenant_id').notNull(),
  id: text('id').notNull(),
  userId: text('user_id').notNull(),
  refreshHash: bytes('refresh_hash').notNull(),
  userAgent: text('user_agent'),
  networkSealed: bytes('network_sealed'),
  proof: text('proof', { enum: ['password', 'provider'] })
    .notNull()
    .default('password'),
  expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
  lastUsedAt: timestamp('last_used_at', { withTimezone: true }).notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
});

export const secondFactors = genaiSchema.table('second_factors', {
  tenantId: text('tenant_id').notNull(),
  userId: text('user_id').notNull(),
  secretSealed: bytes('secret_sealed').notNull(),
  confirmedAt: timestamp('confirmed_at', { withTimezone: true }),
  lastStep: bigint('last_step', { mode: 'number' }).notNull().default(0),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
});

export const recoveryCodes = genaiSchema.table('recovery_codes', {
  tenantId: text('tenant_id').notNull(),
  userId: text('user_id').notNull(),
  codeHash: bytes('code_hash').notNull(),
});

export const breakGlassAccesses = genaiSchema.table('break_glass_accesses', {
  tenantId: text('tenant_id').notNull(),
  id: text('id').notNull(),
  operatorId: text('operator_id').notNull(),
  reasonSealed: bytes('reason_sealed').notNull(),
  clearance: classificationTier('clearance').notNull(),
  secretHash: bytes('secret_hash').notNull(),
  openedAt: timestamp('opened_at', { withTimezone: true }).notNull().defaultNow(),
  expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
  endedAt: timestamp('ended_at', { withTimezone: true }),
  endedBy: text('ended_by'),
});

export const breakGlassConsents = genaiSchema.table('break_glass_consents', {
  tenantId: text('tenant_id').notNull(),
  validUntil: timestamp('valid_until', { withTimezone: true }).notNull(),
  givenBy: text('given_by').notNull(),
  givenAt: timestamp('given_at', { withTimezone: true }).notNull().defaultNow(),
});

export const operatorKeys = genaiSchema.table('operator_keys', {
  id: text('id').notNull(),
  name: text('name').notNull(),
  secretHash: bytes('secret_hash').notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  revokedAt: timestamp('revoked_at', { withTimezone: true }),
});
