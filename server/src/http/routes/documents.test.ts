import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestServer, type Person, type TestServer } from '../../../test/support/http.ts';

let server: TestServer;
beforeAll(async () => {
  server = await openTestServer();
});
afterAll(() => server.stop());

async function upload(who: Person, fields: Record<string, string | Blob>, filename = 'notes.txt') {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === 'string') form.append(name, value);
    else form.append(name, value, filename);
  }
  const encoded = new Request('http://localhost/', { method: 'POST', body: form });
  const response = await server.inject({
    method: 'POST',
    url: '/api/documents',
    headers: { ...who.headers, 'content-type': encoded.headers.get('content-type') ?? '' },
    payload: Buffer.from(await encoded.arrayBuffer()),
  });
  return { status: response.statusCode, headers: response.headers, body: response.json<Record<string, unknown>>() };
}

describe('documents', () => {
  const text = new Blob(['Ünïcode is fine. '.repeat(20)], { type: 'text/plain' });

  it('are uploaded, listed, relabelled, downloaded and deleted', async () => {
    const { analyst } = server.acme;
    const uploaded = await upload(
      analyst,
      { title: 'Résumé', classification: 'public', file: text },
      'naïve résumé.txt',
    );
    expect(uploaded).toMatchObject({
      status: 202,
      body: {
        title: 'Résumé',
        filename: 'naïve résumé.txt',
        classification: 'public',
        status: 'uploaded',
        size_bytes: text.size,
        error: null,
      },
    });
    const { id } = uploaded.body as { id: string };
    expect(uploaded.headers.location).toBe(`/api/documents/${id}`);
    expect(server.enqueued).toContain(id);
    expect(await server.as(analyst, 'GET', '/api/documents?status=uploaded&limit=1')).toMatchObject({
      body: { data: [{ id }], next_cursor: null },
    });
    expect(
      (await server.as(analyst, 'PATCH', `/api/documents/${id}`, { classification: 'internal' })).body,
    ).toMatchObject({
      classification: 'internal',
    });
    expect(await server.as(analyst, 'GET', `/api/documents/${id}/text`)).toMatchObject({
      status: 409,
      body: { code: 'state_conflict' },
    });

    const download = await server.inject({
      method: 'GET',
      url: `/api/documents/${id}/content`,
      headers: analyst.headers,
    });
    expect(download.rawPayload).toEqual(Buffer.from(await text.arrayBuffer()));
    expect(download.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': "attachment; filename*=UTF-8''na%C3%AFve%20r%C3%A9sum%C3%A9.txt",
      'x-content-type-options': 'nosniff',
    });
    expect((await server.as(server.globex.admin, 'GET', `/api/documents/${id}`)).status).toBe(404);
    expect((await server.as(analyst, 'DELETE', `/api/documents/${id}`)).status).toBe(204);
    expect((await server.as(analyst, 'GET', `/api/documents/${id}`)).status).toBe(404);
  });

  it.each([
    ['without a file', { title: 'A' }, 400, 'request_invalid', '/file'],
    ['with an unknown part', { file: text, colour: 'red' }, 400, 'request_invalid', '/colour'],
    ['with a file under another name', { document: text }, 400, 'request_invalid', '/document'],
    ['with a file where text belongs', { file: text, title: new Blob(['x']) }, 400, 'request_invalid', undefined],
    ['with text where the file belongs', { file: 'text' }, 400, 'request_invalid', '/file'],
    [
      'with a label above the clearance',
      { file: text, classification: 'restricted' },
      403,
      'classification_denied',
      undefined,
    ],
    [
      'with a label that does not exist',
      { file: text, classification: 'secret' },
      400,
      'request_invalid',
      '/classification',
    ],
    ['with a title that is too long', { file: text, title: 'x'.repeat(5000) }, 400, 'request_invalid', '/title'],
    ['that is empty', { file: new Blob([]) }, 422, 'document_empty', undefined],
  ])('%s are refused', async (_, fields, status, code, pointer) => {
    const refused = await upload(server.acme.analyst, fields as Record<string, string | Blob>);
    expect(refused).toMatchObject({ status, body: { code } });
    if (pointer !== undefined) expect(refused.body['errors']).toContainEqual(expect.objectContaining({ pointer }));
    expect(await server.as(server.acme.analyst, 'GET', '/api/documents')).toMatchObject({ body: { data: [] } });
  });

  const part = (name: string, value: string, more = '') =>
    `--x\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
  const file = part('file', 'Some words that make a document.', '; filename="a.txt"');
  const end = '--x--\r\n';
  it.each([
    ['a form that is cut off', file.slice(0, -10), 'x', 'body_malformed'],
    ['a form that never begins', 'nothing like a form', 'x', 'body_malformed'],
    ['a form that names no boundary', file + end, '', 'body_malformed'],
    [
      'a field that is not UTF-8',
      Buffer.from(file + part('title', '\xff\xfe') + end, 'latin1'),
      'x',
      'request_invalid',
    ],
    ['a field twice', file + part('title', 'a') + part('title', 'b') + end, 'x', 'request_invalid'],
    ['two files', file + file.replace('"file"', '"other"') + end, 'x', 'request_invalid'],
    ['a field named like a prototype', file + part('__proto__', 'a') + end, 'x', 'request_invalid'],
    ['a thousand fields', file + part('title', 'a').repeat(1000) + end, 'x', 'request_invalid'],
  ])('in %s are refused', async (_, payload, boundary, code) => {
    const type = `multipart/form-data${boundary === '' ? '' : `; boundary=${boundary}`}`;
    const headers = { ...server.acme.analyst.headers, 'content-type': type };
    const response = await server.inject({ method: 'POST', url: '/api/documents', headers, payload });
    expect([response.statusCode, response.json<{ code: string }>().code]).toEqual([400, code]);
    expect(await server.as(server.acme.analyst, 'GET', '/api/documents')).toMatchObject({ body: { data: [] } });
  });

  it('in a form like those, but well made, are taken', async () => {
    const headers = { ...server.acme.analyst.headers, 'content-type': 'multipart/form-data; boundary=x' };
    const payload = file + part('title', 'a') + end;
    const response = await server.inject({ method: 'POST', url: '/api/documents', headers, payload });
    expect([response.statusCode, response.json<{ title: string }>().title]).toEqual([202, 'a']);
  });
});

describe('collections', () => {
  it('are made, granted, and removed when empty', async () => {
    const { analyst, viewer } = server.acme;
    const made = await server.as<{ id: string }>(analyst, 'POST', '/api/collections', {
      name: 'plans',
      default_classification: 'public',
    });
    expect(made).toMatchObject({
      status: 201,
      body: { name: 'plans', default_classification: 'public', grants: [{ kind: 'user', id: analyst.userId }] },
    });
    const namesFor = async (who: Person) =>
      (await server.as<{ data: { name: string }[] }>(who, 'GET', '/api/collections')).body.data.map(({ name }) => name);
    expect(await namesFor(viewer)).toEqual(['general']);
    const grants = [{ kind: 'everyone' }];
    expect(await server.as(analyst, 'PUT', `/api/collections/${made.body.id}/grants`, { grants })).toMatchObject({
      body: { grants: [{ kind: 'everyone', id: null }] },
    });
    expect(await namesFor(viewer)).toEqual(['general', 'plans']);
    expect((await server.as(analyst, 'DELETE', `/api/collections/${made.body.id}`)).status).toBe(204);
  });
});
