/** Column types that drizzle does not bring: bytes, word vectors, embeddings, and the schema and enums of ours. */

import { customType, pgSchema } from 'drizzle-orm/pg-core';
import { classifications, tenantTiers } from '../context.ts';

/** Our schema; tables are always qualified, so no search_path can redirect a query. */
export const genaiSchema = pgSchema('genai');

export const tenantTier = genaiSchema.enum('tenant_tier', tenantTiers);
export const classificationTier = genaiSchema.enum('classification_tier', classifications);

/** `bytea` as `Uint8Array`. */
export const bytes = customType<{ data: Uint8Array; driverData: Buffer }>({
  dataType: () => 'bytea',
  toDriver: (value) => Buffer.from(value.buffer, value.byteOffset, value.byteLength),
  fromDriver: (value) => new Uint8Array(value.buffer, value.byteOffset, value.byteLength),
});

/** `tsvector` in its text form. */
export const wordVector = customType<{ data: string }>({ dataType: () => 'tsvector' });

/** pgvector's `vector` as `Float32Array`; sent in its binary form, which is a fifth of the text and costs no formatting. */
export const embeddingVector = customType<{
  data: Float32Array;
  driverData: string | Buffer;
  config: { dimensions: number };
}>({
  dataType: (config) => `vector(${config?.dimensions ?? 0})`,
  toDriver: binaryFromVector,
  fromDriver: (value) => Float32Array.from(JSON.parse(String(value)) as number[]),
});

/** The layout of `vector_send`: dimensions and a reserved field as 16-bit, then the numbers as 32-bit, all big endian. */
function binaryFromVector(vector: Float32Array): Buffer {
  const bytes = Buffer.alloc(4 + 4 * vector.length);
  bytes.writeUInt16BE(vector.length, 0);
  for (const [index, number] of vector.entries()) bytes.writeFloatBE(number, 4 + 4 * index);
  return bytes;
}
