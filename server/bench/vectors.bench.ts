/**
 * What a small tenant can tell of a large neighbour by searching: times near the neighbour's vectors and far from them, how
 * many results come back, and which. Beside it the same with one index of vectors for both, which the product refuses.
 *
 * Needs PostgreSQL: `node scripts/with-services.ts npm run bench -- vectors`.
 */

import { randomBytes } from 'node:crypto';
import { loadConfig } from '../src/config/index.ts';
import { type Database, migrateAsOwner, openDatabase } from '../src/db/index.ts';
import { createSearchIndex, embeddingDimensions, placeVectors } from '../src/search/index.ts';
import { createTenantVault } from '../src/vault/index.ts';
import { onServer, serverLoginUrl, withDatabase } from '../test/support/database-urls.ts';
import type { Benchmark } from './benchmark.ts';

interface Tenant {
  readonly tenantId: string;
  readonly passages: number;
}
const small: Tenant = { tenantId: 'ten_small', passages: 200 };
const large: Tenant = { tenantId: 'ten_large', passages: 8000 };
const indexFrom = 5000;
const document = { documentId: 'doc_1', version: 1, collectionId: 'col_1', classification: 'public' } as const;
const visible = { collectionIds: [document.collectionId], classifications: [document.classification] };
const limit = 10;
const directions = 16;
const warmUpRounds = 5;
const index = createSearchIndex();

/** Ratios of medians, numbers of results, recall. */
export const benchmark: Benchmark = {
  name: 'vectors',
  title: "A search near a neighbour's 8,000 vectors, as a multiple of the time of one far from them",
  goals: [
    { id: 'no-density-oracle', figure: 'own_near_far_time_ratio', reach: { atMost: 1.5 } },
    { id: 'all-results', figure: 'own_results_min', reach: { atLeast: limit } },
    { id: 'recall-small', figure: 'own_recall_at_10', reach: { atLeast: 0.95 } },
    { id: 'recall-large', figure: 'large_recall_at_10', reach: { atLeast: 0.95 } },
  ],
  async run({ quick, progress }) {
    const serverUrl = process.env['TEST_DATABASE_URL'];
    if (serverUrl === undefined)
      throw new Error('Run it with a PostgreSQL: node scripts/with-services.ts npm run bench -- vectors');
    const rounds = quick ? 30 : 300;
    const name = `genai_bench_${randomBytes(6).toString('hex')}`;
    await onServer(serverUrl, (client) => client.query(`create database ${name}`));
    const ownerUrl = withDatabase(serverUrl, name);
    const environment = { DATABASE_URL: serverLoginUrl(serverUrl, name), DATABASE_OWNER_URL: ownerUrl };
    const { config } = loadConfig({ environment, directory: '/' });
    const hooks = { onSystemTransaction: () => {}, onMigration: () => {}, onIdleError: () => {} };
    await migrateAsOwner(config, () => {});
    const { database } = await openDatabase(config, hooks, 'command');
    const asSuperuser = (statement: string) => onServer(ownerUrl, (client) => client.query(statement));
    try {
      progress('inserting vectors');
      await asSuperuser([small, large].map(tenantSql).join(';'));
      await fill(database, small, 'wide');
      await fill(database, large, 'close');
      await asSuperuser('analyze genai.chunks');
      const smallExact = await measure(database, small, rounds);
      const largeExact = await measure(database, large, rounds);
      progress("building the large tenant's index");
      await placeVectors(database, { url: ownerUrl, connectTimeoutMs: 10_000 }, [small, large], indexFrom);
      const own = await measure(database, small, rounds);
      const largeIndexed = await measure(database, large, rounds);
      return {
        own_near_far_time_ratio: rounded(own.nearMs / own.farMs),
        own_results_min: own.resultsMin,
        own_recall_at_10: recall(own.found, smallExact.found),
        own_p50_ms: own.nearMs,
        large_exact_p50_ms: largeExact.nearMs,
        large_indexed_p50_ms: largeIndexed.nearMs,
        large_recall_at_10: recall(largeIndexed.found, largeExact.found),
      };
    } finally {
      await database.close();
      await onServer(serverUrl, (client) => client.query(`drop database ${name} with (force)`));
    }
  },
};

