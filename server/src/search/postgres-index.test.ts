import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../test/support/database.ts';
import { type Classification, classifications } from '../context.ts';
import { createTenantVault, type TenantVault } from '../vault/index.ts';
import { createSearchIndex, embeddingDimensions, type IndexedDocument, type SearchRequest } from './index.ts';

const tenants = ['ten_acme', 'ten_globex'] as const;
const boxes = Object.fromEntries(
  tenants.map((tenantId, index) => [
    tenantId,
    createTenantVault(tenantId, [{ version: 1, key: new Uint8Array(32).fill(index + 1) }], 'confidential'),
  ]),
) as Record<(typeof tenants)[number], TenantVault>;
const collectionIds = ['col_a', 'col_b', 'col_c'];
const vocabulary = ['salary', 'budget', 'holiday', 'security', 'canteen', 'parking'];
const index = createSearchIndex();

/** A vector that is nearest to the question about the same word. */
function vectorOf(text: string): Float32Array {
  const vector = new Float32Array(embeddingDimensions);
  for (const word of text.split(' ')) vector[vocabulary.indexOf(word)] = (vector[vocabulary.indexOf(word)] ?? 0) + 1;
  return vector;
}

describe.each(testDatabases)('search index on $name', ({ open }) => {
  let test: TestDatabase;

  beforeAll(async () => {
    test = await open();
    for (const tenantId of tenants) {
      await test.superuser(
        `insert into genai.tenants (tenant_id, slug, name, tier) values ($1, replace($1, 'ten_', ''), $1, 'free')`,
        [tenantId],
      );
      for (const id of collectionIds) {
        await test.superuser(
          `insert into genai.collections (tenant_id, id, name, created_by) values ($1, $2, $2, 'usr_1')`,
          [tenantId, id],
        );
      }
    }
  });
  afterAll(() => test.close());

  async function clear(): Promise<void> {
    await test.superuser('delete from genai.documents');
  }

  async function add(
    tenantId: (typeof tenants)[number],
    document: IndexedDocument,
    texts: readonly string[],
  ): Promise<void> {
    const box = boxes[tenantId];
    await test.superuser(
      `insert into genai.documents (tenant_id, id, collection_id, classification, title_sealed, filename_sealed, format, media_type, size_bytes, content_hash, created_by)
       values ($1, $2, $3, $4, '\\x', '\\x', 'text', 'text/plain', 1, '\\x', 'usr_1') on conflict do nothing`,
      [tenantId, document.documentId, document.collectionId, document.classification],
    );
    await test.database.withTenant({ tenantId }, async (tx) => {
      const words = await index.wordsOf(tx, box, texts);
      const passages = texts.map((text, position) => ({
        position,
        text,
        start: position * 100,
        end: position * 100 + text.length,
        page: position + 1,
        headingPath: ['Chapter', `§ ${position}`],
        words: words[position] ?? '',
        embedding: document.classification === 'restricted' ? null : vectorOf(text),
      }));
      await index.replaceChunks(tx, box, document, passages);
    });
  }

  const find = (tenantId: (typeof tenants)[number], request: Partial<SearchRequest> & { question: string }) =>
    test.database.withTenant({ tenantId }, (tx) =>
      index.search(tx, boxes[tenantId], {
        questionVector: undefined,
        visible: { collectionIds, classifications },
        limit: 10,
        candidates: 10,
        ...request,
      }),
    );
  const handbook: IndexedDocument = {
    documentId: 'doc_1',
    version: 1,
    collectionId: 'col_a',
    classification: 'internal',
  };

  it('gives a passage back as it was indexed', async () => {
    await clear();
    await add('ten_acme', handbook, ['parking', 'The salaries of engineers']);
    const [found] = await find('ten_acme', { question: 'What is the salary?' });
    expect(found).toEqual({
      documentId: 'doc_1',
      version: 1,
      position: 1,
      page: 2,
      start: 100,
      end: 125,
      text: 'The salaries of engineers',
      headingPath: ['Chapter', '§ 1'],
      classification: 'internal',
      score: expect.closeTo(0.5, 5),
    });
  });

  it('scores 1 what is first by words and by vector', async () => {
    await clear();
    await add('ten_acme', handbook, ['salary', 'parking', 'canteen']);
    const found = await find('ten_acme', { question: 'salary', questionVector: vectorOf('salary') });
    expect(found[0]).toMatchObject({ text: 'salary', score: 1 });
    expect(found[1]?.score).toBeLessThan(0.5);
  });

  it('finds nothing for a question without words and without a vector', async () => {
    await clear();
    await add('ten_acme', handbook, ['salary']);
    expect(await find('ten_acme', { question: 'is it the?' })).toEqual([]);
  });

  it('keeps no word readable in the database', async () => {
    await clear();
    await add('ten_acme', { ...handbook, classification: 'confidential' }, ['salary budget']);
    const [row] = await test.superuser(
      `select row_to_json(c)::text || encode(text_sealed, 'escape') as row from genai.chunks c`,
    );
    expect(row?.['row']).not.toMatch(/salar|budget/);
  });

  it('replaces all passages of a document and no other', async () => {
    await clear();
    await add('ten_acme', handbook, ['salary', 'salary', 'salary']);
    await add('ten_acme', { ...handbook, documentId: 'doc_2' }, ['salary']);
    await add('ten_acme', { ...handbook, version: 2 }, ['budget']);
    expect(
      (await find('ten_acme', { question: 'salary budget' })).map(({ documentId, text }) => [documentId, text]).sort(),
    ).toEqual([
      ['doc_1', 'budget'],
      ['doc_2', 'salary'],
    ]);
  });

  it('refuses a vector for a restricted passage', async () => {
    await clear();
    const passage = {
      position: 0,
      text: 'x',
      start: 0,
      end: 1,
      page: null,
      headingPath: [],
      words: '',
      embedding: vectorOf('salary'),
    };
    const attempt = test.database.withTenant({ tenantId: 'ten_acme' }, (tx) =>
      index.replaceChunks(tx, boxes.ten_acme, { ...handbook, classification: 'restricted' }, [passage]),
    );
    await expect(attempt).rejects.toThrow('must have no vector');
  });

  describe('relabel', () => {
    const relabel = (classification: Classification) =>
      test.database.withTenant({ tenantId: 'ten_acme' }, (tx) =>
        index.relabel(tx, boxes.ten_acme, 'doc_1', classification),
      );
    const stored = async () =>
      await test.superuser(
        `select classification, text_sealed, embedding is null as lacks_vector from genai.chunks order by position`,
      );
    /** More than one statement's worth. */
    const texts = Array.from({ length: 230 }, (_, position) => `salary ${vocabulary[position % vocabulary.length]}`);

    it('upwards seals the text, forgets the vectors and keeps the words searchable', async () => {
      await clear();
      await add('ten_acme', { ...handbook, classification: 'public' }, texts);
      expect(Buffer.from((await stored())[0]?.['text_sealed'] as Uint8Array).toString()).toContain('salary');
      expect(await relabel('restricted')).toEqual({ lacksVectors: false });
      const rows = await stored();
      expect(rows).toHaveLength(texts.length);
      for (const row of rows) {
        expect(row).toMatchObject({ classification: 'restricted', lacks_vector: true });
        expect(Buffer.from(row['text_sealed'] as Uint8Array).toString()).not.toContain('salary');
      }
      const visible = { collectionIds, classifications: ['public', 'internal', 'confidential'] as const };
      expect(await find('ten_acme', { question: 'salary', visible })).toEqual([]);
      const found = await find('ten_acme', { question: 'salary', limit: 300, candidates: 1 });
      expect(found.map(({ text }) => text).sort()).toEqual([...texts].sort());
    });

    it('downwards reports that vectors are missing', async () => {
      await clear();
      await add('ten_acme', { ...handbook, classification: 'restricted' }, texts);
      expect(await relabel('internal')).toEqual({ lacksVectors: true });
      expect(await find('ten_acme', { question: 'salary', limit: 3 })).toHaveLength(3);
    });

    it('between labels that allow vectors keeps them', async () => {
      await clear();
      await add('ten_acme', handbook, texts);
      expect(await relabel('public')).toEqual({ lacksVectors: false });
      for (const row of await stored()) expect(row).toMatchObject({ classification: 'public', lacks_vector: false });
    });
  });

  it('moves passages between collections', async () => {
    await clear();
    await add('ten_acme', handbook, ['salary']);
    await test.database.withTenant({ tenantId: 'ten_acme' }, (tx) => index.move(tx, 'doc_1', 'col_b'));
    expect(
      await find('ten_acme', { question: 'salary', visible: { collectionIds: ['col_a'], classifications } }),
    ).toEqual([]);
    expect(
      await find('ten_acme', { question: 'salary', visible: { collectionIds: ['col_b'], classifications } }),
    ).toHaveLength(1);
  });

  it('returns only visible passages of the own tenant, and exactly min(limit, matching) of them', async () => {
    const document = fc.record({
      tenantId: fc.constantFrom(...tenants),
      collectionId: fc.constantFrom(...collectionIds),
      classification: fc.constantFrom(...classifications),
      texts: fc.array(
        fc.array(fc.constantFrom(...vocabulary), { minLength: 1, maxLength: 3 }).map((words) => words.join(' ')),
        { minLength: 1, maxLength: 4 },
      ),
    });
    const scenario = fc.record({
      documents: fc.array(document, { maxLength: 8 }),
      collectionIds: fc.subarray(collectionIds),
      classifications: fc.subarray([...classifications]),
      question: fc.constantFrom(...vocabulary),
      hasVector: fc.boolean(),
      limit: fc.integer({ min: 1, max: 6 }),
      candidates: fc.integer({ min: 1, max: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ documents, question, hasVector, limit, candidates, ...visible }) => {
        await clear();
        for (const [number, { tenantId, texts, ...labels }] of documents.entries()) {
          await add(tenantId, { documentId: `doc_${number}`, version: 1, ...labels }, texts);
        }
        const questionVector = hasVector ? vectorOf(question) : undefined;
        const found = await find('ten_acme', { question, questionVector, visible, limit, candidates });
        const matching = documents.flatMap(({ tenantId, collectionId, classification, texts }, number) => {
          const isVisible =
            tenantId === 'ten_acme' &&
            visible.collectionIds.includes(collectionId) &&
            visible.classifications.includes(classification);
          const matches = (text: string) =>
            text.split(' ').includes(question) || (hasVector && classification !== 'restricted');
          return isVisible
            ? texts.flatMap((text, position) => (matches(text) ? [`doc_${number}/${position}`] : []))
            : [];
        });
        const ids = found.map(({ documentId, position }) => `${documentId}/${position}`);
        expect(new Set(ids).size).toBe(ids.length);
        expect(ids.filter((id) => !matching.includes(id))).toEqual([]);
        expect(ids).toHaveLength(Math.min(limit, matching.length));
        expect(found.map(({ score }) => score)).toEqual(found.map(({ score }) => score).toSorted((a, b) => b - a));
        for (const { score } of found) expect(score > 0 && score <= 1).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('sees nothing of another tenant even when asked for its collections', async () => {
    await clear();
    await add('ten_globex', handbook, ['salary']);
    expect(await find('ten_acme', { question: 'salary', questionVector: vectorOf('salary') })).toEqual([]);
  });
});
