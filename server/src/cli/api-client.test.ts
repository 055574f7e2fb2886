import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { type FakeApi, type FakeRequest, sendJson, sendProblem, startFakeApi } from '../../test/support/fake-api.ts';
import { createApi } from './api-client.ts';
import { ApiError, CommandError } from './failures.ts';

let fake: FakeApi | undefined;
afterEach(() => fake?.close());

/** An API whose server answers as told. */
async function apiOf(
  answer: (request: FakeRequest, response: ServerResponse) => void | Promise<void>,
  timeoutMs = 5000,
) {
  fake = await startFakeApi(answer);
  return { api: createApi({ url: fake.url, key: 'secret-key' }, timeoutMs), fake };
}

const thrownBy = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

async function eventsOf(api: ReturnType<typeof createApi>): Promise<unknown[]> {
  const events = [];
  for await (const event of api.events('/events', {})) events.push(event);
  return events;
}

describe('a request', () => {
  it('carries the credential, the query and the body as JSON, and gives the JSON of the answer', async () => {
    const { api, fake } = await apiOf((_request, response) => sendJson(response, 200, { ok: true }));
    expect(
      await api.request('POST', '/api/x', { query: { a: 'b c', n: 1, none: undefined }, body: { q: 'ä' } }),
    ).toEqual({ ok: true });
    expect(fake.requests).toEqual([
      { method: 'POST', path: '/api/x?a=b+c&n=1', authorization: 'Bearer secret-key', body: '{"q":"ä"}' },
    ]);
  });

  it('gives nothing for an answer without body', async () => {
    const { api } = await apiOf((_request, response) => void response.writeHead(204).end());
    expect(await api.request('DELETE', '/api/x')).toBeUndefined();
  });

  it('throws the problem that the server tells, with how long it asks to wait', async () => {
    const { api } = await apiOf((_request, response) =>
      sendProblem(response, 429, 'rate_limit_exceeded', { 'retry-after': '2', 'retry-after-ms': '1500' }),
    );
    const error = await thrownBy(api.request('GET', '/'));
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ retryAfterMs: 1500, problem: { code: 'rate_limit_exceeded', request_id: 'req_1' } });
  });

  it('tells an error answer of something else by its status', async () => {
    const { api } = await apiOf((_request, response) => void response.writeHead(502).end('<html>Bad gateway</html>'));
    expect(await thrownBy(api.request('GET', '/'))).toMatchObject({
      problem: { status: 502, code: 'http_502' },
      retryAfterMs: undefined,
    });
  });

  it('takes nothing for an answer that is not JSON', async () => {
    const { api } = await apiOf((_request, response) => void response.writeHead(200).end('<html>'));
    expect(await thrownBy(api.request('GET', '/'))).toMatchObject({ exit: 'server' });
  });

  it('never follows a redirect, which would take the credential along', async () => {
    const { api, fake } = await apiOf(
      (_request, response) => void response.writeHead(302, { location: '/elsewhere' }).end(),
    );
    const error = await thrownBy(api.request('GET', '/'));
    expect(error).toBeInstanceOf(CommandError);
    expect(error).toMatchObject({ exit: 'usage', message: expect.stringContaining('/elsewhere') });
    expect(fake.requests).toHaveLength(1);
  });

  it('ends when no answer comes in time', async () => {
    const { api } = await apiOf(() => {}, 50);
    expect(await thrownBy(api.request('GET', '/'))).toMatchObject({ exit: 'timeout' });
  });

  it('says where nobody answers, and that an answer broke off', async () => {
    const { api, fake } = await apiOf((_request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{');
      setImmediate(() => response.destroy());
    });
    expect(await thrownBy(api.request('GET', '/'))).toMatchObject({ exit: 'unreachable' });
    await fake.close();
    const error = await thrownBy(api.request('GET', '/'));
    expect(error).toMatchObject({ exit: 'unreachable', message: expect.stringContaining(fake.url) });
  });

  it('keeps the path of the address it was given', async () => {
    fake = await startFakeApi((_request, response) => sendJson(response, 200, {}));
    await createApi({ url: `${fake.url}/genai/`, key: 'k' }, 5000).request('GET', '/api/x');
    expect(fake.requests[0]?.path).toBe('/genai/api/x');
  });
});

describe('a list', () => {
  it('is read page after page, up to the limit', async () => {
    const { api, fake } = await apiOf(({ path }, response) => {
      const { limit, cursor } = Object.fromEntries(new URL(path, 'http://x').searchParams);
      const from = Number(cursor ?? 0);
      const data = Array.from({ length: Number(limit) }, (_, index) => from + index);
      sendJson(response, 200, { data, next_cursor: String(from + data.length) });
    });
    const { data, next_cursor } = await api.list('/api/list', 450, { status: 'x' });
    expect([data.length, data.at(-1), next_cursor]).toEqual([450, 449, '450']);
    expect(fake.requests.map(({ path }) => path)).toEqual([
      '/api/list?status=x&limit=200',
      '/api/list?status=x&limit=200&cursor=200',
      '/api/list?status=x&limit=50&cursor=400',
    ]);
  });

  it('ends with the last page', async () => {
    const { api } = await apiOf((_request, response) => sendJson(response, 200, { data: [1], next_cursor: null }));
    expect(await api.list('/api/list', 10)).toEqual({ data: [1], next_cursor: null });
  });
});

describe('an event stream', () => {
  it('gives events as they come, in whatever pieces, and leaves out heartbeats', async () => {
    const { api } = await apiOf(async (_request, response) => {
      const bytes = Buffer.from(': heartbeat\n\nevent: token\ndata: {"text":"ä"}\n\nevent: done\ndata: {}\n\n');
      for (const byte of bytes) {
        response.write(Uint8Array.of(byte));
        await new Promise(setImmediate);
      }
      response.end();
    });
    expect(await eventsOf(api)).toEqual([
      { event: 'token', data: { text: 'ä' } },
      { event: 'done', data: {} },
    ]);
  });

  it('is refused like any request before it begins', async () => {
    const { api } = await apiOf((_request, response) => sendProblem(response, 403, 'permission_denied'));
    expect(await thrownBy(eventsOf(api))).toMatchObject({ problem: { code: 'permission_denied' } });
  });

  it('ends when nothing comes for the time limit, and not before while events come', async () => {
    let sent = 0;
    const { api } = await apiOf((_request, response) => {
      const timer = setInterval(() => {
        response.write('event: token\ndata: {}\n\n');
        if (++sent === 6) clearInterval(timer);
      }, 100);
    }, 400);
    expect(await thrownBy(eventsOf(api))).toMatchObject({ exit: 'timeout' });
    expect(sent).toBe(6);
  });
});
