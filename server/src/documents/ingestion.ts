/**
 * The states of a document on its way into the index.
 *
 *   uploaded → parsing → chunking → embedding → indexed
 *      ↑__________|___________|_________|______→ failed
 *
 * Every function here is one step inside a transaction of the ingestion flow, and looks at the row as it is now: a
 * document that was deleted, finished or labelled anew meanwhile is neither resurrected nor mislabelled. An attempt that
 * ended for a passing reason goes back to `uploaded`; one found in a later state was cut short by a crash.
 */

import { and, eq, gt, notInArray, type SQL, sql } from 'drizzle-orm';
import type { Classification } from '../context.ts';
import type { SystemTx, TenantTx } from '../db/index.ts';
import { AppError } from '../errors.ts';
import type { IndexedChunk, SearchIndex } from '../search/index.ts';
import type { TenantVault } from '../vault/index.ts';
import { documentCell, textCell } from './document-view.ts';
import { titleFromFilename } from './input.ts';
import type { DocumentFormat, PageSpan } from './parsers/parser.ts';
import { documents, documentVersions } from './tables.ts';

/** A document that an attempt works on. */
export interface IngestionTask {
  readonly documentId: string;
  readonly version: number;
  readonly format: DocumentFormat;
  readonly classification: Classification;
  readonly blobKey: string;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
}

/** What an attempt found in a document. */
export interface IndexedContent {
  /** The title that the document states; used when the uploader gave none. */
  readonly title: string | null;
  readonly text: string;
  readonly pages: readonly PageSpan[];
  /** With vectors, unless the document was restricted when they were made. */
  readonly chunks: readonly IndexedChunk[];
  readonly hasVectors: boolean;
  readonly embedderProfile: string;
}

/** Attempts that may be cut short by a crash: a document that brings the server down must not do so for ever. */
const interruptionsMax = 10;

const isNotFinal = notInArray(documents.status, ['indexed', 'failed']);

/** Share of the work that is done when a step begins, 0 to 100; embedding moves on from there. */
const progressAt = { parsing: 5, chunking: 20, embedding: 25, indexing: 95 } as const;

/**
 * Begins an attempt and records that it began, so that a crash counts. Returns nothing when there is nothing to do: the
 * document is gone or final, or has been interrupted so often that it now fails.
 */
export async function beginAttempt(tx: TenantTx, documentId: string): Promise<IngestionTask | undefined> {
  const row = await lockedUnfinished(tx, documentId);
  if (row === undefined) return undefined;
  const wasInterrupted = row.status !== 'uploaded';
  if (wasInterrupted && row.interruptions >= interruptionsMax) {
    const detail = `Ingestion was interrupted ${row.interruptions} times. Upload the document again, or report its id to the operator.`;
    await endAttempt(tx, documentId, new AppError('internal_error', { detail }), 'final');
    return undefined;
  }
  const counted = wasInterrupted ? { interruptions: row.interruptions + 1 } : { attempts: row.attempts + 1 };
  await tx
    .update(documents)
    .set({ ...counted, status: 'parsing', progress: progressAt.parsing, updatedAt: new Date() })
    .where(eq(documents.id, documentId));
  const { id, version, format, classification } = row;
  const [stored] = await tx.select().from(documentVersions).where(ofVersion(id, version));
  if (stored === undefined) throw new Error('A document has a row for its version.');
  const attempt = counted.attempts ?? row.attempts;
  return { documentId, version, format: format as DocumentFormat, classification, blobKey: stored.blobKey, attempt };
}

/**
 * Records how far an attempt is.
 * @param share of the step that is done, 0 to 1.
 * @returns false when the document is gone or final, so that the attempt can stop.
 */
export async function recordProgress(
  tx: TenantTx,
  task: IngestionTask,
  status: 'chunking' | 'embedding',
  share: number,
): Promise<boolean> {
  const end = status === 'chunking' ? progressAt.embedding : progressAt.indexing;
  const progress = Math.floor(progressAt[status] + share * (end - progressAt[status]));
  const updated = await tx
    .update(documents)
    .set({ status, progress, updatedAt: new Date() })
    .where(and(isUnfinished(task.documentId), eq(documents.version, task.version)))
    .returning({ id: documents.id });
  return updated.length > 0;
}

