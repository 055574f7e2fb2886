import { bigint, integer, jsonb, smallint, text, timestamp } from 'drizzle-orm/pg-core';
import { bytes, classificationTier, genaiSchema } from '../db/index.ts';
import type { PageSpan } from './parsers/parser.ts';

/** Steps of ingestion in order; `indexed` and `failed` are final. */
export const documentStatuses = ['uploaded', 'parsing', 'chunking', 'embedding', 'indexed', 'failed'] as const;
export type DocumentStatus = (typeof documentStatuses)[number];

/** Who a collection is granted to. */
export const subjectKinds = ['everyone', 'role', 'team', 'user'] as const;
export type SubjectKind = (typeof subjectKinds)[number];

/** Groups of documents; reading one takes a grant. */
export const collections = genaiSchema.table('collections', {
  tenantId: text('tenant_id').notNull(),
  id: text('id').notNull(),
  name: text('name').notNull(),
  defaultClassification: classificationTier('default_classification').notNull(),
  createdBy: text('created_by').notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
});

/** One row per subject that may read a collection; `subject_id` is empty for everyone. */
export const collectionGrants = genaiSchema.table('collection_grants', {
  tenantId: text('tenant_id').notNull(),
  collectionId: text('collection_id').notNull(),
  subjectKind: text('subject_kind', { enum: subjectKinds }).notNull(),
  subjectId: text('subject_id').notNull(),
});

/** Documents with the state of their ingestion. */
export const documents = genaiSchema.table('documents', {
  tenantId: text('tenant_id').notNull(),
  id: text('id').notNull(),
  collectionId: text('collection_id').notNull(),
  classification: classificationTier('classification').notNull(),
  titleSealed: bytes('title_sealed').notNull(),
  filenameSealed: bytes('filename_sealed').notNull(),
  format: text('format').notNull(),
  mediaType: text('media_type').notNull(),
  sizeBytes: bigint('size_bytes', { mode: 'number' }).notNull(),
  contentHash: bytes('content_hash').notNull(),
  version: integer('version').notNull().default(1),
  status: genaiSchema.enum('document_status', documentStatuses)('status').notNull().default('uploaded'),
  progress: smallint('progress').notNull().default(0),
  attempts: smallint('attempts').notNull().default(0),
  interruptions: smallint('interruptions').notNull().default(0),
  errorCode: text('error_code'),
  errorDetail: text('error_detail'),
  pageCount: integer('page_count'),
  chunkCount: integer('chunk_count'),
  createdBy: text('created_by').notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  updatedAt: timestamp('updated_at', { withTimezone: true }).notNull().defaultNow(),
});

/** The bytes and the text of a document. */
export const documentVersions = genaiSchema.table('document_versions', {
  tenantId: text('tenant_id').notNull(),
  documentId: text('document_id').notNull(),
  version: integer('version').notNull(),
  blobKey: text('blob_key').notNull(),
  textSealed: bytes('text_sealed'),
  pages: jsonb('pages').$type<readonly PageSpan[]>(),
  embedderProfile: text('embedder_profile'),
});
