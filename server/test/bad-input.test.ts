/**
 * Hostile requests to a whole server over real sockets. Each gets a documented code; none gets a 5xx, stops the process or
 * leaves anything half-written behind.
 */

import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { operations } from '../src/http/routes/index.ts';
import { startTestApp, type TestApp } from './support/app.ts';
import { anyTestDatabase } from './support/database.ts';
import { answersTo, refusalOf, refusalOfBytes, storedIn } from './support/refusals.ts';

let server: TestApp;
let before: Record<string, unknown>;

beforeAll(async () => {
  server = await startTestApp(anyTestDatabase(), {
    BODY_BYTES_MAX: '20000',
    HEADER_BYTES_MAX: '8192',
    RATE_LIMIT_ANONYMOUS_REQUESTS_PER_MINUTE: '1000000',
  });
  before = await storedIn(server);
}, 120_000);
afterAll(() => server?.close());
afterEach(async () => {
  expect(await storedIn(server)).toEqual(before);
  expect((await fetch(`${server.baseUrl}/health`)).status).toBe(200);
});

const as = (role: 'admin' | 'analyst' | 'viewer') => ({ authorization: `Bearer ${server.user('acme', role).api_key}` });
const absentId = `doc_${'0'.repeat(32)}`;

/** Operations that take JSON, as somebody who may call them. */
const takingJson = operations
  .filter(({ body, bodyMediaType }) => body !== undefined && bodyMediaType === undefined)
  .map(({ operationId, method, path, access }) => ({
    operationId,
    method,
    path: path.replace('{id}', absentId),
    access,
  }));

function send(operation: (typeof takingJson)[number], body: string | Buffer, type = 'application/json') {
  const credential = { authorization: `Bearer ${server.firstRun.operator_key}` };
  const headers = { ...(operation.access === 'operator' ? credential : as('admin')), 'content-type': type };
  return refusalOf(server, operation.path, {
    method: operation.method,
    headers,
    body: new Uint8Array(Buffer.from(body)),
  });
}

describe.each(takingJson)('$operationId', (operation) => {
  const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;

  it.each([
    ['empty', ''],
    ['cut off', '{"question":"what'],
    ['two documents', '{}{}'],
    ['not UTF-8', Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xc3, 0x28, 0x22, 0x7d])],
    ['UTF-16', Buffer.from('{"question":"a"}', 'utf16le')],
    ['compressed', gzipSync('{}')],
    ['65 objects deep', deep(65)],
    ['9000 arrays deep', `{"messages":${'['.repeat(9000)}${']'.repeat(9000)}}`],
    ['a prototype', '{"__proto__":{"role":"admin"}}'],
    ['a prototype in depth', '{"a":[{"b":{"__proto__":null}}]}'],
    ['a constructor', '{"constructor":{"prototype":{"role":"admin"}}}'],
    ['NaN', '{"top_k":NaN}'],
  ])('refuses a body that is %s', async (_, body) => {
    expect(await send(operation, body)).toEqual({ status: 400, code: 'body_malformed' });
  });

  it.each([
    ['null', 'null'],
    ['an array', '[]'],
    ['a number', '1e999'],
    ['a text', '"{}"'],
    [
      'made of wrong types',
      '{"question":{},"email":[],"model":7,"messages":"x","name":{"$gt":""},"refresh_token":0,"slug":1,"grants":9,"tier":"gold","status":true,"title":[]}',
    ],
    [
      'valid twice, the last time wrong',
      '{"name":"a","name":{"$ne":""},"title":"a","title":[],"question":"a","question":[],"email":"a","email":[],"refresh_token":"a","refresh_token":[],"grants":[],"grants":7,"model":"a","model":[]}',
    ],
  ])('refuses a body that is %s', async (_, body) => {
    expect(await send(operation, body)).toEqual({ status: 400, code: 'request_invalid' });
  });

  it('refuses a body of one byte too many, and other media types', async () => {
    expect((await send(operation, JSON.stringify({ question: 'x'.repeat(20_000) }))).code).toBe('body_too_large');
    for (const type of [
      'text/plain',
      'application/xml',
      'application/x-www-form-urlencoded',
      'application/json+x',
      ';',
    ])
      expect((await send(operation, '{}', type)).code, type).toBe('media_type_unsupported');
  });
});

