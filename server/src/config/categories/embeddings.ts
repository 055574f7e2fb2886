import { integer } from '../setting.ts';

/** Turning text into vectors. */
export const embeddings = {
  batchSize: integer({
    env: 'EMBEDDINGS_BATCH_SIZE',
    default: 32,
    min: 1,
    max: 512,
    unit: 'count',
    description: 'Passages given to the embedder in one call while a document is ingested.',
  }),
  queueMax: integer({
    env: 'EMBEDDINGS_QUEUE_MAX',
    default: 512,
    min: 1,
    max: 100_000,
    unit: 'count',
    description: 'Texts that may wait for the embedder; further ones are refused.',
  }),
  timeoutMs: integer({
    env: 'EMBEDDINGS_TIMEOUT_MS',
    default: 60_000,
    min: 100,
    max: 600_000,
    unit: 'milliseconds',
    description: 'How long embedding one call may take.',
  }),
};
