import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestServer, type TestServer } from '../../test/support/http.ts';
import { AppError } from '../errors.ts';
import type { Problem } from './schemas/errors.ts';

let server: TestServer;
beforeAll(async () => {
  server = await openTestServer({
    environment: {
      BODY_BYTES_MAX: '4096',
      HEADER_BYTES_MAX: '8192',
      REQUEST_TIMEOUT_MS: '1000',
      UPLOAD_BYTES_MAX: '2048',
    },
    services: {
      answer: async () => {
        throw new AppError('resource_not_found', { detail: 'It belongs to globex.' });
      },
      ledger: {
        usage: async () => {
          throw new TypeError('secret of the house');
        },
      },
    },
  });
});
afterAll(() => server.stop());

interface Sent {
  readonly payload: string | Buffer;
  readonly type?: string;
  readonly url?: string;
  readonly method?: 'POST' | 'PATCH';
}

function send({ payload, type = 'application/json', url = '/api/users', method = 'POST' }: Sent) {
  return server.inject({ method, url, payload, headers: { ...server.acme.admin.headers, 'content-type': type } });
}

function problemOf(response: { body: string }): Problem {
  return JSON.parse(response.body) as Problem;
}

describe('a body that cannot be read', () => {
  const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
  it.each([
    ['is not JSON', '{"email":', 400, 'body_malformed'],
    ['is empty', '', 400, 'body_malformed'],
    ['is not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), 400, 'body_malformed'],
    ['holds an overlong encoding', Buffer.from('{"name":"\xc0\xaf"}', 'latin1'), 400, 'body_malformed'],
    ['names a prototype', '{"name":"a","__proto__":{"role":"admin"}}', 400, 'body_malformed'],
    ['names a prototype in escapes', '{"name":"a","\\u005f_proto__":{"role":"admin"}}', 400, 'body_malformed'],
    ['names a constructor with a prototype', '{"constructor":{"prototype":{"role":"admin"}}}', 400, 'body_malformed'],
    ['is nested 65 levels deep', deep(65), 400, 'body_malformed'],
    ['is nested a thousand levels deep in arrays', '['.repeat(2000), 400, 'body_malformed'],
    ['has one byte too many', JSON.stringify({ name: 'x'.repeat(4096) }), 413, 'body_too_large'],
  ])('and %s is refused', async (_, payload, status, code) => {
    const response = await send({ payload });
    expect(response.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(problemOf(response)).toMatchObject({ status, code, type: `/docs#error-${code}` });
    expect(response.statusCode).toBe(status);
  });

  it.each([
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'nonsense',
    'multipart/form-data; boundary=x',
  ])('since it is %s gets media_type_unsupported', async (type) => {
    const response = await send({ payload: '{}', type });
    expect(response.statusCode).toBe(415);
    expect(problemOf(response).code).toBe('media_type_unsupported');
  });

  it('does not mistake brackets inside strings for depth', async () => {
    const response = await send({ payload: JSON.stringify({ name: `\\"${'['.repeat(500)}` }) });
    expect(problemOf(response).code).toBe('request_invalid');
  });

  it('may be absent where none is expected, whatever type is declared', async () => {
    const response = await server.inject({
      method: 'DELETE',
      url: '/api/keys/key_00000000000000000000000000000000',
      headers: { ...server.acme.admin.headers, 'content-type': 'application/json' },
    });
    expect(problemOf(response).code).toBe('resource_not_found');
  });
});

describe('a body of the wrong form', () => {
  const valid = { email: 'new@acme.example', name: 'New', role: 'viewer', clearance: 'internal' };
  it.each([
    ['null', null, '', 'must be an object'],
    ['an array', [], '', 'must be an object'],
    ['a string', 'text', '', 'must be an object'],
    ['without a field', { ...valid, name: undefined }, '/name', 'is required'],
    ['with a number for a text', { ...valid, name: 5 }, '/name', 'must be a string'],
    [
      'with a role that cannot be',
      { ...valid, role: 'Root' },
      '/role',
      'must be 2 to 63 lower-case letters, digits and hyphens, a letter first',
    ],
    ['with an unknown field', { ...valid, 'is/admin~': true }, '/is~1admin~0', 'is not a known field'],
    ['with an empty name', { ...valid, name: '' }, '/name', 'must have at least 1 character'],
    ['with a NUL', { ...valid, name: 'a\u0000b' }, '/name', 'must have no control characters'],
    ['with a line break', { ...valid, name: 'a\nb' }, '/name', 'must have no control characters'],
    ['with nothing but space', { ...valid, name: '\u2003 ' }, '/name', 'must not be all space'],
    ['with half a surrogate pair', { ...valid, name: 'a\ud800b' }, '/name', 'must be well-formed Unicode'],
  ])('%s is told which field is wrong and why', async (_, payload, pointer, message) => {
    const response = await send({ payload: JSON.stringify(payload) });
    expect(response.statusCode).toBe(400);
    expect(problemOf(response).code).toBe('request_invalid');
    expect(problemOf(response).errors).toContainEqual({ location: 'body', pointer, message });
  });

  it('names at most twenty mistakes', async () => {
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`f${index}`, 1]));
    expect(problemOf(await send({ payload: JSON.stringify(many) })).errors).toHaveLength(20);
  });

  it('never gets its values back, which may be secrets', async () => {
    const password = 'hunter2-hunter2';
    const response = await send({
      payload: JSON.stringify({ ...valid, password: { value: password }, role: password }),
    });
    expect(response.body).not.toContain(password);
    expect(server.logLines.join('')).not.toContain(password);
  });

  it.each([
    ['/api/users?limit=0', '/limit'],
    ['/api/users?limit=9e9', '/limit'],
    ['/api/users?limit=abc', '/limit'],
    ['/api/users?limit=1&limit=2', '/limit'],
    ['/api/users?colour=red', '/colour'],
    ['/api/users?__proto__=x', '/__proto__'],
    ['/api/me?verbose=1', '/verbose'],
    ['/api/usage?from=yesterday', '/from'],
  ])('in the query of %s is named', async (url, pointer) => {
    const response = await server.inject({ method: 'GET', url, headers: server.acme.admin.headers });
    expect(response.statusCode).toBe(400);
    expect(problemOf(response).errors).toContainEqual(expect.objectContaining({ location: 'query', pointer }));
  });
});

