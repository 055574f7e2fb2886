/** The vectors of a large tenant get an index of their own, on PostgreSQL, and lose it when the tenant shrinks. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { loadConfig } from '../src/config/index.ts';
import { type OpenDatabase, openDatabase } from '../src/db/index.ts';
import { createSearchIndex, embeddingDimensions } from '../src/search/index.ts';
import { createTenantVault } from '../src/vault/index.ts';
import { createPlacement } from '../src/worker/index.ts';
import { withDatabase } from './support/database-urls.ts';
import { makeServerDatabase, type ServerDatabase } from './support/server-database.ts';

const serverUrl = inject('postgresUrl');
const indexFrom = 200;
const sizes = { ten_large: 200, ten_border: 199, ten_small: 20 };
const document = { documentId: 'doc_1', version: 1, collectionId: 'col_1', classification: 'public' } as const;
const index = createSearchIndex();

describe.skipIf(serverUrl === undefined)('vectors on PostgreSQL', () => {
  let folder: string;
  let made: ServerDatabase;
  let open: OpenDatabase;
  let place: () => Promise<void>;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'genai-placement-'));
    made = await makeServerDatabase('postgresql', folder);
    const name = new URL(made.environment['DATABASE_URL'] ?? '').pathname.slice(1);
    const environment = {
      ...made.environment,
      DATABASE_OWNER_URL: withDatabase(serverUrl ?? '', name),
      SEARCH_VECTOR_INDEX_FROM: String(indexFrom),
    };
    const { config } = loadConfig({ environment, directory: folder });
    open = await openDatabase(config, { onSystemTransaction() {}, onMigration() {}, onIdleError() {} }, 'command');
    place = createPlacement({ database: open.database, config, log: pino({ level: 'silent' }) });
    for (const [tenantId, passages] of Object.entries(sizes)) await addTenant(tenantId, passages);
  });
  afterAll(async () => {
    await open.database.close();
    await made.remove();
    rmSync(folder, { recursive: true });
  });

  const sql = async (text: string) => (await made.sql?.(text)) ?? [];
  const indexes = async () =>
    (
      await sql(`select c.relname as name, i.indisvalid as valid from pg_index i join pg_class c on c.oid = i.indexrelid
        where c.relname like 'chunks_vectors%' order by 1`)
    ).map(({ name, valid }) => `${name}${valid === true ? '' : ' broken'}`);
  const boxOf = (tenantId: string) =>
    createTenantVault(tenantId, [{ version: 1, key: new Uint8Array(32).fill(1) }], 'confidential');

  async function addTenant(tenantId: string, passages: number): Promise<void> {
    await sql(`
      insert into genai.tenants (tenant_id, slug, name, tier) values ('${tenantId}', replace('${tenantId}', '_', '-'), 'x', 'free');
      insert into genai.collections (tenant_id, id, name, created_by) values ('${tenantId}', 'col_1', 'x', 'x');
      insert into genai.documents (tenant_id, id, collection_id, classification, title_sealed, filename_sealed, format, media_type,
          size_bytes, content_hash, created_by, status, chunk_count)
        values ('${tenantId}', 'doc_1', 'col_1', 'public', '', '', 'text', '', 1, '', 'x', 'indexed', ${passages})`);
    const chunks = Array.from({ length: passages }, (_, position) => ({
      ...{ position, text: '', start: 0, end: 0, page: null, headingPath: [], words: '' },
      embedding: vectorAt(position),
    }));
    await open.database.withTenant({ tenantId }, (tx) => index.replaceChunks(tx, boxOf(tenantId), document, chunks));
  }

  /** Unit vectors along an arc; those of near positions are near. */
  function vectorAt(position: number): Float32Array {
    const vector = new Float32Array(embeddingDimensions);
    vector.set([Math.cos(position / 200), Math.sin(position / 200)]);
    return vector;
  }

  async function nearest(tenantId: string, position: number): Promise<number[]> {
    const visible = { collectionIds: ['col_1'], classifications: ['public' as const] };
    const request = { question: '', questionVector: vectorAt(position), visible, limit: 3, candidates: 3 };
    const found = await open.database.withTenant({ tenantId }, (tx) => index.search(tx, boxOf(tenantId), request));
    return found.map((passage) => passage.position).toSorted((a, b) => a - b);
  }

  it('of a large tenant get an index of their own, and of no other', async () => {
    await place();
    expect(await indexes()).toEqual(['chunks_vectors_ten_large']);
    for (const tenantId of Object.keys(sizes)) expect(await nearest(tenantId, 10)).toEqual([9, 10, 11]);
  });

  it('are found through that index', async () => {
    await sql('analyze genai.chunks');
    const usedBefore = await scans();
    await open.database.withTenant({ tenantId: 'ten_large' }, async (tx) => {
      await tx.execute(`set local enable_sort = off`);
      const visible = { collectionIds: ['col_1'], classifications: ['public' as const] };
      const request = { question: '', questionVector: vectorAt(50), visible, limit: 3, candidates: 3 };
      const found = await index.search(tx, boxOf('ten_large'), request);
      expect(found.map(({ position }) => position).toSorted((a, b) => a - b)).toEqual([49, 50, 51]);
    });
    await expect.poll(scans, { timeout: 10_000 }).toBe(usedBefore + 1);
  });
  const scans = async () =>
    Number(
      (await sql(`select idx_scan from pg_stat_user_indexes where indexrelname = 'chunks_vectors_ten_large'`))[0]?.[
        'idx_scan'
      ],
    );

  it('get the index again that a crash left half built', async () => {
    await sql(`update pg_index set indisvalid = false where indexrelid = 'genai.chunks_vectors_ten_large'::regclass`);
    expect(await indexes()).toEqual(['chunks_vectors_ten_large broken']);
    await place();
    expect(await indexes()).toEqual(['chunks_vectors_ten_large']);
  });

  it('lose it when the tenant has shrunk well below the border, not before', async () => {
    await sql(`update genai.documents set chunk_count = 100 where tenant_id = 'ten_large'`);
    await place();
    expect(await indexes()).toEqual(['chunks_vectors_ten_large']);
    await sql(`update genai.documents set chunk_count = 99 where tenant_id = 'ten_large'`);
    await place();
    expect(await indexes()).toEqual([]);
    expect(await nearest('ten_large', 10)).toEqual([9, 10, 11]);
  });
});