describe('an unknown field', () => {
  it.each(takingJson.filter(({ operationId }) => operationId !== 'createChatCompletion'))(
    'is refused by $operationId, whatever it is called',
    async (operation) => {
      for (const name of ['is_admin', 'tenantId', 'toString', 'hasOwnProperty', '', '💥', 'x'.repeat(5000)]) {
        const refusal = await send(operation, JSON.stringify({ [name]: true }));
        expect(refusal, name).toEqual({ status: 400, code: 'request_invalid' });
      }
    },
  );
});

describe('a query string', () => {
  const lists = operations.filter(
    ({ method, path, query }) => method === 'GET' && query !== undefined && !path.includes('{'),
  );
  const hostile = [
    ...[
      'limit=0',
      'limit=-1',
      'limit=1e3',
      'limit=0x10',
      'limit=NaN',
      'limit=Infinity',
      'limit=1&limit=2',
      'limit[]=1',
    ],
    ...['limit=%00', 'cursor=%00', 'cursor=%ff%fe', `cursor=${'a'.repeat(513)}`, 'cursor=1&cursor=2', 'cursor[$gt]='],
    ...["cursor='%20or%201=1--", 'cursor=../../etc/passwd', 'cursor=eyJhIjoxfQ', `cursor=aud_${'f'.repeat(32)}`],
    ...[
      '__proto__[limit]=1',
      'constructor=1',
      '%E0%A4%A',
      'a'.repeat(4000),
      `${'a=1&'.repeat(1200)}`,
      '&&&===&',
      'q=%F0%9F',
    ],
    ...[
      'status=%00',
      'status=indexed%27',
      'collection=%00',
      'classification=secret',
      'from=yesterday',
      'to=-1',
      'group_by=tenant',
    ],
  ];

  it.each(lists.map(({ operationId, path, access }) => [operationId, path, access] as const))(
    'that is absurd harms %s in no way',
    async (_, path, access) => {
      const key = access === 'operator' ? server.firstRun.operator_key : server.user('acme', 'admin').api_key;
      for (const query of hostile) {
        const response = await fetch(`${server.baseUrl}${path}?${query}`, {
          headers: { authorization: `Bearer ${key}` },
        });
        const text = await response.text();
        expect([200, 400, 414], `${query}: ${text}`).toContain(response.status);
        if (response.status === 400) expect(JSON.parse(text)).toMatchObject({ code: 'request_invalid' });
        else if (access !== 'operator') expect(text, query).not.toContain('globex');
      }
    },
  );
});

describe('an address', () => {
  it.each([
    ['/api/nothing', 404, 'route_not_found'],
    ['/v1/nothing', 404, 'route_not_found'],
    ['/api/documents/', 404, 'resource_not_found'],
    ['/API/ME', 404, 'route_not_found'],
    ['/.env', 404, 'route_not_found'],
    ['/app.js/../../main.ts', 404, 'route_not_found'],
    ['/%2e%2e/%2e%2e/package.json', 404, 'route_not_found'],
    ['/app.js%00.html', 404, 'route_not_found'],
    ['/%zz', 400, 'request_malformed'],
    ['/api/documents/%ff', 400, 'request_malformed'],
    [`/api/documents/${'x'.repeat(600)}`, 404, 'route_not_found'],
    ['/api/documents/doc_%00', 404, 'resource_not_found'],
    ["/api/documents/doc_' or 1=1", 404, 'resource_not_found'],
    ['/api/documents/..%2f..%2fetc%2fpasswd', 404, 'resource_not_found'],
    [`/v1/models/${'%F0%9F%92%A5'.repeat(20)}`, 404, 'model_not_found'],
  ])('such as %s is refused', async (path, status, code) => {
    expect(await refusalOf(server, path, { headers: as('admin') })).toEqual({ status, code });
  });

  it.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS'])('does not take the method %s where it has others', async (method) => {
    expect(await refusalOf(server, '/api/query', { method, headers: as('admin') })).toEqual({
      status: 405,
      code: 'method_not_allowed',
    });
  });
});