describe('an address', () => {
  it('of nothing is answered with route_not_found, on /v1 in the OpenAI form', async () => {
    const api = await server.inject({ method: 'GET', url: '/api/none' });
    expect([api.statusCode, problemOf(api).code]).toEqual([404, 'route_not_found']);
    const gateway = await server.inject({ method: 'GET', url: '/v1/none' });
    expect(gateway.json()).toEqual({
      error: {
        message: 'There is no such operation.',
        type: 'invalid_request_error',
        param: null,
        code: 'route_not_found',
      },
    });
  });

  it('without the method says so before it looks at a body', async () => {
    const request = { url: '/api/me', headers: { 'content-type': 'application/x-none' }, payload: '{' };
    for (const method of ['PUT', 'DELETE'] as const) {
      const response = await server.inject({ ...request, method });
      expect([response.statusCode, response.headers['allow']]).toEqual([405, 'GET, HEAD']);
    }
  });

  it('that knows other methods says which', async () => {
    const response = await server.inject({ method: 'PUT', url: '/api/documents/doc_00000000000000000000000000000000' });
    expect([response.statusCode, problemOf(response).code]).toEqual([405, 'method_not_allowed']);
    expect(response.headers['allow']).toBe('GET, HEAD, PATCH, DELETE');
  });

  it.each([
    '/%zz',
    '/api/%ff',
    '/api/documents/%00',
    `/api/documents/${'x'.repeat(600)}`,
    '/api/documents/..%2f..%2fetc',
    '/api//documents',
    '//',
  ])('such as %s is refused without harm', async (url) => {
    const response = await server.inject({ method: 'GET', url, headers: server.acme.admin.headers });
    expect([400, 404]).toContain(response.statusCode);
    expect(response.headers['x-content-type-options']).toBe('nosniff');
    expect(response.headers['x-request-id']).toMatch(/^req_/);
  });
});

