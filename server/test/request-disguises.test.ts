/**
 * No disguise of a request changes who may do what: not a strange host, path, method or forwarding header on a raw socket, nor
 * keys in JSON that reach for a prototype, nor text that would end a header early.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operations } from '../src/http/routes/index.ts';
import { startTestApp, type TestApp } from './support/app.ts';
import { anyTestDatabase } from './support/database.ts';
import { answersTo, storedIn } from './support/refusals.ts';

let server: TestApp;
let before: Record<string, unknown>;

beforeAll(async () => {
  server = await startTestApp(anyTestDatabase(), { RATE_LIMIT_ANONYMOUS_REQUESTS_PER_MINUTE: '1000000' });
  before = await storedIn(server);
}, 120_000);
afterAll(() => server?.close());

/** What only an admin may do, and what only an operator may. */
const forbidden = ['/api/users', '/api/audit', '/api/operator/tenants'] as const;

/** Ways to write a path so that some component in between may read another one. */
const pathDisguises: readonly ((path: string) => string)[] = [
  (path) => `/${path}`,
  (path) => `/health/..${path}`,
  (path) => `/health/%2e%2e${path}`,
  (path) => `/health/..%2f${path.slice(1)}`,
  (path) => `/health;${path}`,
  (path) => `/health%00${path}`,
  (path) => `/health?${path}`,
  (path) => `/.${path}`,
  (path) => `${path};/health`,
  (path) => `${path}/.`,
  (path) => `${path}/../health`,
  (path) => `${path}%2f..%2fhealth`,
  (path) => `${path}%20`,
  (path) => `${path}.json`,
  (path) => `${path}/`,
  (path) => path.toUpperCase(),
  (path) => path.replace('/api/', '/api%2f'),
  (path) => path.replace('/api/', '/api\\'),
  (path) => path.replace('/api/', '/api//'),
  (path) => path.replace('a', '%61'),
  (path) => path.replace('a', '%2561'),
  (path) => path.replace('a', '%u0061'),
  (path) => path.replace('/', '/%c0%af'),
  (path) => `http://localhost${path}`,
  (path) => `http://a@localhost${path}`,
  (path) => `//localhost${path}`,
  (path) => `${path}#/health`,
];

const headerDisguises = (path: string): readonly string[] => [
  `Host: a${path}?x`,
  'Host: localhost:8000/health?',
  'Host: ../../health',
  'Host: localhost.',
  'Host: LOCALHOST',
  'Host: 127.0.0.1\r\nHost: localhost',
  'Host: localhost\r\nX-Original-URL: /health',
  'Host: localhost\r\nX-Rewrite-URL: /health',
  'Host: localhost\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: localhost\r\nX-Forwarded-Proto: https',
  'Host: localhost\r\nForwarded: for=127.0.0.1;host=localhost;proto=https',
  'Host: localhost\r\nX-HTTP-Method-Override: OPTIONS',
  'Host: localhost\r\nX-Real-IP: 127.0.0.1\r\nVia: 1.1 localhost',
  'Host: localhost\r\nX-User: admin\r\nX-Role: admin\r\nX-Tenant: acme\r\nRemote-User: admin',
  'Host: localhost\r\nCookie: session=admin; role=admin',
];

/** The codes of all answers, on one connection that the server closes. */
async function statuses(request: string): Promise<number[]> {
  const answers = await answersTo(server, request);
  return [...answers.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status));
}

describe.each(forbidden)('%s stays closed', (path) => {
  it.each(['anonymous', 'viewer'] as const)('to a caller who is %s, however the address is written', async (who) => {
    const credential = who === 'anonymous' ? '' : `Authorization: Bearer ${server.user('acme', 'viewer').api_key}\r\n`;
    for (const disguise of pathDisguises) {
      const line = `GET ${disguise(path)} HTTP/1.1`;
      for (const status of await statuses(`${line}\r\nHost: a\r\n${credential}Connection: close\r\n\r\n`)) {
        // Where the path is that of /health, that is what answers; it tells nothing.
        const isHealth = disguise(path).startsWith('/health?');
        expect(isHealth ? [200] : [400, 401, 403, 404, 405, 421], line).toContain(status);
      }
    }
  });

  it.each(['anonymous', 'viewer'] as const)('to a caller who is %s, whatever its headers claim', async (who) => {
    const credential = who === 'anonymous' ? '' : `Authorization: Bearer ${server.user('acme', 'viewer').api_key}\r\n`;
    for (const headers of headerDisguises(path)) {
      const answers = await statuses(`GET ${path} HTTP/1.1\r\n${headers}\r\n${credential}Connection: close\r\n\r\n`);
      expect(answers, headers).toHaveLength(1);
      expect([400, 401, 403], headers).toContain(answers[0]);
    }
  });
});

