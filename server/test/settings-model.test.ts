/** Settings of the model endpoint, of Redis and of the scheduler, changed and observed on a server with an upstream. */

import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../src/config/index.ts';
import { createEgress } from '../src/egress/index.ts';
import { createRedisPool } from '../src/redis/index.ts';
import { modelEndpoint } from '../src/settings.ts';
import { startTestApp, type TestApp } from './support/app.ts';
import { anyTestDatabase } from './support/database.ts';
import { startDeafListener } from './support/deaf-listener.ts';
import { startSilentRedis } from './support/silent-redis.ts';
import { startUpstream, type Upstream } from './support/upstream/index.ts';

const question = 'How many days of paid annual leave does an employee have?';
/** On Linux every address of 127/8 is the own machine. */
const host = process.platform === 'linux' ? '127.0.0.2' : '127.0.0.1';
let upstream: Upstream;
let server: TestApp;

beforeAll(async () => {
  upstream = await startUpstream();
  server = await startTestApp(anyTestDatabase(), {
    OPENAI_BASE_URL: upstream.baseUrl,
    OPENAI_API_KEY: 'key-of-this-test',
    LLM_MODEL: 'test-answer?key=settings',
    LLM_TEMPERATURE: '0.75',
    LLM_CONTEXT_TOKENS_MAX: '256',
    LLM_OUTPUT_TOKENS_MAX: '99',
    LLM_ATTEMPTS_MAX: '2',
    LLM_FIRST_BYTE_TIMEOUT_MS: '1200',
    LLM_IDLE_TIMEOUT_MS: '300',
    LLM_CONNECTIONS_MAX: '1',
    QUERY_TIMEOUT_MS: '5000',
    SCHEDULER_SLOTS: '2',
    SCHEDULER_QUEUE_MAX: '1',
    SETTLE_DELAY_MS: '1000',
    RATE_LIMIT_KEY_REQUESTS_PER_MINUTE: '222',
    METRICS_TOKEN: 'token-of-this-test',
    HOST: host,
  });
}, 120_000);
afterAll(async () => {
  await server?.close();
  await upstream?.close();
});

const analyst = () => server.user('acme', 'analyst');

/** Chats and says how that ended and how long it took. */
async function chat(model: string, more: object = {}) {
  const startedMs = performance.now();
  const body = { model, messages: [{ role: 'user', content: 'one two' }], ...more };
  const reply = await server.call(analyst(), 'POST', '/v1/chat/completions', body);
  const error = reply.body['error'] as { code: string; message: string } | undefined;
  return { ...reply, code: error?.code, message: error?.message, tookMs: performance.now() - startedMs };
}

const lastBody = (model: string) =>
  JSON.parse(upstream.requests().findLast((seen) => seen.model === model)?.body ?? '{}');