/** A tenant with one document. */
function tenantSql({ tenantId }: Tenant): string {
  return `
    insert into genai.tenants (tenant_id, slug, name, tier) values ('${tenantId}', replace('${tenantId}', '_', '-'), 'x', 'free');
    insert into genai.collections (tenant_id, id, name, created_by) values ('${tenantId}', '${document.collectionId}', 'x', 'x');
    insert into genai.documents (tenant_id, id, collection_id, classification, title_sealed, filename_sealed, format,
        media_type, size_bytes, content_hash, created_by)
      values ('${tenantId}', '${document.documentId}', '${document.collectionId}', '${document.classification}', '', '', 'text', '', 1, '', 'x')`;
}

/** Vectors of a tenant: the large one's lie close together around the first axis, the small one's anywhere. */
async function fill(database: Database, { tenantId, passages }: Tenant, spread: 'close' | 'wide'): Promise<void> {
  const random = seeded(passages);
  const chunks = Array.from({ length: passages }, (_, position) => ({
    position,
    text: '',
    start: 0,
    end: 0,
    page: null,
    headingPath: [],
    words: '',
    embedding: vectorNear(spread === 'close' ? 1 : 0, random),
  }));
  await database.withTenant({ tenantId }, (tx) => index.replaceChunks(tx, boxOf(tenantId), document, chunks));
}

/** Unit vectors that differ in as many directions as embeddings of text do, give or take, not in all of them. */
function vectorNear(first: number, random: () => number): Float32Array {
  const vector = new Float32Array(embeddingDimensions).map(() => 0.02 * (random() - 0.5));
  for (let axis = 0; axis < directions; axis += 1) vector[axis] = (first === 1 ? 0.3 : 1) * (random() - 0.5);
  vector[0] = (vector[0] ?? 0) + first;
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

/** Searches near the large tenant's vectors and far from them, in turn. */
async function measure(database: Database, { tenantId }: Tenant, rounds: number) {
  const random = seeded(7);
  const times = { near: [] as number[], far: [] as number[] };
  const found: string[][] = [];
  for (let round = -warmUpRounds; round < rounds; round += 1) {
    for (const place of ['near', 'far'] as const) {
      const questionVector = vectorNear(place === 'near' ? 1 : 0, random);
      const request = { question: '', questionVector, visible, limit, candidates: limit };
      const startedMs = performance.now();
      const passages = await database.withTenant({ tenantId }, (tx) => index.search(tx, boxOf(tenantId), request));
      if (round < 0) continue;
      times[place].push(performance.now() - startedMs);
      found.push(passages.map(({ position }) => `${position}`));
    }
  }
  const resultsMin = Math.min(...found.map(({ length }) => length));
  return { nearMs: median(times.near), farMs: median(times.far), resultsMin, found };
}

/** The share of what an exact search finds that is found. */
function recall(found: readonly string[][], exact: readonly string[][]): number {
  const hits = exact.map((ids, round) => ids.filter((id) => found[round]?.includes(id)).length);
  const all = exact.reduce((sum, { length }) => sum + length, 0);
  return rounded(hits.reduce((sum, count) => sum + count, 0) / all);
}

function boxOf(tenantId: string) {
  return createTenantVault(tenantId, [{ version: 1, key: new Uint8Array(32).fill(1) }], 'confidential');
}

/** The same numbers in [0, 1) each time: mulberry32, public domain, by Tommy Ettinger. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function median(values: readonly number[]): number {
  return rounded(values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN);
}

function rounded(value: number): number {
  return Number(value.toFixed(3));
}
