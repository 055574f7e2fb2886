/**
 * The index of passages in PostgreSQL. Content columns are sealed as the passage's classification demands; words are
 * always blinded, so that one path serves every classification.
 */

import { and, asc, eq, gt, sql } from 'drizzle-orm';
import type { Classification } from '../context.ts';
import type { TenantTx } from '../db/index.ts';
import type { Cell, TenantVault } from '../vault/index.ts';
import { blindQuery, blindVector, createBlinder } from './blind-words.ts';
import { type FoundRow, findChunks } from './find-chunks.ts';
import type { FoundPassage, IndexedChunk, IndexedDocument, SearchIndex } from './search-index.ts';
import { chunks } from './tables.ts';

/** Rows per statement; building a statement holds up the event loop, for these some 15 ms. */
const rowsPerStatement = 50;

/** Vectors that a search of the index keeps in view: pgvector's own default, and its most. */
const efSearchMin = 40;
const efSearchMax = 1000;

/** Makes the index in PostgreSQL. */
export function createSearchIndex(): SearchIndex {
  return {
    async wordsOf(tx, box, texts) {
      const blind = createBlinder(box);
      const words: string[] = [];
      for (const batch of batchesOf(texts)) {
        for (const vector of await stemVectors(tx, batch)) words.push(blindVector(vector, blind));
      }
      return words;
    },

    async replaceChunks(tx, box, document, passages) {
      if (document.classification === 'restricted' && passages.some(({ embedding }) => embedding !== null)) {
        throw new Error('A restricted passage must have no vector.');
      }
      await tx.delete(chunks).where(eq(chunks.documentId, document.documentId));
      for (const batch of batchesOf(passages)) {
        await tx.insert(chunks).values(batch.map((passage) => rowOf(box, document, passage)));
      }
    },

    relabel,

    async move(tx, documentId, collectionId) {
      await tx.update(chunks).set({ collectionId }).where(eq(chunks.documentId, documentId));
    },

    async check(tx) {
      await tx.execute(sql`select embedding <=> embedding from ${chunks} limit 1`);
    },

    async search(tx, box, { question, questionVector, visible, limit, candidates }) {
      const words = blindQuery(await beginSearch(tx, question, candidates), createBlinder(box));
      const rows = await findChunks(tx, {
        tenantId: box.tenantId,
        words,
        questionVector,
        visible,
        limit,
        candidates: Math.max(candidates, limit),
      });
      return rows.map((row) => passageFrom(box, row));
    },
  };
}

/**
 * The stems of a question; from here on an index of vectors, where the tenant has one, is read until enough chunks are
 * found that pass the conditions.
 */
async function beginSearch(tx: TenantTx, question: string, candidates: number): Promise<string> {
  const inView = Math.min(Math.max(candidates, efSearchMin), efSearchMax);
  const { rows } = await tx.execute<{ vector: string }>(sql`
    select to_tsvector('english', ${question})::text as vector,
      set_config('hnsw.iterative_scan', 'strict_order', true), set_config('hnsw.ef_search', ${String(inView)}, true)`);
  return rows[0]?.vector ?? '';
}

/** The stems of texts in the text form of tsvector, in the order of the texts. */
async function stemVectors(tx: TenantTx, texts: readonly string[]): Promise<string[]> {
  const { rows } = await tx.execute<{ vector: string }>(sql`
    select to_tsvector('english', passage)::text as vector
    from unnest(${sql.param(texts)}::text[]) with ordinality as texts (passage, place) order by place`);
  return rows.map(({ vector }) => vector);
}

async function relabel(tx: TenantTx, box: TenantVault, documentId: string, classification: Classification) {
  let lacksVectors = false;
  let last = -1;
  for (;;) {
    const batch = await sealedBatchAfter(tx, documentId, last);
    const end = batch.at(-1);
    if (end === undefined) return { lacksVectors };
    last = end.position;
    if (classification !== 'restricted') lacksVectors ||= batch.some(({ hasVector }) => !hasVector);
    const resealed = batch.map(({ version, position, headingPath, text }) => {
      const reseal = (column: SealedColumn, sealed: Uint8Array) => {
        const cell = cellOf({ documentId, version, position }, column);
        return asBuffer(box.seal(cell, box.openBytes(cell, sealed), classification));
      };
      return { position, headingPath: reseal('heading_path', headingPath), text: reseal('text', text) };
    });
    await tx.execute(sql`
      update ${chunks} set classification = ${classification},
        heading_path_sealed = resealed.heading_path, text_sealed = resealed.text,
        embedding = ${classification === 'restricted' ? sql`null` : chunks.embedding}
      from unnest(
        ${sql.param(resealed.map(({ position }) => position))}::integer[],
        ${sql.param(resealed.map(({ headingPath }) => headingPath))}::bytea[],
        ${sql.param(resealed.map(({ text }) => text))}::bytea[]
      ) as resealed (position, heading_path, text)
      where document_id = ${documentId} and chunks.position = resealed.position`);
  }
}

/** The next passages of a document behind a position, still sealed. */
function sealedBatchAfter(tx: TenantTx, documentId: string, position: number) {
  return tx
    .select({
      version: chunks.version,
      position: chunks.position,
      headingPath: chunks.headingPathSealed,
      text: chunks.textSealed,
      hasVector: sql<boolean>`${chunks.embedding} is not null`,
    })
    .from(chunks)
    .where(and(eq(chunks.documentId, documentId), gt(chunks.position, position)))
    .orderBy(asc(chunks.position))
    .limit(rowsPerStatement);
}

function rowOf(box: TenantVault, document: IndexedDocument, passage: IndexedChunk): typeof chunks.$inferInsert {
  const { documentId, version, collectionId, classification } = document;
  const { position, text, start, end, page, headingPath, words, embedding } = passage;
  const place = { documentId, version, position };
  return {
    tenantId: box.tenantId,
    documentId,
    version,
    position,
    collectionId,
    classification,
    page,
    startOffset: start,
    endOffset: end,
    headingPathSealed: box.seal(cellOf(place, 'heading_path'), JSON.stringify(headingPath), classification),
    textSealed: box.seal(cellOf(place, 'text'), text, classification),
    lexemes: words,
    embedding,
  };
}

function passageFrom(box: TenantVault, row: FoundRow): FoundPassage {
  const { headingPathSealed, textSealed, similarity, ...rest } = row;
  return {
    ...rest,
    similarity: similarity ?? undefined,
    text: box.open(cellOf(row, 'text'), textSealed),
    headingPath: JSON.parse(box.open(cellOf(row, 'heading_path'), headingPathSealed)) as string[],
  };
}

type SealedColumn = 'heading_path' | 'text';

interface ChunkPlace {
  readonly documentId: string;
  readonly version: number;
  readonly position: number;
}

function cellOf({ documentId, version, position }: ChunkPlace, column: SealedColumn): Cell {
  return { table: 'chunks', rowId: `${documentId}/${version}/${position}`, column };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function* batchesOf<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += rowsPerStatement) {
    yield items.slice(start, start + rowsPerStatement);
  }
}