/**
 * Ends an attempt with success: text, passages and state in one transaction, under the labels that the document has now.
 * @returns `stale` when the document may have vectors by now and the content has none: the attempt must be made again;
 *   `gone` when there is nothing left to index.
 */
export async function finishIndexing(
  tx: TenantTx,
  box: TenantVault,
  search: SearchIndex,
  task: IngestionTask,
  content: IndexedContent,
): Promise<'indexed' | 'stale' | 'gone'> {
  const { documentId, version } = task;
  const row = await lockedUnfinished(tx, documentId);
  if (row?.version !== version) return 'gone';
  const { collectionId, classification } = row;
  const isRestricted = classification === 'restricted';
  if (!isRestricted && !content.hasVectors) return 'stale';

  const { text, pages, embedderProfile } = content;
  const textSealed = box.seal(textCell(documentId, version), text, classification);
  await tx.update(documentVersions).set({ textSealed, pages, embedderProfile }).where(ofVersion(documentId, version));
  const chunks = isRestricted ? content.chunks.map((chunk) => ({ ...chunk, embedding: null })) : content.chunks;
  await search.replaceChunks(tx, box, { documentId, version, collectionId, classification }, chunks);
  await tx
    .update(documents)
    .set({
      ...statedTitle(box, row, content.title),
      status: 'indexed',
      progress: 100,
      errorCode: null,
      errorDetail: null,
      pageCount: pages.length === 0 ? null : pages.length,
      chunkCount: chunks.length,
      updatedAt: new Date(),
    })
    .where(eq(documents.id, documentId));
  return 'indexed';
}

/** Ends an attempt with an error: for good, or until the next attempt. */
export async function endAttempt(
  tx: TenantTx,
  documentId: string,
  error: AppError,
  mode: 'final' | 'passing',
): Promise<void> {
  await tx
    .update(documents)
    .set({
      status: mode === 'final' ? 'failed' : 'uploaded',
      progress: 0,
      errorCode: error.code,
      errorDetail: error.detail ?? error.definition.title,
      updatedAt: new Date(),
    })
    .where(isUnfinished(documentId));
}

/** Gives an attempt back that a stop of the server cut short, as if it had not begun. */
export async function giveAttemptBack(tx: TenantTx, documentId: string): Promise<void> {
  await tx
    .update(documents)
    .set({ status: 'uploaded', progress: 0, attempts: sql`greatest(attempts - 1, 0)`, updatedAt: new Date() })
    .where(isUnfinished(documentId));
}

/** The documents of all tenants that are not in a final state, by id only, oldest first. */
export async function unfinishedDocuments(
  tx: SystemTx,
  after: string,
  limit: number,
): Promise<readonly { readonly tenantId: string; readonly id: string }[]> {
  const { tenantId, id } = documents;
  return tx
    .select({ tenantId, id })
    .from(documents)
    .where(and(isNotFinal, gt(id, after)))
    .orderBy(id)
    .limit(limit);
}

async function lockedUnfinished(tx: TenantTx, documentId: string) {
  const [row] = await tx.select().from(documents).where(isUnfinished(documentId)).for('update');
  return row;
}

function isUnfinished(documentId: string): SQL | undefined {
  return and(eq(documents.id, documentId), isNotFinal);
}

function ofVersion(documentId: string, version: number): SQL | undefined {
  return and(eq(documentVersions.documentId, documentId), eq(documentVersions.version, version));
}

/** A title that was only made from the file name gives way to the one that the document states. */
function statedTitle(
  box: TenantVault,
  row: typeof documents.$inferSelect,
  stated: string | null,
): { titleSealed?: Uint8Array } {
  if (stated === null) return {};
  const cell = documentCell(row.id, 'title');
  const filename = box.open(documentCell(row.id, 'filename'), row.filenameSealed);
  if (box.open(cell, row.titleSealed) !== titleFromFilename(filename)) return {};
  return { titleSealed: box.seal(cell, stated, row.classification) };
}
