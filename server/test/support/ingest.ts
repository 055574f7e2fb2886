/** Ingestion over test documents, with the real parser and the real local embedder. */

import { createParser } from '../../src/documents/index.ts';
import { createIngest, type IngestOptions } from '../../src/ingest/index.ts';
import { createUseLiteEmbedder } from '../../src/llm/index.ts';
import { createMetrics } from '../../src/telemetry/index.ts';
import type { TestDocuments } from './documents.ts';

/** Settings of the product, except that one attempt may not take minutes. */
export const ingestSettings: IngestOptions['settings'] = {
  chunkCharactersTarget: 800,
  chunkCharactersMax: 1200,
  chunkOverlapCharacters: 100,
  ingestAttemptsMax: 3,
  ingestTimeoutMs: 60_000,
  batchSize: 32,
};

/** Starts a parser and an embedder; the caller closes them. */
export function ingestTools() {
  const parser = createParser({
    pagesMax: 5000,
    textCharactersMax: 20_000_000,
    timeoutMs: 30_000,
    memoryMiB: 512,
    concurrency: 1,
  });
  const embedder = createUseLiteEmbedder({ queueTextsMax: 10_000, timeoutMs: 60_000 });
  return {
    parser,
    embedder,
    async close() {
      await parser.close();
      await embedder.close();
    },
  };
}

/** Makes the flow over test documents. */
export function ingestOn(
  on: TestDocuments,
  tools: ReturnType<typeof ingestTools>,
  overrides: Partial<IngestOptions> = {},
) {
  const { database, vault, blobs, search, log } = on;
  const { parser, embedder } = tools;
  const metrics = createMetrics();
  return createIngest({
    database,
    vault,
    blobs,
    search,
    parser,
    embedder,
    metrics,
    log,
    settings: ingestSettings,
    ...overrides,
  });
}
