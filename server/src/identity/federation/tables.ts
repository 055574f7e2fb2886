import { boolean, jsonb, text, timestamp } from 'drizzle-orm/pg-core';
import { bytes, classificationTier, genaiSchema } from '../../db/index.ts';
import type { SignatureAlgorithm } from './issuers/signed-tokens.ts';
import type { ClaimRule } from './mapping.ts';

export const identityProviders = genaiSchema.table('identity_providers', {
  tenantId: text('tenant_id').notNull(),
  issuer: text('issuer').notNull(),
  clientId: text('client_id').notNull(),
  clientSecretSealed: bytes('client_secret_sealed'),
  scopes: text('scopes').array().notNull(),
  algorithms: text('algorithms').array().notNull().$type<SignatureAlgorithm[]>(),
  rules: jsonb('rules').notNull().$type<readonly ClaimRule[]>(),
  defaultRole: text('default_role'),
  defaultClearance: classificationTier('default_clearance'),
  provisionsUsers: boolean('provisions_users').notNull(),
  linksByEmail: boolean('links_by_email').notNull(),
  linksByClaim: text('links_by_claim'),
  signInRequired: boolean('sign_in_required').notNull(),
  acceptsAccessTokens: boolean('accepts_access_tokens').notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  updatedAt: timestamp('updated_at', { withTimezone: true }).notNull().defaultNow(),
});

export const userIdentities = genaiSchema.table('user_identities', {
  tenantId: text('tenant_id').notNull(),
  id: text('id').notNull(),
  userId: text('user_id').notNull(),
  issuer: text('issuer').notNull(),
  subjectDigest: bytes('subject_digest').notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  lastSignInAt: timestamp('last_sign_in_at', { withTimezone: true }).notNull().defaultNow(),
});

export const signIns = genaiSchema.table('sign_ins', {
  tenantId: text('tenant_id').notNull(),
  id: text('id').notNull(),
  userId: text('user_id').notNull(),
  codeHash: bytes('code_hash'),
  browserHash: bytes('browser_hash').notNull(),
  codeExpiresAt: timestamp('code_expires_at', { withTimezone: true }).notNull(),
  expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
});
