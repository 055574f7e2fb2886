import { integer } from '../setting.ts';

/** Answering questions. */
export const query = {
  timeoutMs: integer({
    env: 'QUERY_TIMEOUT_MS',
    default: 30_000,
    min: 100,
    max: 600_000,
    unit: 'milliseconds',
    description: 'How long a question or chat may take, from arrival to the last byte.',
  }),
  questionCharactersMax: integer({
    env: 'QUESTION_CHARACTERS_MAX',
    default: 4000,
    min: 10,
    max: 100_000,
    unit: 'characters',
    description: 'Longest question.',
  }),
  settleDelayMs: integer({
    env: 'SETTLE_DELAY_MS',
    default: 5,
    min: 0,
    max: 1000,
    unit: 'milliseconds',
    description: 'How long a settlement waits for others to share its transaction.',
  }),
  settleBatchMax: integer({
    env: 'SETTLE_BATCH_MAX',
    default: 100,
    min: 1,
    max: 1000,
    unit: 'count',
    description: 'Most settlements in one transaction.',
  }),
};
