import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../test/support/database.ts';
import { documentsOn, type TestDocuments } from '../../test/support/documents.ts';
import { type Classification, classifications } from '../context.ts';
import type { AppError, ErrorCode } from '../errors.ts';
import { collectOrphans } from './index.ts';

const failsWith = (code: ErrorCode) => expect.objectContaining({ name: 'AppError', code });

describe.each(testDatabases)('documents on $name', ({ open }) => {
  let database: TestDatabase;
  let on: TestDocuments;
  let tenantId: string;

  beforeAll(async () => {
    database = await open();
    on = documentsOn(database);
  });
  beforeEach(async () => {
    tenantId = await on.addTenant();
    on.enqueued.length = 0;
  });
  afterAll(async () => {
    on.close();
    await database.close();
  });

  const auditActions = async () => {
    const { data } = await on.audit.list(on.as(tenantId), { limit: 50, cursor: undefined });
    return data.map(({ event }) => (event as { action: string }).action);
  };
  const blobKeys = async () => {
    const keys: string[] = [];
    for await (const { key } of on.blobs.list()) if (key.startsWith(tenantId)) keys.push(key);
    return keys;
  };

  describe('upload', () => {
    it('acknowledges a document that is stored, audited and waiting for ingestion', async () => {
      const bytes = Buffer.from('Who may travel first class?');
      const upload = { filename: 'C:\\docs\\travel policy.md', mediaType: 'text/markdown', bytes };
      const view = await on.documents.upload(on.as(tenantId, { userId: 'usr_1' }), upload);
      expect(view).toMatchObject({
        title: 'travel policy',
        filename: 'travel policy.md',
        format: 'markdown',
        mediaType: 'text/markdown',
        sizeBytes: bytes.length,
        classification: 'internal',
        status: 'uploaded',
        progress: 0,
        attempts: 0,
        error: null,
        version: 1,
        createdBy: 'usr_1',
        pageCount: null,
        chunkCount: null,
      });
      expect(await on.documents.get(on.as(tenantId), view.id)).toEqual(view);
      const content = await on.documents.content(on.as(tenantId), view.id);
      expect(Buffer.from(content.bytes).equals(bytes)).toBe(true);
      expect(content.filename).toBe('travel policy.md');
      expect(await auditActions()).toEqual(['document.uploaded']);
      expect(on.enqueued).toEqual([view.id]);
    });

    it('keeps no byte of the file readable, whatever its classification', async () => {
      await on.documents.upload(on.as(tenantId), on.textFile('the launch code is 0000', { classification: 'public' }));
      const [key = ''] = await blobKeys();
      expect(Buffer.from((await on.blobs.get(key)) ?? []).toString()).not.toContain('launch');
    });

    it('gives the document that is there for the same bytes, place and label', async () => {
      const ctx = on.as(tenantId);
      const first = await on.documents.upload(ctx, on.textFile('same'));
      const second = await on.documents.upload(ctx, on.textFile('same', { filename: 'copy.txt' }));
      expect(second).toEqual(first);
      expect(await blobKeys()).toHaveLength(1);
      const labelled = await on.documents.upload(ctx, on.textFile('same', { classification: 'public' }));
      const changed = await on.documents.upload(ctx, on.textFile('same!'));
      expect(new Set([first.id, labelled.id, changed.id]).size).toBe(3);
    });

    it('makes one document of the same bytes sent at the same time', async () => {
      const views = await Promise.all(
        [1, 2, 3].map(() => on.documents.upload(on.as(tenantId), on.textFile('together'))),
      );
      expect(new Set(views.map(({ id }) => id)).size).toBe(1);
      expect(await blobKeys()).toHaveLength(1);
    });

    it('takes the same bytes again when the first attempt failed', async () => {
      const first = await on.documents.upload(on.as(tenantId), on.textFile('broken'));
      await database.superuser(`update genai.documents set status = 'failed' where id = $1`, [first.id]);
      expect((await on.documents.upload(on.as(tenantId), on.textFile('broken'))).id).not.toBe(first.id);
    });

    it.each<[string, Parameters<TestDocuments['textFile']>, ErrorCode]>([
      ['an empty file', [''], 'document_empty'],
      ['a file that is too large', ['x'.repeat(1_000_001)], 'body_too_large'],
      [
        'a format that is not supported',
        ['\u007fELF\0\0', { filename: 'program', mediaType: 'application/octet-stream' }],
        'media_type_unsupported',
      ],
      ['a title of white space', ['text', { title: ' \t ' }], 'request_invalid'],
      ['a title with a control character', ['text', { title: 'a\u0007b' }], 'request_invalid'],
      ['a file name that is only a path', ['text', { filename: 'folder/' }], 'request_invalid'],
      ['an unknown collection', ['text', { collection: 'nowhere' }], 'request_invalid'],
    ])('refuses %s and leaves nothing behind', async (_what, file, code) => {
      await expect(on.documents.upload(on.as(tenantId), on.textFile(...file))).rejects.toEqual(failsWith(code));
      expect(await blobKeys()).toEqual([]);
      expect((await on.documents.list(on.as(tenantId), { limit: 10, cursor: undefined })).data).toEqual([]);
    });

    it('refuses a label above the clearance of the uploader, also one that comes from the collection', async () => {
      const analyst = on.as(tenantId, { role: 'analyst', clearance: 'internal' });
      await expect(on.documents.upload(analyst, on.textFile('x', { classification: 'confidential' }))).rejects.toEqual(
        failsWith('classification_denied'),
      );
      const everyone = [{ kind: 'everyone', id: null }] as const;
      await on.documents.createCollection(on.as(tenantId), {
        name: 'secret',
        defaultClassification: 'restricted',
        grants: everyone,
      });
      await expect(on.documents.upload(analyst, on.textFile('x', { collection: 'secret' }))).rejects.toEqual(
        failsWith('classification_denied'),
      );
      expect(await blobKeys()).toEqual([]);
    });

    it('takes the bytes back when the row cannot be stored', async () => {
      await database.superuser(`alter table genai.documents add constraint planted check (size_bytes <> 13)`);
      try {
        await expect(on.documents.upload(on.as(tenantId), on.textFile('13 characters'))).rejects.toThrow('planted');
        expect(await blobKeys()).toEqual([]);
        expect(await auditActions()).toEqual([]);
      } finally {
        await database.superuser('alter table genai.documents drop constraint planted');
      }
    });
  });

  describe('reading', () => {
    it('lists page by page, newest first, each document once', async () => {
      const ids: string[] = [];
      for (const text of ['a', 'b', 'c', 'd', 'e'])
        ids.push((await on.documents.upload(on.as(tenantId), on.textFile(text))).id);
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await on.documents.list(on.as(tenantId), { limit: 2, cursor });
        seen.push(...page.data.map(({ id }) => id));
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
      expect(seen).toEqual(ids.reverse());
    });

    it('filters by collection, status and classification', async () => {
      const ctx = on.as(tenantId);
      await on.documents.createCollection(ctx, { name: 'hr', grants: [] });
      const hr = await on.documents.upload(ctx, on.textFile('1', { collection: 'hr' }));
      const secret = await on.documents.upload(ctx, on.textFile('2', { classification: 'restricted' }));
      await database.superuser(`update genai.documents set status = 'failed' where id = $1`, [secret.id]);
      const idsOf = async (filter: object) =>
        (await on.documents.list(ctx, { limit: 10, cursor: undefined, ...filter })).data.map(({ id }) => id);
      expect(await idsOf({ collection: 'hr' })).toEqual([hr.id]);
      expect(await idsOf({ collection: hr.collectionId })).toEqual([hr.id]);
      expect(await idsOf({ status: 'failed' })).toEqual([secret.id]);
      expect(await idsOf({ classification: 'restricted' })).toEqual([secret.id]);
      await expect(idsOf({ collection: 'nowhere' })).rejects.toEqual(failsWith('request_invalid'));
      await expect(idsOf({ cursor: 'x' })).rejects.toEqual(failsWith('request_invalid'));
    });

    it('has no text before the document is parsed', async () => {
      const { id } = await on.documents.upload(on.as(tenantId), on.textFile('soon'));
      await expect(on.documents.text(on.as(tenantId), id)).rejects.toEqual(failsWith('state_conflict'));
    });
  });

  describe('visibility', () => {
    const operations = (): Record<string, (ctx: ReturnType<TestDocuments['as']>, id: string) => Promise<unknown>> => ({
      get: on.documents.get,
      text: on.documents.text,
      content: on.documents.content,
      update: (ctx, id) => on.documents.update(ctx, id, { title: 'Taken' }),
      remove: on.documents.remove,
    });

    it.each(['get', 'text', 'content', 'update', 'remove'])(
      '%s answers what is not visible exactly like what does not exist',
      async (name) => {
        const operation = operations()[name];
        const admin = on.as(tenantId);
        await on.documents.createCollection(admin, { name: 'board', grants: [] });
        const above = await on.documents.upload(admin, on.textFile('above', { classification: 'confidential' }));
        const apart = await on.documents.upload(admin, on.textFile('apart', { collection: 'board' }));
        const foreign = await on.documents.upload(on.as(await on.addTenant()), on.textFile('foreign'));
        const analyst = on.as(tenantId, { role: 'analyst', clearance: 'internal' });
        const absent = await operation?.(analyst, 'doc_00000000000000000000000000000000').catch((error: AppError) => ({
          ...error,
          stack: '',
        }));
        for (const { id } of [above, apart, foreign]) {
          const answer = await operation?.(analyst, id).catch((error: AppError) => ({ ...error, stack: '' }));
          expect(answer).toEqual(absent);
          expect(answer).toMatchObject({ code: 'resource_not_found' });
        }
        expect((await on.documents.get(admin, above.id)).title).toBe('notes');
      },
    );

    it('lists exactly what clearance and grants allow', async () => {
      const admin = on.as(tenantId);
      const member = await on.addUser(tenantId, 'tem_finance');
      const outsider = await on.addUser(tenantId);
      const granted = {
        everyone: [{ kind: 'everyone', id: null }],
        analysts: [{ kind: 'role', id: 'analyst' }],
        finance: [{ kind: 'team', id: 'tem_finance' }],
        single: [{ kind: 'user', id: outsider }],
        nobody: [],
      } as const;
      for (const [name, grants] of Object.entries(granted)) {
        await on.documents.createCollection(admin, { name, grants });
        for (const classification of classifications) {
          await on.documents.upload(
            admin,
            on.textFile(`${name} ${classification}`, {
              collection: name,
              classification,
              title: `${name} ${classification}`,
            }),
          );
        }
      }
      const titlesFor = async (
        role: 'admin' | 'analyst' | 'viewer',
        userId: string,
        clearance: Classification,
        teamIds: readonly string[] = [],
      ) => {
        const { data } = await on.documents.list(on.as(tenantId, { role, userId, clearance, teamIds }), {
          limit: 100,
          cursor: undefined,
        });
        return data.map(({ title }) => title).sort();
      };
      const expected = (collections: string[], clearance: Classification) =>
        collections
          .flatMap((name) =>
            classifications.slice(0, classifications.indexOf(clearance) + 1).map((label) => `${name} ${label}`),
          )
          .sort();
      for (const clearance of classifications) {
        expect(await titlesFor('viewer', member, clearance, ['tem_finance'])).toEqual(
          expected(['everyone', 'finance'], clearance),
        );
        expect(await titlesFor('analyst', outsider, clearance)).toEqual(
          expected(['everyone', 'analysts', 'single'], clearance),
        );
        expect(await titlesFor('admin', 'usr_nobody', clearance)).toEqual(expected(Object.keys(granted), clearance));
      }
      expect(await titlesFor('viewer', member, 'public')).toEqual(['everyone public']);
    });

    it('resolves collections by id and name for a search, and names the first that is unknown', async () => {
      const admin = on.as(tenantId);
      const { id } = await on.documents.createCollection(admin, { name: 'board', grants: [] });
      const visibilityFor = (role: 'admin' | 'viewer', named?: string[]) =>
        database.database.withTenant({ tenantId }, (tx) =>
          on.documents.visibility(tx, on.as(tenantId, { role, clearance: 'internal' }).principal, named),
        );
      expect(await visibilityFor('admin', ['board'])).toEqual({
        collectionIds: [id],
        classifications: ['public', 'internal'],
      });
      expect(await visibilityFor('admin', [id])).toMatchObject({ collectionIds: [id] });
      expect((await visibilityFor('admin')).collectionIds).toHaveLength(2);
      expect((await visibilityFor('viewer')).collectionIds).toHaveLength(1);
      for (const named of [
        ['general', 'board'],
        ['general', id],
        ['general', 'nowhere'],
      ]) {
        await expect(visibilityFor('viewer', named)).rejects.toMatchObject({
          code: 'request_invalid',
          errors: [{ pointer: '/collections/1' }],
        });
      }
    });
  });

  describe('update', () => {
    it('needs documents:relabel for labels and not for titles', async () => {
      const { id } = await on.documents.upload(on.as(tenantId), on.textFile('x'));
      const key = on.as(tenantId, { scopes: ['documents:write'] });
      expect((await on.documents.update(key, id, { title: 'New' })).title).toBe('New');
      await expect(on.documents.update(key, id, { classification: 'public' })).rejects.toEqual(
        failsWith('permission_denied'),
      );
      await expect(on.documents.update(key, id, { collection: 'general' })).rejects.toEqual(
        failsWith('permission_denied'),
      );
      await expect(on.documents.update(key, id, {})).rejects.toEqual(failsWith('request_invalid'));
    });

    it('refuses a label above the own clearance and a collection that is not granted', async () => {
      await on.documents.createCollection(on.as(tenantId), { name: 'board', grants: [] });
      const { id } = await on.documents.upload(on.as(tenantId), on.textFile('x'));
      const analyst = on.as(tenantId, { role: 'analyst', clearance: 'internal' });
      await expect(on.documents.update(analyst, id, { classification: 'restricted' })).rejects.toEqual(
        failsWith('classification_denied'),
      );
      await expect(on.documents.update(analyst, id, { collection: 'board' })).rejects.toEqual(
        failsWith('request_invalid'),
      );
      expect(await on.documents.get(analyst, id)).toMatchObject({ classification: 'internal' });
    });

    it('seals names as the label demands, and audits both labels', async () => {
      const ctx = on.as(tenantId);
      const { id } = await on.documents.upload(
        ctx,
        on.textFile('x', { title: 'Merger', filename: 'merger.txt', classification: 'public' }),
      );
      const stored = async () => {
        const [row] = await database.superuser(
          `select encode(title_sealed, 'escape') || encode(filename_sealed, 'escape') as names from genai.documents where id = $1`,
          [id],
        );
        return String(row?.['names']).toLowerCase();
      };
      expect(await stored()).toContain('merger');
      expect(await on.documents.update(ctx, id, { classification: 'restricted' })).toMatchObject({
        title: 'Merger',
        filename: 'merger.txt',
        classification: 'restricted',
      });
      expect(await stored()).not.toContain('merger');
      expect(await on.documents.update(ctx, id, { classification: 'public', title: 'Done deal' })).toMatchObject({
        title: 'Done deal',
        filename: 'merger.txt',
      });
      const { data } = await on.audit.list(ctx, { limit: 1, cursor: undefined });
      expect(data[0]?.event).toMatchObject({
        action: 'document.updated',
        details: { changed: ['classification', 'title'], classification: { from: 'restricted', to: 'public' } },
      });
      expect(JSON.stringify(data)).not.toContain('deal');
    });
  });

  describe('remove', () => {
    it('takes the row, the text, the passages and the bytes', async () => {
      const { id } = await on.documents.upload(on.as(tenantId), on.textFile('x'));
      await on.documents.remove(on.as(tenantId), id);
      await expect(on.documents.get(on.as(tenantId), id)).rejects.toEqual(failsWith('resource_not_found'));
      expect(await database.superuser('select 1 from genai.document_versions where document_id = $1', [id])).toEqual(
        [],
      );
      expect(await blobKeys()).toEqual([]);
      expect(await auditActions()).toEqual(['document.deleted', 'document.uploaded']);
    });
  });

  describe('orphans', () => {
    it('are collected when old, and bytes of documents never are', async () => {
      const kept = await on.documents.upload(on.as(tenantId), on.textFile('kept'));
      await on.blobs.put(`${tenantId}/doc_orphan/1`, Uint8Array.of(1));
      const { signal } = new AbortController();
      expect(await collectOrphans(on, signal)).toBe(0);
      const inTwoHours = () => Date.now() + 7_200_000;
      expect(await collectOrphans(on, signal, inTwoHours)).toBe(1);
      expect(await blobKeys()).toEqual([`${tenantId}/${kept.id}/1`]);
    });
  });
});
