/** One attempt at ingesting a document: its steps, in order. */

import type { Blobs } from '../blobs/index.ts';
import type { TenantScope } from '../context.ts';
import type { Database } from '../db/index.ts';
import {
  blobCell,
  type Chunk,
  chunkDocument,
  finishIndexing,
  type IngestionTask,
  type Parser,
  recordProgress,
} from '../documents/index.ts';
import { AppError } from '../errors.ts';
import type { Embedder } from '../llm/index.ts';
import type { IndexedChunk, SearchIndex } from '../search/index.ts';
import type { TenantVault, Vault } from '../vault/index.ts';

/** What an attempt needs. */
export interface AttemptDeps {
  readonly database: Database;
  readonly vault: Vault;
  readonly blobs: Blobs;
  readonly search: SearchIndex;
  readonly parser: Parser;
  readonly embedder: Embedder;
  readonly settings: {
    readonly chunkCharactersTarget: number;
    readonly chunkCharactersMax: number;
    readonly chunkOverlapCharacters: number;
    /** Passages that are embedded and stemmed in one step. */
    readonly batchSize: number;
  };
  readonly now: () => number;
}

/** How often progress is written at most; each write is a transaction. */
const progressIntervalMs = 1000;

/**
 * Runs the steps. Nothing is visible to a search before the last one.
 * @returns `stale` when the document was labelled anew so that its passages must be made again, `gone` when it was
 *   deleted or finished by another worker.
 * @throws {AppError} for what is wrong with the document, or what a step could not do.
 */
export async function attempt(
  deps: AttemptDeps,
  scope: TenantScope,
  task: IngestionTask,
  signal: AbortSignal,
): Promise<'indexed' | 'stale' | 'gone'> {
  const { database, search, embedder, settings } = deps;
  const report = createReport(deps, scope, task);
  const box = await deps.vault.forTenant(scope);
  const document = await deps.parser.parse(await bytesOf(deps, box, task), task.format, signal);

  if (!(await report('chunking', 0))) return 'gone';
  const chunks = chunkDocument(document, {
    charactersTarget: settings.chunkCharactersTarget,
    charactersMax: settings.chunkCharactersMax,
    overlapCharacters: settings.chunkOverlapCharacters,
  });

  // A vector reveals its text, so a restricted document gets none.
  const hasVectors = task.classification !== 'restricted';
  const passages: IndexedChunk[] = [];
  for (let start = 0; start < chunks.length; start += settings.batchSize) {
    signal.throwIfAborted();
    const batch = chunks.slice(start, start + settings.batchSize);
    if (!(await report('embedding', start / chunks.length))) return 'gone';
    const texts = batch.map(({ text }) => text);
    const vectors = hasVectors
      ? await embedder.embed(
          batch.map((chunk) => inContext(document.title, chunk)),
          signal,
        )
      : [];
    const words = await database.withTenant(scope, (tx) => search.wordsOf(tx, box, texts));
    passages.push(...batch.map((chunk, index) => passageFrom(chunk, words[index], vectors[index])));
  }

  const { title, text, pages } = document;
  const content = { title, text, pages, chunks: passages, hasVectors, embedderProfile: embedder.profile.id };
  return database.withTenant(scope, (tx) => finishIndexing(tx, box, search, task, content));
}

async function bytesOf({ blobs }: AttemptDeps, box: TenantVault, task: IngestionTask): Promise<Uint8Array> {
  const sealed = await blobs.get(task.blobKey);
  if (sealed === undefined)
    throw new AppError('internal_error', { detail: 'The bytes of the document are missing. Upload it again.' });
  return box.openBytes(blobCell(task.documentId, task.version), sealed);
}

/** Records progress, seldom enough; tells whether there is still something to do. */
function createReport({ database, now }: AttemptDeps, scope: TenantScope, task: IngestionTask) {
  let lastStatus: string | undefined;
  let lastMs = 0;
  return async (status: 'chunking' | 'embedding', share: number): Promise<boolean> => {
    if (status === lastStatus && now() - lastMs < progressIntervalMs) return true;
    lastStatus = status;
    lastMs = now();
    return database.withTenant(scope, (tx) => recordProgress(tx, task, status, share));
  };
}

/** A passage below its titles, as it is embedded: read alone, "It lasts ten years" says nothing of what lasts. */
function inContext(title: string | null, { headingPath, text }: Chunk): string {
  const titles = title === null || headingPath[0] === title ? headingPath : [title, ...headingPath];
  return [...titles, text].join('\n');
}

function passageFrom(chunk: Chunk, words: string | undefined, vector: Float32Array | undefined): IndexedChunk {
  if (words === undefined) throw new Error('Every passage has words, perhaps none of them.');
  const { index, text, start, end, page, headingPath } = chunk;
  return { position: index, text, start, end, page, headingPath, words, embedding: vector ?? null };
}
