/**
 * Hostile uploads to a whole server: what can be seen at once is refused with a documented code and leaves no byte behind;
 * what only parsing shows ends in the state `failed` with a reason, and is never quoted.
 */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from './support/app.ts';
import { anyTestDatabase } from './support/database.ts';
import { refusalOf, storedIn } from './support/refusals.ts';

const uploadBytesMax = 100_000;
let server: TestApp;

beforeAll(async () => {
  server = await startTestApp(anyTestDatabase(), {
    UPLOAD_BYTES_MAX: String(uploadBytesMax),
    DOCUMENT_PAGES_MAX: '2',
    DOCUMENT_TEXT_CHARACTERS_MAX: '50000',
    PARSE_TIMEOUT_MS: '10000',
  });
}, 120_000);
afterAll(() => server?.close());

const fixtures = join(import.meta.dirname, '../src/documents/__fixtures__');
const fixture = (name: string) => readFileSync(join(fixtures, name));
const analyst = () => server.user('acme', 'analyst');

/** The bytes of a form, each part as a client without manners would write it. */
function rawForm(...parts: readonly { disposition: string; content: string | Buffer }[]): RequestInit {
  const boundary = 'boundary-of-the-test';
  const bytes = parts.flatMap(({ disposition, content }) => [
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n`, 'latin1'),
    Buffer.from(content),
    Buffer.from('\r\n'),
  ]);
  return {
    method: 'POST',
    headers: {
      authorization: `Bearer ${analyst().api_key}`,
      'content-type': `multipart/form-data; boundary=${boundary}`,
    },
    body: new Uint8Array(Buffer.concat([...bytes, Buffer.from(`--${boundary}--\r\n`)])),
  };
}

const file = (filename: string, content: string | Buffer) => ({
  disposition: `name="file"; filename="${filename}"`,
  content,
});
const field = (name: string, content: string | Buffer) => ({ disposition: `name="${name}"`, content });

/** Uploads and waits for the final state. */
async function ingested(filename: string, bytes: Buffer | string): Promise<Record<string, unknown>> {
  const form = new FormData();
  form.set('file', new Blob([new Uint8Array(Buffer.from(bytes))]), filename);
  const { status, body, text } = await server.call(analyst(), 'POST', '/api/documents', form);
  expect(status, text).toBe(202);
  const document = async () => (await server.call(analyst(), 'GET', `/api/documents/${body['id']}`)).body;
  await expect.poll(async () => (await document())['status'], { timeout: 50_000 }).toMatch(/^(indexed|failed)$/);
  return document();
}

describe('a form', () => {
  const text = file('a.txt', 'Some text.');
  const invalid = { status: 400, code: 'request_invalid' };
  const malformed = { status: 400, code: 'body_malformed' };
  const unsupported = { status: 415, code: 'media_type_unsupported' };

  it.each([
    ['without a file', [field('title', 'a')], invalid],
    ['with two files', [text, file('b.txt', 'More text.')], invalid],
    ['whose file is a field', [field('file', 'Some text.')], invalid],
    ['whose file has another name', [{ ...text, disposition: 'name="document"; filename="a.txt"' }], invalid],
    ['with a field twice', [text, field('title', 'a'), field('title', 'b')], invalid],
    ['with an unknown field', [text, field('is_admin', 'true')], invalid],
    ['with a prototype for a field', [text, field('__proto__', 'x')], invalid],
    ['with a constructor for a field', [text, field('constructor', 'x')], invalid],
    ['with fifty fields', [text, ...Array.from({ length: 50 }, (_, index) => field(`f${index}`, 'x'))], invalid],
    ['with a long field', [text, field('title', 'x'.repeat(10_000))], invalid],
    ['with a title that is not UTF-8', [text, field('title', Buffer.from([0xff, 0xfe]))], invalid],
    ['with a NUL in the title', [text, field('title', 'a\0b')], invalid],
    ['with an unknown classification', [text, field('classification', 'secret')], invalid],
    ['with an unknown collection', [text, field('collection', 'nowhere')], { status: 400, code: 'request_invalid' }],
    [
      'above the clearance',
      [text, field('classification', 'restricted')],
      { status: 403, code: 'classification_denied' },
    ],
    ['without a file name', [file('', 'Some text.')], invalid],
    ['with a file name of control characters', [file('a\x01\x7f.txt', 'Some text.')], invalid],
    ['with a file name of 10000 characters', [file(`${'a'.repeat(10_000)}.txt`, 'Some text.')], invalid],
    ['with a file name that is not UTF-8', [file('\xc3\x28.txt', 'Some text.')], invalid],
    ['with an empty file', [file('a.txt', '')], { status: 422, code: 'document_empty' }],
    [
      'with one byte too many',
      [file('a.txt', 'x'.repeat(uploadBytesMax + 1))],
      { status: 413, code: 'body_too_large' },
    ],
    ['with a program', [file('a.exe', Buffer.from('4d5a9000', 'hex'))], unsupported],
    ['with a picture', [file('a.png', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'))], unsupported],
    ['with an archive', [file('a.zip', Buffer.from('504b030414000000', 'hex'))], unsupported],
    ['with a program that claims to be text', [file('a.txt', Buffer.from('7f454c460201010000', 'hex'))], unsupported],
    ['with a PDF that is none', [file('a.pdf', 'Not a PDF at all.')], { status: 422, code: 'document_unreadable' }],
  ])('%s is refused', async (_, parts, refusal) => {
    const before = await storedIn(server);
    expect(await refusalOf(server, '/api/documents', rawForm(...parts))).toEqual(refusal);
    expect(await storedIn(server)).toEqual(before);
  });

  it.each([
    ['no boundary', 'multipart/form-data'],
    ['another boundary', 'multipart/form-data; boundary=other'],
    ['an endless boundary', `multipart/form-data; boundary=${'x'.repeat(2000)}`],
  ])('with %s is refused', async (_, type) => {
    const before = await storedIn(server);
    const init = rawForm(text);
    const refusal = await refusalOf(server, '/api/documents', {
      ...init,
      headers: { ...init.headers, 'content-type': type },
    });
    expect(['body_malformed', 'media_type_unsupported', 'request_invalid']).toContain(refusal.code);
    expect(await storedIn(server)).toEqual(before);
  });

  it('that ends too early is refused', async () => {
    const before = await storedIn(server);
    const { body, ...init } = rawForm(text);
    const cut = (body as Uint8Array<ArrayBuffer>).slice(0, -30);
    expect(await refusalOf(server, '/api/documents', { ...init, body: cut })).toEqual(malformed);
    expect(await storedIn(server)).toEqual(before);
  });
});

describe('a document', () => {
  const handbook = fixture('handbook.pdf');

  it.each([
    ['asks for a password', 'locked.pdf', fixture('handbook-locked.pdf'), 'document_unreadable'],
    ['is cut off', 'cut.pdf', handbook.subarray(0, handbook.length / 2), 'document_unreadable'],
    ['is a PDF by its first bytes only', 'head.pdf', Buffer.from('%PDF-1.7\n%%EOF\n'), 'document_unreadable'],
    ['holds pictures only', 'scanned.pdf', fixture('scanned.pdf'), 'document_empty'],
    ['inflates to a gibibyte', 'bomb.pdf', fixture('bomb.pdf'), 'document_too_complex'],
    ['has too many pages', 'handbook.pdf', handbook, 'document_too_complex'],
    ['has too much text', 'long.txt', 'word '.repeat(12_000), 'document_too_complex'],
    ['is blank', 'blank.md', ' \n\n\t\n', 'document_empty'],
    ['is markup without text', 'bare.html', '<html><body><script>alert(1)</script></body></html>', 'document_empty'],
  ])(
    'that %s fails with a reason',
    async (_, name, bytes, code) => {
      const document = await ingested(name, bytes);
      expect(document).toMatchObject({ status: 'failed', error: { code, detail: expect.stringMatching(/\.$/) } });
      expect(document['chunk_count']).toBeNull();
      expect(JSON.stringify(document)).not.toContain(server.dataDir);
      const text = await server.call(analyst(), 'GET', `/api/documents/${document['id']}/text`);
      expect([text.status, text.body['code']]).toEqual([409, 'state_conflict']);
    },
    60_000,
  );

  it.each([
    ['10000 open tags', 'deep.html', `${'<div>'.repeat(10_000)}The cellar key hangs behind the door.`],
    ['3000 quotes in quotes', 'deep.md', `${'>'.repeat(3000)} The cellar key hangs behind the door.`],
    ['one line without spaces', 'line.txt', 'x'.repeat(5000)],
    ['every kind of odd character', 'odd.txt', 'a\u202Eb\u200Bc\u{10FFFF}d\uFFFEe\u0085f\u2028g 👩‍👩‍👧‍👦 end.'],
    ['bytes of another encoding', 'latin.txt', Buffer.from('Gr\u00fc\u00dfe aus K\u00f6ln, sagt die Katze.', 'latin1')],
  ])(
    'with %s comes to a final state',
    async (_, name, bytes) => {
      const { status, error } = await ingested(name, bytes);
      if (status === 'failed') expect(error).toMatchObject({ code: expect.stringMatching(/^document_/) });
    },
    60_000,
  );

  it('whose name is a path leaves the folder of the blobs to nothing but blobs', async () => {
    const names = ['../../../escape.txt', '..\\..\\escape.txt', '/etc/escape.txt', 'C:\\escape.txt', 'a/b/escape.txt'];
    for (const [index, name] of names.entries()) {
      const init = rawForm(file(name, `Document ${index} of the traveller.`));
      const response = await fetch(`${server.baseUrl}/api/documents`, init);
      expect(await response.json(), name).toMatchObject({ filename: 'escape.txt', title: 'escape' });
    }
    const files = readdirSync(dirname(server.dataDir)).concat(
      readdirSync(server.dataDir, { recursive: true }).map(String),
    );
    expect(files.filter((path) => path.includes('escape'))).toEqual([]);
    expect(statSync(join(server.dataDir, 'blobs')).mode & 0o077).toBe(0);
  });

  it('that failed is in no answer, and a good one after all of them still is', async () => {
    await ingested('good.md', '# Cellar\n\nThe wine list is kept in the blue folder.\n');
    const { body } = await server.call(analyst(), 'POST', '/api/query', { question: 'Where is the wine list kept?' });
    expect(body['answer']).toContain('blue folder');
    const list = await server.call(analyst(), 'GET', '/api/documents?status=failed&limit=200');
    const failed = (list.body['data'] as { id: string }[]).map(({ id }) => id);
    expect(failed.length).toBeGreaterThan(8);
    const cited = (body['citations'] as { document_id: string }[]).map(({ document_id: id }) => id);
    expect(cited.filter((id) => failed.includes(id))).toEqual([]);
  });
});
