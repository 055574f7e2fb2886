/**
 * Whatever two tenants do at the same time, and whatever goes wrong meanwhile, each sees what a model of it alone allows.
 *
 * Every answer of every operation must be explained by an order of the tenant's own operations, so what the other tenant
 * did can change none. `ISOLATION_SEED` and `ISOLATION_SEQUENCES` replay a run; `GENAI_TEST_LONG=1` plays ten thousand
 * sequences and writes what happened to bench/results/isolation-model.json.
 */

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, inject, it } from 'vitest';
import type { Embedder } from '../../src/llm/index.ts';
import { openTestPostgres, type TestDatabase, testDatabases } from '../support/database.ts';
import { ingestTools } from '../support/ingest.ts';
import { play, type Tally } from './run-sequence.ts';
import { sequence } from './sequences.ts';
import { openArena } from './world.ts';

interface Place {
  readonly name: string;
  readonly open: () => Promise<TestDatabase>;
  /** Sequences in a long run, and else. */
  readonly sequences: readonly [long: number, usual: number];
  /** Sequences that run at the same time, each with up to six operations at once. */
  readonly lanes: number;
}

/** As many connections as there are clients; one that hangs is given up soon. */
const environment = { DATABASE_POOL_MAX: '50', DATABASE_STATEMENT_TIMEOUT_MS: '1000' };
const throughUrl = inject('pgbouncerUrl');
const throughPgbouncer: Place[] =
  throughUrl === undefined
    ? []
    : [
        {
          name: 'PgBouncer',
          open: () => openTestPostgres({ throughUrl, environment }),
          sequences: [3000, 25],
          lanes: 10,
        },
      ];
const places: readonly Place[] = [
  ...testDatabases.map(({ name, open }): Place => {
    if (name === 'pglite') return { name, open, sequences: [1000, 10], lanes: 1 };
    return { name, open: () => openTestPostgres({ environment }), sequences: [6000, 40], lanes: 4 };
  }),
  ...throughPgbouncer,
];

const seed = inject('isolation').seed ?? Math.floor(Math.random() * 2 ** 31);
const isLong = inject('isLong');
/** A replay looks for the shortest sequence that fails; it takes minutes. */
const endOnFailure = inject('isolation').seed === undefined || isLong;
/** Texts whose vectors are kept. */
const rememberedMax = 1000;
const results: Record<string, unknown>[] = [];

/** Adds what a long run did to the committed result. */
function record(result: Record<string, unknown>): void {
  results.push(result);
  if (!isLong || inject('isolation').sequences !== undefined) return;
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const command = 'make test-long TEST=server/test/isolation/isolation.test.ts';
  const report = {
    name: 'isolation-model',
    commit,
    command,
    replay: `ISOLATION_SEED=${seed} ${command}`,
    seed,
    results,
  };
  const path = new URL('../../bench/results/isolation-model.json', import.meta.url);
  writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
}

/** Sequences ask the same question over and over; the real embedder reads it once. */
function remembering(embedder: Embedder): Embedder {
  const known = new Map<string, Float32Array>();
  return {
    ...embedder,
    async embed(texts, signal) {
      const fresh = texts.filter((text) => !known.has(text));
      if (known.size > rememberedMax) known.clear();
      const vectors = fresh.length === 0 ? [] : await embedder.embed(fresh, signal);
      for (const [place, text] of fresh.entries()) known.set(text, vectors[place] ?? new Float32Array());
      return texts.map((text) => known.get(text) ?? new Float32Array());
    },
  };
}

describe.each(places)('two tenants on $name', ({ name, open, sequences, lanes }) => {
  it('see what a model of each alone allows, after any sequence of operations side by side', async () => {
    const tools = ingestTools();
    const database = await open();
    const arena = await openArena(database, { ...tools, embedder: remembering(tools.embedder) });
    const total = inject('isolation').sequences ?? sequences[isLong ? 0 : 1];
    const startedMs = performance.now();
    const tally: Tally = { operations: 0, unanswered: 0, kills: 0, stalls: 0 };
    // Each lane is a run of its own; the first repeats with the same seed and one lane.
    const runs = Array.from({ length: lanes }, (_, lane) => {
      const numRuns = Math.ceil((total - lane) / lanes);
      const property = fc.asyncProperty(sequence, (rounds) =>
        play({ arena, database, isStruck: name !== 'pglite', tally }, rounds),
      );
      return numRuns > 0 ? fc.assert(property, { seed: seed + lane, numRuns, endOnFailure }) : undefined;
    });
    try {
      await Promise.all(runs);
    } finally {
      console.info(`${name}: seed ${seed}, ${total} sequences, ${JSON.stringify(tally)}`);
      await arena.stop();
      await tools.close();
    }
    record({
      place: name,
      sequences: total,
      lanes,
      seconds: Math.round((performance.now() - startedMs) / 1000),
      ...tally,
    });
  }, 7_200_000);
});
