/**
 * Random sequences of what two tenants do at the same time, on every database: each tenant's answers must follow from what
 * that tenant did, and hold nothing of the other.
 *
 * A failure prints the seed; `ISOLATION_SEED=… make test TEST=server/test/isolation` runs the same sequences again.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Embedder } from '../../src/llm/index.ts';
import { openTestPostgres, type TestDatabase, testDatabases } from '../support/database.ts';
import { ingestTools } from '../support/ingest.ts';
import { runSequence } from './run-sequence.ts';
import { sequence } from './sequences.ts';
import { type Arena, openArena } from './world.ts';

const { seed = Math.trunc(Math.random() * 2 ** 31), sequences } = inject('isolation');
const isLong = inject('isLong');
const pgbouncerUrl = inject('pgbouncerUrl');
const results = join(import.meta.dirname, '../../bench/results/isolation-model.json');

const kinds = [
  ...testDatabases.map(({ name, open }) => ({ name: name as string, open, long: 5000 })),
  ...(pgbouncerUrl === undefined
    ? []
    : [{ name: 'PgBouncer', open: () => openTestPostgres({ throughUrl: pgbouncerUrl }), long: 1000 }]),
];
const recorded: Record<string, unknown>[] = [];

describe.each(kinds)('two tenants on $name', ({ name, open, long }) => {
  const tools = ingestTools();
  let database: TestDatabase;
  let arena: Arena;

  beforeAll(async () => {
    database = await open();
    arena = await openArena(database, { ...tools, embedder: remembering(tools.embedder) });
  }, 60_000);
  afterAll(async () => {
    await arena.stop();
    await tools.close();
  });

  const count = sequences ?? (isLong ? long : 12);
  it(`see what they themselves did and nothing else, over ${count} sequences`, { timeout: 7_200_000 }, async () => {
    let operations = 0;
    const startedMs = performance.now();
    await fc.assert(
      fc.asyncProperty(sequence, async (turns) => {
        operations += await runSequence(arena, turns);
      }),
      { seed, numRuns: count, endOnFailure: true, verbose: 1 },
    );
    recorded.push({
      database: name,
      seed,
      sequences: count,
      operations,
      seconds: Math.round((performance.now() - startedMs) / 1000),
    });
    expect(operations).toBeGreaterThan(count);
  });
});

afterAll(() => {
  if (!isLong || sequences !== undefined) return;
  mkdirSync(join(results, '..'), { recursive: true });
  const command = 'GENAI_TEST_LONG=1 make test TEST=server/test/isolation';
  writeFileSync(
    results,
    `${JSON.stringify({ name: 'isolation-model', command, runs: recorded, violations: 0 }, null, 2)}\n`,
  );
});

/** Sequences use few texts; the real embedder reads each once. */
function remembering(embedder: Embedder): Embedder {
  const known = new Map<string, Float32Array>();
  return {
    ...embedder,
    async embed(texts, signal) {
      const fresh = texts.filter((text) => !known.has(text));
      if (known.size > 1000) known.clear();
      const vectors = fresh.length === 0 ? [] : await embedder.embed(fresh, signal);
      for (const [place, text] of fresh.entries()) known.set(text, vectors[place] ?? new Float32Array());
      return texts.map((text) => known.get(text) ?? new Float32Array());
    },
  };
}
