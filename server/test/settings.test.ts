/**
 * Settings, changed and observed from outside, on a server that quotes its documents. Settings of the model endpoint and of
 * the database have suites of their own; settings-covered.test.ts says where each setting is observed.
 */

import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tenantTiers } from '../src/context.ts';
import { startTestApp, type TestApp } from './support/app.ts';
import { anyTestDatabase } from './support/database.ts';
import { answersTo } from './support/refusals.ts';

/** Requests and tokens per minute, and dollars per month, of each tier. */
const tierLimits = {
  enterprise: [4001, 40_001, 41],
  professional: [3001, 30_001, 31],
  starter: [2001, 20_001, 21],
  free: [1001, 10_001, 11],
} as const;
const jwtSecret = 'a-secret-of-the-settings-test-0123456789';
const keyFile = join(tmpdir(), `genai-settings-${process.pid}`, 'key');

let server: TestApp;
/** Accepts connections and never answers. */
let silent: Server;
let silentAddress: string;
let silentConnections = 0;

beforeAll(async () => {
  silent = createServer(() => {
    silentConnections += 1;
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  silentAddress = `127.0.0.1:${(silent.address() as { port: number }).port}`;
  const ofTiers = Object.entries(tierLimits).flatMap(([tier, [requests, tokens, dollars]]) => [
    [`RATE_LIMIT_${tier.toUpperCase()}_REQUESTS_PER_MINUTE`, String(requests)],
    [`RATE_LIMIT_${tier.toUpperCase()}_TOKENS_PER_MINUTE`, String(tokens)],
    [`BUDGET_${tier.toUpperCase()}_DOLLARS_PER_MONTH`, String(dollars)],
  ]);
  const environment = {
    ...Object.fromEntries(ofTiers),
    JWT_SECRET_KEY: jwtSecret,
    TOKEN_ISSUER: 'issuer-of-this-test',
    ACCESS_TOKEN_TTL_SECONDS: '77',
    REFRESH_TOKEN_TTL_DAYS: '3',
    API_KEY_TTL_DAYS_DEFAULT: '5',
    PASSWORD_LENGTH_MIN: '20',
    LOGIN_FAILURES_MAX: '2',
    ENCRYPTION_KEY_FILE: keyFile,
    REQUEST_TIMEOUT_MS: '2000',
    QUESTION_CHARACTERS_MAX: '60',
    SEARCH_PASSAGES_DEFAULT: '2',
    SEARCH_PASSAGES_MAX: '4',
    CHUNK_CHARACTERS_TARGET: '200',
    CHUNK_CHARACTERS_MAX: '300',
    CHUNK_OVERLAP_CHARACTERS: '0',
    LLM_PROVIDER: 'extractive',
    OPENAI_BASE_URL: `http://${silentAddress}`,
    OPENSEARCH_HOSTS: `http://${silentAddress}`,
    OPENSEARCH_TIMEOUT_MS: '150',
    // Addresses are those that a proxy saw.
    TRUST_PROXY: 'true',
    RATE_LIMIT_ANONYMOUS_REQUESTS_PER_MINUTE: '3',
  };
  server = await startTestApp(anyTestDatabase(), environment, { isFirstStart: true });
}, 120_000);
afterAll(async () => {
  await server?.close();
  silent.close();
});

const admin = () => server.user('acme', 'admin');
const days = (from: unknown, to: unknown) => (Date.parse(String(to)) - Date.parse(String(from))) / 86_400_000;

/** As an anonymous client with an address of its own. */
function asAnonymous(path: string, address: string, body?: object): Promise<Response> {
  const headers = { 'x-forwarded-for': address, 'content-type': 'application/json' };
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  return fetch(server.baseUrl + path, { ...init, headers });
}

async function passagesFor(question: string, more: object = {}): Promise<number> {
  const { text } = await server.call(admin(), 'POST', '/api/query', { question, stream: true, ...more });
  return JSON.parse(/^event: retrieval\ndata: (.+)$/m.exec(text)?.[1] ?? '{}').passages;
}

/** Uploads a text and returns how many passages it became. */
async function chunksOf(text: string): Promise<unknown> {
  const form = new FormData();
  form.set('file', new Blob([text]), 'chunks.txt');
  const { body } = await server.call(admin(), 'POST', '/api/documents', form);
  const document = async () => (await server.call(admin(), 'GET', `/api/documents/${body['id']}`)).body;
  await expect.poll(async () => (await document())['status'], { timeout: 20_000 }).toBe('indexed');
  return (await document())['chunk_count'];
}

describe('logins', () => {
  it('follow JWT_SECRET_KEY, TOKEN_ISSUER, ACCESS_TOKEN_TTL_SECONDS and REFRESH_TOKEN_TTL_DAYS', async () => {
    const { email, password } = admin();
    const answer = await asAnonymous('/api/auth/login', '192.0.2.1', { tenant: 'acme', email, password });
    const { access_token: token, expires_in: seconds } = (await answer.json()) as Record<string, string>;
    expect(seconds).toBe(77);
    const claims = decodeJwt(token ?? '');
    expect(claims).toMatchObject({ iss: 'issuer-of-this-test', exp: (claims.iat ?? 0) + 77 });
    await jwtVerify(token ?? '', new TextEncoder().encode(jwtSecret));
    const { body } = await server.call(token, 'GET', '/api/sessions');
    const [session] = body['data'] as Record<string, unknown>[];
    expect(days(session?.['created_at'], session?.['expires_at'])).toBeCloseTo(3, 2);
  });

  it('are held up after LOGIN_FAILURES_MAX', async () => {
    const wrong = { tenant: 'globex', email: server.user('globex', 'viewer').email, password: 'not-the-password' };
    const statuses = [];
    for (const address of ['192.0.2.2', '192.0.2.3', '192.0.2.4'])
      statuses.push((await asAnonymous('/api/auth/login', address, wrong)).status);
    expect(statuses).toEqual([401, 401, 429]);
  });

  it('take passwords of PASSWORD_LENGTH_MIN and keys of API_KEY_TTL_DAYS_DEFAULT', async () => {
    const user = { email: 'new@acme.example', name: 'New', role: 'viewer', clearance: 'public' };
    const short = await server.call(admin(), 'POST', '/api/users', { ...user, password: 'p'.repeat(19) });
    expect(short.status).toBe(400);
    expect(short.text).toContain('20');
    const { body } = await server.call(admin(), 'POST', '/api/keys', { name: 'settings' });
    expect(days(body['created_at'], body['expires_at'])).toBeCloseTo(5, 2);
  });
});

describe('limits', () => {
  it.each(tenantTiers)('of the tier %s are those of its settings', async (tier) => {
    const [requests, tokens, dollars] = tierLimits[tier];
    const { id = '' } = server.firstRun.tenants[1] ?? {};
    await server.call(server.firstRun.operator_key, 'PATCH', `/api/operator/tenants/${id}`, { tier });
    const { headers, body } = await server.call(server.user('globex', 'admin'), 'GET', '/api/usage');
    const shown = ['requests', 'tokens'].map((rate) => Number(headers.get(`x-ratelimit-limit-${rate}`)));
    // Of the limits of tenant and key the tighter one is shown; a key may 3000 by default.
    expect(shown).toEqual([Math.min(requests, 3000), tokens]);
    expect(body).toMatchObject({ budget: { limit: { usd: String(dollars) } } });
  });

  it('of addresses are RATE_LIMIT_ANONYMOUS_REQUESTS_PER_MINUTE, for each that TRUST_PROXY shows', async () => {
    const statuses = async (address: string, count: number) => {
      const answers = [];
      for (let sent = 0; sent < count; sent += 1) answers.push((await asAnonymous('/openapi.json', address)).status);
      return answers;
    };
    expect(await statuses('192.0.2.8', 4)).toEqual([200, 200, 200, 429]);
    expect(await statuses('192.0.2.9', 1)).toEqual([200]);
  });

  it('of time are REQUEST_TIMEOUT_MS', async () => {
    const startedMs = performance.now();
    const unfinished = 'POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n';
    expect(await answersTo(server, unfinished)).toContain('2000 ms to arrive (REQUEST_TIMEOUT_MS)');
    expect(performance.now() - startedMs).toBeGreaterThan(1900);
  });
});

describe('questions', () => {
  it('have QUESTION_CHARACTERS_MAX characters at most', async () => {
    const ask = async (question: string) => (await server.call(admin(), 'POST', '/api/query', { question })).status;
    expect([await ask('q'.repeat(60)), await ask('q'.repeat(61))]).toEqual([200, 400]);
  });

  it('are answered as LLM_PROVIDER says, though there is an endpoint', async () => {
    const { body } = await server.call(admin(), 'POST', '/api/query', { question: 'Who approves annual leave?' });
    expect(body).toMatchObject({ model: 'extractive', degraded: false });
    expect((await server.call(admin(), 'GET', '/v1/models')).body).toEqual({ object: 'list', data: [] });
  });

  it('are answered from SEARCH_PASSAGES_DEFAULT passages, and from SEARCH_PASSAGES_MAX at most', async () => {
    const question = 'How long does the battery of the sensor last?';
    expect(await passagesFor(question)).toBe(2);
    expect(await passagesFor(question, { top_k: 4 })).toBe(4);
    const tooMany = await server.call(admin(), 'POST', '/api/query', { question, top_k: 5 });
    expect(tooMany).toMatchObject({ status: 400, body: { code: 'request_invalid' } });
  });
});

describe('passages', () => {
  it('are closed at CHUNK_CHARACTERS_TARGET and cut at CHUNK_CHARACTERS_MAX, with CHUNK_OVERLAP_CHARACTERS between them', async () => {
    // Sentences of 50 characters: four reach the target.
    expect(await chunksOf('The quick brown fox jumps over the lazy dog again. '.repeat(16))).toBe(4);
    // Without overlap five passages of 300 characters hold it; with the default of 100 it would take seven.
    expect(await chunksOf('x'.repeat(1500))).toBe(5);
  });
});

describe('the server', () => {
  it('keeps its key in ENCRYPTION_KEY_FILE and nowhere else', () => {
    expect(existsSync(keyFile)).toBe(true);
    expect(existsSync(join(server.dataDir, 'keys', 'local.key'))).toBe(false);
  });

  it('watches OPENSEARCH_HOSTS for OPENSEARCH_TIMEOUT_MS', async () => {
    const { components } = (await (await fetch(`${server.baseUrl}/health/detailed`)).json()) as {
      components: { name: string; status: string; latency_ms: number }[];
    };
    expect(silentConnections).toBe(1);
    const opensearch = components.find(({ name }) => name === 'opensearch');
    expect(opensearch?.status).toBe('down');
    expect(opensearch?.latency_ms).toBeGreaterThanOrEqual(140);
    expect(opensearch?.latency_ms).toBeLessThan(1500);
    expect(components.find(({ name }) => name === 'redis')?.status).toBe('off');
  });
});
