import { integer, text } from 'drizzle-orm/pg-core';
import { bytes, classificationTier, embeddingVector, genaiSchema, wordVector } from '../db/index.ts';

/** Length of a passage's vector; the column has this length, so another embedder needs a migration. */
export const embeddingDimensions = 512;

/** The passages that are searched. */
export const chunks = genaiSchema.table('chunks', {
  tenantId: text('tenant_id').notNull(),
  documentId: text('document_id').notNull(),
  version: integer('version').notNull(),
  position: integer('position').notNull(),
  collectionId: text('collection_id').notNull(),
  classification: classificationTier('classification').notNull(),
  page: integer('page'),
  startOffset: integer('start_offset').notNull(),
  endOffset: integer('end_offset').notNull(),
  headingPathSealed: bytes('heading_path_sealed').notNull(),
  textSealed: bytes('text_sealed').notNull(),
  lexemes: wordVector('lexemes').notNull(),
  embedding: embeddingVector('embedding', { dimensions: embeddingDimensions }),
});