describe('an answer', () => {
  it('is settled SETTLE_DELAY_MS after it was given, together with what follows until then', async () => {
    const { body } = await server.call(analyst(), 'POST', '/api/query', { question });
    const answeredMs = performance.now();
    const isSettled = async () =>
      (await server.call(server.user('acme', 'admin'), 'GET', '/api/audit?limit=20')).text.includes(
        String(body['request_id']),
      );
    await expect.poll(isSettled, { interval: 20 }).toBe(true);
    expect(performance.now() - answeredMs).toBeGreaterThan(500);
  });

  it('is made by LLM_MODEL with LLM_TEMPERATURE, LLM_OUTPUT_TOKENS_MAX and OPENAI_API_KEY', async () => {
    const { body } = await server.call(analyst(), 'POST', '/api/query', { question });
    expect(body['model']).toBe('test-answer?key=settings');
    expect(lastBody('test-answer?key=settings')).toMatchObject({ temperature: 0.75, max_tokens: 99 });
    expect(upstream.requests().at(-1)).toMatchObject({ authorized: true });
  });

  it('sees no more of the passages than LLM_CONTEXT_TOKENS_MAX allows, whatever was found', async () => {
    const { text } = await server.call(analyst(), 'POST', '/api/query', { question, top_k: 10, stream: true });
    expect(Number(/"passages":(\d+)/.exec(text)?.[1])).toBeGreaterThan(3);
    const [, user] = lastBody('test-answer?key=settings').messages as { content: string }[];
    expect(user?.content.match(/^\[\d+\] \(/gm)?.length).toBeLessThanOrEqual(2);
  });
});

describe('a call of the endpoint', () => {
  it('is tried LLM_ATTEMPTS_MAX times', async () => {
    expect((await chat('test-echo?error=503&times=1')).status).toBe(200);
    expect((await chat('test-echo?error=503&times=2')).status).toBe(502);
    expect(upstream.requests().filter(({ model }) => model === 'test-echo?error=503&times=2')).toHaveLength(2);
  });

  it.each([
    ['LLM_FIRST_BYTE_TIMEOUT_MS', 'test-echo?hang=1', 1200],
    ['LLM_IDLE_TIMEOUT_MS', 'test-echo?hang=mid', 300],
  ])('is given up after a silence of %s', async (_, model, silenceMs) => {
    const { status, tookMs } = await chat(model);
    expect(status).toBe(502);
    expect(tookMs).toBeGreaterThan(silenceMs - 10);
    expect(tookMs).toBeLessThan(4900);
  });

  it('ends at QUERY_TIMEOUT_MS, whatever the endpoint does', async () => {
    const { status, text, tookMs } = await chat('test-echo?gap=200&tokens=100', { stream: true });
    expect(status).toBe(200);
    expect(text).toMatch(/data: {"error":.*"code":"request_timeout".*\n\n$/);
    expect(tookMs).toBeGreaterThan(4900);
    expect(tookMs).toBeLessThan(10_000);
  });
});

describe('the server', () => {
  it('does SCHEDULER_SLOTS pieces of work at once and lets SCHEDULER_QUEUE_MAX wait, over LLM_CONNECTIONS_MAX connections', async () => {
    const connections = upstream.connections();
    const replies = await Promise.all(Array.from({ length: 6 }, () => chat('test-echo?ttft=300')));
    expect(replies.map(({ status }) => status).toSorted()).toEqual([200, 200, 200, 503, 503, 503]);
    expect(replies.find(({ status }) => status === 503)?.message).toContain('waiting for a model');
    expect(upstream.connections() - connections).toBeLessThanOrEqual(1);
  });

  it('counts RATE_LIMIT_KEY_REQUESTS_PER_MINUTE for each key', async () => {
    const { headers } = await server.call(analyst(), 'GET', '/api/me');
    expect(headers.get('x-ratelimit-limit-requests')).toBe('222');
  });

  it('keeps REDIS_POOL_SIZE connections to REDIS_URL, and waits REDIS_COMMAND_TIMEOUT_MS for an answer', async () => {
    const silent = await startSilentRedis();
    const environment = { REDIS_URL: silent.url, REDIS_POOL_SIZE: '3', REDIS_COMMAND_TIMEOUT_MS: '150' };
    const { config } = loadConfig({ environment, directory: tmpdir() });
    const { url = '', ...settings } = config.redis;
    const pool = createRedisPool({ url, ...settings, onError: () => {} });
    try {
      await expect.poll(silent.connections).toBe(3);
      await pool.ready();
      const startedMs = performance.now();
      await expect(pool.ping()).rejects.toMatchObject({ code: 'dependency_unavailable' });
      expect(performance.now() - startedMs).toBeGreaterThan(140);
      expect(performance.now() - startedMs).toBeLessThan(1500);
    } finally {
      await pool.close();
      silent.close();
    }
  });

  it('listens on HOST and nowhere else', async () => {
    const { hostname, port } = new URL(server.baseUrl);
    expect(hostname).toBe(host);
    if (host === '127.0.0.1') return;
    // Whoever else may have this port on another address does not know the key.
    const headers = { authorization: `Bearer ${server.user('acme', 'viewer').api_key}` };
    const elsewhere = await fetch(`http://127.0.0.1:${port}/api/me`, { headers }).catch(() => undefined);
    expect(elsewhere?.status).not.toBe(200);
  });

  it('shows its state to who has METRICS_TOKEN', async () => {
    expect((await server.call(undefined, 'GET', '/health/detailed')).status).toBe(401);
    expect((await server.call('token-of-this-test', 'GET', '/metrics')).status).toBe(200);
  });
});

describe('a connection that cannot be made', () => {
  it('is given up after LLM_CONNECT_TIMEOUT_MS and REDIS_CONNECT_TIMEOUT_MS', async () => {
    const deaf = await startDeafListener();
    const environment = {
      OPENAI_BASE_URL: `http://${deaf.address}`,
      LLM_CONNECT_TIMEOUT_MS: '300',
      REDIS_URL: `redis://${deaf.address}`,
      REDIS_CONNECT_TIMEOUT_MS: '300',
      REDIS_POOL_SIZE: '1',
    };
    const { config } = loadConfig({ environment, directory: tmpdir() });
    const endpoint = modelEndpoint(config.llm, createEgress({ settings: config.egress }), 1000);
    const startedMs = performance.now();
    try {
      await expect(endpoint?.listModels(new AbortController().signal)).rejects.toMatchObject({
        code: 'upstream_unavailable',
      });
      // Node looks at its slow timers once a second.
      expect(performance.now() - startedMs).toBeGreaterThan(290);
      expect(performance.now() - startedMs).toBeLessThan(4000);
      const { url = '', ...settings } = config.redis;
      const failure = Promise.withResolvers<Error>();
      const pool = createRedisPool({ url, ...settings, onError: failure.resolve });
      expect((await failure.promise).message).toContain('ETIMEDOUT');
      await pool.close();
      expect(performance.now() - startedMs).toBeLessThan(8000);
    } finally {
      await endpoint?.close();
      deaf.close();
    }
  });
});