describe('an id', () => {
  it('that is absent, malformed, or of another tenant gets the same answer', async () => {
    const foreign = await server.inject({
      method: 'POST',
      url: '/api/collections',
      payload: { name: 'secret plans' },
      headers: server.globex.admin.headers,
    });
    const ids = [foreign.json<{ id: string }>().id, 'col_00000000000000000000000000000000', 'nonsense', 'col_%00'];
    const answers = await Promise.all(
      ids.map(async (id) => {
        const response = await server.inject({
          method: 'DELETE',
          url: `/api/collections/${id}`,
          headers: server.acme.admin.headers,
        });
        const { instance, request_id, ...same } = problemOf(response);
        expect(instance).toContain('/api/collections/');
        expect(request_id).toMatch(/^req_/);
        return same;
      }),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 404, code: 'resource_not_found' });
  });
});

describe('a thing that the caller may not see', () => {
  it('is not described, whatever the module that missed it says', async () => {
    const response = await send({ url: '/api/query', payload: '{"question":"Where?"}' });
    expect(problemOf(response).code).toBe('resource_not_found');
    expect(response.body).not.toContain('globex');
  });
});

describe('a broken invariant', () => {
  it('is logged with its stack and tells the client nothing but the request id', async () => {
    const response = await server.inject({ method: 'GET', url: '/api/usage', headers: server.acme.admin.headers });
    expect(response.statusCode).toBe(500);
    expect(response.body).not.toMatch(/secret of the house|TypeError|bad-input/);
    const { request_id: requestId } = problemOf(response);
    const line = server.logLines.find((entry) => entry.includes(requestId) && entry.includes('request failed'));
    expect(JSON.parse(line ?? '{}')).toMatchObject({
      level: 'error',
      tenantId: server.acme.id,
      err: { type: 'TypeError', message: 'secret of the house', stack: expect.stringContaining('bad-input.test.ts') },
    });
  });
});

describe('on the socket', () => {
  let port: number;
  beforeAll(async () => {
    await server.listen();
    port = (server.app.server.address() as AddressInfo).port;
  });

  async function exchange(bytes: string | Buffer): Promise<string> {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.on('error', () => {});
    socket.write(bytes);
    await once(socket, 'close');
    return answer;
  }

  it.each([
    ['bytes that are no HTTP', '\u0016\u0003\u0001\u0002\u0000\r\n\r\n', '400', 'request_malformed'],
    ['a header without a name', 'GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n', '400', 'request_malformed'],
    [
      'two lengths',
      'POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello',
      '400',
      'request_malformed',
    ],
    [
      'length and chunks together',
      'POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      '400',
      'request_malformed',
    ],
    [
      'headers above the limit',
      `GET / HTTP/1.1\r\nHost: a\r\nX-Big: ${'x'.repeat(9000)}\r\n\r\n`,
      '431',
      'headers_too_large',
    ],
    [
      'a request that does not end',
      'POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n',
      '408',
      'request_incomplete',
    ],
  ])('%s get an answer of the documented form, and the connection is closed', async (_, bytes, status, code) => {
    const answer = await exchange(bytes);
    const [head = '', body = '{}'] = answer.split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(head).toContain('application/problem+json');
    expect(problemOf({ body })).toMatchObject({ code, status: Number(status) });
  });

  it('a client that stops in the middle of a body leaves the server whole', async () => {
    const head = `POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"email"`;
    const socket = connect(port, '127.0.0.1');
    socket.write(head, () => socket.destroy());
    await once(socket, 'close');
    const response = await fetch(`http://127.0.0.1:${port}/health`);
    expect(await response.json()).toEqual({ status: 'ok' });
  });

  it('an upload above the limit is refused after a bounded number of bytes', async () => {
    const boundary = 'x';
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="big.txt"\r\n\r\n`;
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode(head)),
      pull(controller) {
        sent += 65_536;
        if (sent > 64 * 1024 * 1024) controller.error(new Error('The server reads without end.'));
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    const response = await fetch(`http://127.0.0.1:${port}/api/documents`, {
      method: 'POST',
      headers: { ...server.acme.admin.headers, 'content-type': `multipart/form-data; boundary=${boundary}` },
      body: endless,
      duplex: 'half',
    } as RequestInit);
    expect(response.status).toBe(413);
    expect(((await response.json()) as Problem).detail).toContain('2048 bytes (UPLOAD_BYTES_MAX)');
    expect(sent).toBeLessThan(16 * 1024 * 1024);
  });
});