describe('two credentials in one request', () => {
  const asViewer = () => `Bearer ${server.user('acme', 'viewer').api_key}`;
  const asAdmin = () => `Bearer ${server.user('acme', 'admin').api_key}`;

  it.each([
    ['the smaller one first', () => [asViewer(), asAdmin()]],
    ['the larger one first', () => [asAdmin(), asViewer()]],
  ])('are not combined, %s', async (_, credentials) => {
    const headers = credentials().map((value) => `Authorization: ${value}\r\n`);
    const answers = await statuses(
      `GET /api/users HTTP/1.1\r\nHost: a\r\n${headers.join('')}Connection: close\r\n\r\n`,
    );
    expect(answers).toEqual([400]);
  });

  it('in one header are none', async () => {
    const headers = `Authorization: ${asViewer()}, ${asAdmin()}\r\n`;
    expect(await statuses(`GET /api/users HTTP/1.1\r\nHost: a\r\n${headers}Connection: close\r\n\r\n`)).toEqual([401]);
  });
});

describe('keys that reach for a prototype', () => {
  const payloads = [
    '{"__proto__":{"polluted":"yes"}}',
    '{"constructor":{"prototype":{"polluted":"yes"}}}',
    '{"a":{"__proto__":{"polluted":"yes"}}}',
    '[{"__proto__":{"polluted":"yes"}}]',
    '{"__proto__.polluted":"yes","constructor.prototype.polluted":"yes"}',
    '{"\\u005f\\u005fproto\\u005f\\u005f":{"polluted":"yes"}}',
    '{"metadata":{"__proto__":{"polluted":"yes"}},"messages":[{"__proto__":{"polluted":"yes"},"role":"user","content":"x"}],"model":"x"}',
  ];
  const takingBodies = operations.filter(({ body }) => body !== undefined);

  it.each(takingBodies.map((operation) => [operation.operationId, operation] as const))(
    'change nothing when sent to %s',
    async (_, { method, path, access, bodyMediaType }) => {
      const key = access === 'operator' ? server.firstRun.operator_key : server.user('acme', 'admin').api_key;
      for (const payload of payloads) {
        const body = bodyMediaType === undefined ? payload : formOf(payload);
        const response = await fetch(`${server.baseUrl}${path.replace(/\{\w+\}/g, `doc_${'0'.repeat(32)}`)}`, {
          method,
          headers: {
            authorization: `Bearer ${key}`,
            ...(bodyMediaType === undefined ? { 'content-type': 'application/json' } : {}),
          },
          body,
        });
        expect(response.status, payload).toBeGreaterThanOrEqual(400);
        expect(response.status, payload).toBeLessThan(500);
        await response.body?.cancel();
      }
      expect(Object.keys(Object.prototype)).toEqual([]);
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
      expect(await storedIn(server)).toEqual(before);
    },
  );

  function formOf(payload: string): FormData {
    const form = new FormData();
    form.append('__proto__', payload);
    form.append('constructor[prototype][polluted]', 'yes');
    return form;
  }
});

describe('text that would end a header', () => {
  it('reaches no header of a download', async () => {
    const admin = server.user('acme', 'admin');
    const form = new FormData();
    const name = "a\"; filename*=UTF-8''x.html\r\nSet-Cookie: a=b\u2028é.txt";
    form.append('file', new Blob(['harmless text, long enough to be a document'], { type: 'text/plain' }), name);
    const uploaded = await server.call(admin, 'POST', '/api/documents', form);
    expect(uploaded.status, uploaded.text).toBe(202);
    const download = await server.call(admin, 'GET', `/api/documents/${uploaded.body['id']}/content`);
    expect(download.headers.get('set-cookie')).toBeNull();
    // Everything but letters, digits and a few signs is encoded, as RFC 8187 has it.
    expect(download.headers.get('content-disposition')).toMatch(/^attachment; filename\*=UTF-8''[\w%.!~-]+$/);
    await server.call(admin, 'DELETE', `/api/documents/${uploaded.body['id']}`);
  });

  it.each(['a\nb', 'x'.repeat(129), 'ä', '<script>'])('is not sent back as a request id: %j', async (id) => {
    const answer = await answersTo(
      server,
      `GET /health HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${id}\r\nConnection: close\r\n\r\n`,
    );
    expect(answer.toLowerCase()).not.toContain('x-client-request-id');
  });
});
