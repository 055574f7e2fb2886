import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../test/support/database.ts';
import { documentsOn, type TestDocuments } from '../../test/support/documents.ts';
import { ingestOn, ingestSettings, ingestTools } from '../../test/support/ingest.ts';
import type { Classification } from '../context.ts';
import { beginAttempt } from '../documents/index.ts';
import { AppError } from '../errors.ts';
import type { Embedder } from '../llm/index.ts';
import type { IngestOptions } from './index.ts';

const handbook = `# Travel policy

Every trip above 500 euros needs an approval. 🚆

## Hotels

The company pays for hotels up to 140 euros a night. Breakfast is included.

## Trains

First class is allowed on rides longer than three hours.
`;
const running = new AbortController().signal;

describe.each(testDatabases)('ingestion on $name', ({ open }) => {
  const tools = ingestTools();
  let database: TestDatabase;
  let on: TestDocuments;
  let tenantId: string;

  beforeAll(async () => {
    database = await open();
    on = documentsOn(database);
  });
  beforeEach(async () => {
    tenantId = await on.addTenant();
  });
  afterAll(async () => {
    await tools.close();
    on.close();
    await database.close();
  });

  const admin = () => on.as(tenantId);
  const upload = async (text = handbook, overrides: object = {}) =>
    (
      await on.documents.upload(
        admin(),
        on.textFile(text, { filename: 'travel.md', mediaType: 'text/markdown', ...overrides }),
      )
    ).id;
  const ingest = (documentId: string, overrides: Partial<IngestOptions> = {}, signal = running) =>
    ingestOn(on, tools, overrides)({ tenantId, documentId }, signal);
  const get = (id: string) => on.documents.get(admin(), id);
  const chunkRows = (id: string) =>
    database.superuser(
      `select position, classification, collection_id, embedding is null as lacks_vector from genai.chunks where document_id = $1 order by position`,
      [id],
    );
  const find = async (question: string, clearance: Classification = 'restricted') => {
    const [questionVector] = await tools.embedder.embed([question], running);
    const box = await on.vault.forTenant({ tenantId });
    return database.database.withTenant({ tenantId }, async (tx) => {
      const visible = await on.documents.visibility(tx, on.as(tenantId, { clearance }).principal, undefined);
      return on.search.search(tx, box, { question, questionVector, visible, limit: 5, candidates: 50 });
    });
  };
  /** The real embedder, with something happening before its first call. */
  const embedderAfter = (happens: () => Promise<unknown>): { embedder: Embedder } => {
    let once: Promise<unknown> | undefined;
    return {
      embedder: {
        ...tools.embedder,
        async embed(texts, signal) {
          once ??= happens();
          await once;
          return tools.embedder.embed(texts, signal);
        },
      },
    };
  };
  const failing = (error: unknown) => embedderAfter(() => Promise.reject(error));

  it('makes a document searchable, with passages that are exact slices of its text', async () => {
    const id = await upload();
    expect(await ingest(id)).toBe('done');
    const view = await get(id);
    expect(view).toMatchObject({
      status: 'indexed',
      progress: 100,
      attempts: 1,
      error: null,
      pageCount: null,
      title: 'Travel policy',
    });
    expect(await chunkRows(id)).toHaveLength(view.chunkCount ?? 0);

    const [best] = await find('How much may a hotel cost per night?');
    expect(best?.text).toContain('140 euros');
    const { text } = await on.documents.text(admin(), id);
    for (const { start, end, text: passage } of await find('euros')) {
      expect([...text].slice(start, end).join('')).toBe(passage);
    }
  });

  it('embeds as many passages at once as it may, and no more', async () => {
    const id = await upload(
      Array.from({ length: 5 }, (_, number) => `# ${number}\n\n${'Budgets. '.repeat(80)}`).join('\n\n'),
    );
    const sizes: number[] = [];
    const embedder: Embedder = {
      ...tools.embedder,
      embed(texts, signal) {
        sizes.push(texts.length);
        return tools.embedder.embed(texts, signal);
      },
    };
    await ingest(id, { embedder, settings: { ...ingestSettings, batchSize: 2 } });
    expect((await get(id)).chunkCount).toBe(5);
    expect(sizes).toEqual([2, 2, 1]);
  });

  it('embeds each passage below its titles, and stores it without them', async () => {
    const seen: string[] = [];
    const embedder: Embedder = {
      ...tools.embedder,
      embed(texts, signal) {
        seen.push(...texts);
        return tools.embedder.embed(texts, signal);
      },
    };
    const long = `# Sensors\n\n${'They measure. '.repeat(150)}\n\n## Battery\n\nIt lasts ten years.`;
    const id = await upload(long);
    expect(await ingest(id, { embedder })).toBe('done');
    expect(seen.at(-1)).toMatch(/^Sensors\nBattery\n(## )?Battery/);
    const [found] = await find('How long does the battery last?');
    expect(found?.text).not.toContain('Sensors\n');
  });

  it('keeps the title that the uploader gave', async () => {
    const id = await upload(handbook, { title: 'Reisen' });
    await ingest(id);
    expect((await get(id)).title).toBe('Reisen');
  });

  it('fails at once, with a reason, when the document is at fault', async () => {
    const id = await upload('%PDF-1.7 and nothing else', { filename: 'broken.pdf', mediaType: 'application/pdf' });
    expect(await ingest(id)).toBe('done');
    const { status, attempts, error } = await get(id);
    expect({ status, attempts, code: error?.code }).toEqual({
      status: 'failed',
      attempts: 1,
      code: 'document_unreadable',
    });
    expect(error?.detail).not.toBe('');
    expect(await chunkRows(id)).toEqual([]);
  });

  it('makes no vector of a restricted document, and finds it by words', async () => {
    const id = await upload(handbook, { classification: 'restricted' });
    await ingest(id, failing(new Error('The embedder must not be asked.')));
    expect(await get(id)).toMatchObject({ status: 'indexed' });
    for (const row of await chunkRows(id))
      expect(row).toMatchObject({ classification: 'restricted', lacks_vector: true });
    expect((await find('hotels'))[0]?.text).toContain('140 euros');
    expect(await find('hotels', 'confidential')).toEqual([]);
  });

  describe('a reason that may pass', () => {
    const unavailable = new AppError('dependency_unavailable', { detail: 'The local embedder is closed.' });

    it('leads to another attempt, and says so meanwhile', async () => {
      const id = await upload();
      expect(await ingest(id, failing(unavailable))).toBe('again');
      const error = { code: 'dependency_unavailable', detail: 'The local embedder is closed.' };
      expect(await get(id)).toMatchObject({ status: 'uploaded', progress: 0, attempts: 1, error });
      expect(await ingest(id)).toBe('done');
      expect(await get(id)).toMatchObject({ status: 'indexed', attempts: 2, error: null });
    });

    it('is final after the last attempt', async () => {
      const id = await upload();
      const outcomes: string[] = [];
      for (let attempt = 1; attempt <= 3; attempt++) outcomes.push(await ingest(id, failing(unavailable)));
      expect(outcomes).toEqual(['again', 'again', 'done']);
      expect(await get(id)).toMatchObject({ status: 'failed', attempts: 3, error: { code: 'dependency_unavailable' } });
      expect(await ingest(id)).toBe('done');
      expect(await get(id)).toMatchObject({ status: 'failed' });
    });

    it('is final as early as INGEST_ATTEMPTS_MAX says', async () => {
      const id = await upload();
      const settings = { ...ingestSettings, ingestAttemptsMax: 1 };
      expect(await ingest(id, { ...failing(unavailable), settings })).toBe('done');
      expect(await get(id)).toMatchObject({ status: 'failed', attempts: 1 });
    });

    it('shows nothing of what went wrong inside', async () => {
      const id = await upload();
      await ingest(id, failing(new TypeError('secret internals')));
      const { error } = await get(id);
      expect(error?.code).toBe('internal_error');
      expect(JSON.stringify(error)).not.toContain('secret');
    });
  });

  it('fails a document that takes longer than allowed', async () => {
    const id = await upload();
    expect(await ingest(id, { settings: { ...ingestSettings, ingestTimeoutMs: 1 } })).toBe('done');
    expect(await get(id)).toMatchObject({ status: 'failed', error: { code: 'document_too_complex' } });
    expect((await get(id)).error?.detail).toContain('INGEST_TIMEOUT_MS');
  });

  it('leaves a document as it was when the server stops, without counting the attempt', async () => {
    const id = await upload();
    const stopping = new AbortController();
    const stop = embedderAfter(async () => stopping.abort(new Error('The server is stopping.')));
    expect(await ingest(id, stop, stopping.signal)).toBe('again');
    expect(await get(id)).toMatchObject({ status: 'uploaded', attempts: 0, error: null });
    expect(await ingest(id)).toBe('done');
    expect(await get(id)).toMatchObject({ status: 'indexed', attempts: 1 });
  });

  it('survives crashes, but not one document that brings them about for ever', async () => {
    const id = await upload();
    const crash = () => database.database.withTenant({ tenantId }, (tx) => beginAttempt(tx, id));
    for (let crashes = 0; crashes < 5; crashes++) await crash();
    expect(await get(id)).toMatchObject({ status: 'parsing', attempts: 1 });
    for (let crashes = 5; crashes < 11; crashes++) await crash();
    expect(await ingest(id)).toBe('done');
    expect(await get(id)).toMatchObject({ status: 'failed', error: { code: 'internal_error' } });
    const other = await upload('another');
    await database.database.withTenant({ tenantId }, (tx) => beginAttempt(tx, other));
    await ingest(other);
    expect(await get(other)).toMatchObject({ status: 'indexed' });
  });

  describe('of a document that changes meanwhile', () => {
    it('leaves nothing of one that was deleted', async () => {
      const id = await upload();
      expect(
        await ingest(
          id,
          embedderAfter(() => on.documents.remove(admin(), id)),
        ),
      ).toBe('done');
      expect(await chunkRows(id)).toEqual([]);
      expect(await find('hotels')).toEqual([]);
    });

    it('indexes under the label and in the collection that it has at the end', async () => {
      const { id: collectionId } = await on.documents.createCollection(admin(), { name: 'board', grants: [] });
      const id = await upload();
      const change = { classification: 'restricted', collection: 'board' } as const;
      expect(
        await ingest(
          id,
          embedderAfter(() => on.documents.update(admin(), id, change)),
        ),
      ).toBe('done');
      expect(await get(id)).toMatchObject({ status: 'indexed', classification: 'restricted', collectionId });
      const rows = await chunkRows(id);
      expect(rows.length).toBeGreaterThan(0);
      for (const row of rows)
        expect(row).toMatchObject({ classification: 'restricted', collection_id: collectionId, lacks_vector: true });
    });

    it('begins again when it now needs vectors', async () => {
      const id = await upload(handbook, { classification: 'restricted' });
      let isRelabelled = false;
      const parser = {
        ...tools.parser,
        async parse(...args: Parameters<typeof tools.parser.parse>) {
          if (!isRelabelled) await on.documents.update(admin(), id, { classification: 'internal' });
          isRelabelled = true;
          return tools.parser.parse(...args);
        },
      };
      expect(await ingest(id, { parser })).toBe('again');
      expect(await get(id)).toMatchObject({ status: 'uploaded', attempts: 0 });
      expect(await chunkRows(id)).toEqual([]);
      expect(await ingest(id)).toBe('done');
      for (const row of await chunkRows(id))
        expect(row).toMatchObject({ classification: 'internal', lacks_vector: false });
    });

    it('gives one set of passages when two workers meet', async () => {
      const id = await upload();
      expect(await Promise.all([ingest(id), ingest(id)])).toEqual(['done', 'done']);
      const view = await get(id);
      expect(view.status).toBe('indexed');
      expect(await chunkRows(id)).toHaveLength(view.chunkCount ?? 0);
    });
  });

  it('after a label rose leaves no word of the document readable in the database', async () => {
    const id = await upload(handbook, { classification: 'public' });
    await ingest(id);
    const stored = async () => {
      const rows = await database.superuser(
        `select encode(text_sealed, 'escape') as sealed from genai.document_versions where document_id = $1
         union all select encode(text_sealed, 'escape') || encode(heading_path_sealed, 'escape') from genai.chunks where document_id = $1
         union all select encode(title_sealed, 'escape') from genai.documents where id = $1`,
        [id],
      );
      return JSON.stringify(rows);
    };
    for (const word of ['hotels', 'Travel policy', 'Trains']) expect(await stored()).toContain(word);
    await on.documents.update(admin(), id, { classification: 'confidential' });
    for (const word of ['hotels', 'Travel policy', 'Trains']) expect(await stored()).not.toContain(word);
    expect((await on.documents.text(admin(), id)).text).toContain('140 euros');
    expect((await find('hotels'))[0]?.text).toContain('140 euros');
    expect(await find('hotels', 'internal')).toEqual([]);
  });

  it('after a label fell below restricted makes the vectors, and meanwhile the document stays searchable', async () => {
    const id = await upload(handbook, { classification: 'restricted' });
    await ingest(id);
    on.enqueued.length = 0;
    expect(await on.documents.update(admin(), id, { classification: 'internal' })).toMatchObject({
      status: 'uploaded',
      attempts: 0,
    });
    expect(on.enqueued).toEqual([id]);
    expect((await find('hotels', 'internal'))[0]?.text).toContain('140 euros');
    expect((await on.documents.text(admin(), id)).text).toContain('140 euros');
    expect(await ingest(id)).toBe('done');
    const rows = await chunkRows(id);
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) expect(row).toMatchObject({ classification: 'internal', lacks_vector: false });
  });
});