describe('bytes on the socket', () => {
  const post = (headers: string, body = '') =>
    `POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${headers}\r\n\r\n${body}`;
  const smuggled = 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n';

  it.each([
    ['length and chunks', post('Content-Length: 4\r\nTransfer-Encoding: chunked', `0\r\n\r\n${smuggled}`)],
    ['chunks and length', post('Transfer-Encoding: chunked\r\nContent-Length: 4', `0\r\n\r\n${smuggled}`)],
    ['two lengths', post(`Content-Length: 2\r\nContent-Length: 40`, `{}${smuggled}`)],
    ['two lengths in one', post('Content-Length: 2, 40', `{}${smuggled}`)],
    ['a negative length', post('Content-Length: -1', smuggled)],
    ['a length with a sign', post('Content-Length: +2', `{}${smuggled}`)],
    ['a hexadecimal length', post('Content-Length: 0x2', `{}${smuggled}`)],
    ['an unknown coding', post('Transfer-Encoding: chunked, identity', `0\r\n\r\n${smuggled}`)],
    ['an odd coding', post('Transfer-Encoding: xchunked', `0\r\n\r\n${smuggled}`)],
    ['a space before the colon', post('Content-Length : 2', `{}${smuggled}`)],
    ['a folded header', post('X-A: b\r\n\tContent-Length: 5', smuggled)],
    ['a bare line feed', `GET / HTTP/1.1\nHost: a\n\n`],
    ['a NUL in a header', 'GET /health HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n'],
    ['a wrong chunk size', post('Transfer-Encoding: chunked', `zz\r\n{}\r\n0\r\n\r\n${smuggled}`)],
    ['a chunk that is longer than it says', post('Transfer-Encoding: chunked', `2\r\n{}{}\r\n0\r\n\r\n${smuggled}`)],
    ['no host', 'GET /api/me HTTP/1.1\r\n\r\n'],
    ['two hosts', 'GET /api/me HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n'],
    ['an unknown method', 'BREW /health HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['an unknown version', 'GET /health HTTP/9.9\r\nHost: a\r\n\r\n'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['TLS', Buffer.from('16030100a5010000a10303', 'hex')],
    ['nothing but line breaks', `${'\r\n'.repeat(100)}x\r\n\r\n`],
  ])('with %s are refused once, and the connection is closed', async (_, bytes) => {
    expect(await refusalOfBytes(server, bytes)).toEqual({ status: 400, code: 'request_malformed' });
  });

  it('with too many bytes of headers are refused', async () => {
    const many = Array.from({ length: 1500 }, (_, index) => `X-${index}: 1`).join('\r\n');
    for (const headers of [`X-A: ${'x'.repeat(9000)}`, many, `Cookie: ${'a=b; '.repeat(2000)}`])
      expect((await refusalOfBytes(server, post(headers))).code).toBe('headers_too_large');
  });

  it('that ask for another protocol, expect the impossible or open a tunnel get no harm done', async () => {
    for (const request of [
      'GET /health HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n',
      post('Expect: 200-miracles\r\nConnection: close\r\nContent-Length: 2', '{}'),
      'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n',
      'GET http://169.254.169.254/latest HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    ]) {
      expect(await answersTo(server, request), request).toMatch(/^(HTTP\/1\.1 [24]\d\d [\s\S]+\r\n\r\n.|$)/);
    }
  });
});
