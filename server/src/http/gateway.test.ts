import { once } from 'node:events';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFlowServer } from '../../test/support/http.ts';
import { AppError } from '../errors.ts';
import type { HttpServer } from './server.ts';

let server: Awaited<ReturnType<typeof openFlowServer>>;
beforeAll(async () => {
  server = await openFlowServer();
});
afterAll(() => server.stop());

const converse = () => server.post('/v1/chat/completions', { model: 'm', messages: [{ role: 'user', content: 'Hi' }] });

describe('a chat', () => {
  let http: HttpServer;
  beforeAll(async () => {
    http = await server.serve();
  });
  afterAll(() => http.close());
  const frames = ['data: {"a":1}\n\n', 'data: {"b":"ü"}\n\n', 'data: [DONE]\n\n'];
  const bytes = (text: string) => new TextEncoder().encode(text);

  it('passes through byte by byte, under our request id and security headers', async () => {
    server.flows.chat = async (_ctx, body, sink) => {
      expect(body).toMatchObject({ model: 'm', temperature: 0.3, vendor_field: { kept: true } });
      sink.head({
        'content-type': 'text/event-stream',
        'x-request-id': 'theirs',
        'x-content-type-options': 'theirs',
        'openai-processing-ms': '5',
      });
      for (const frame of frames) await sink.write(bytes(frame));
    };
    const sent = { model: 'm', messages: [], temperature: 0.3, vendor_field: { kept: true } };
    const response = await server.post('/v1/chat/completions', {
      ...sent,
      messages: [{ role: 'user', content: 'Hi' }],
    });
    expect(await response.text()).toBe(frames.join(''));
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'openai-processing-ms': '5',
      'x-request-id': expect.stringMatching(/^req_/),
      'x-content-type-options': 'nosniff',
    });
  });

  it.each(['api_base', 'base_url', 'api_key', 'custom_llm_provider', 'extra_headers', 'fallbacks'])(
    'refuses %s, which would choose the endpoint',
    async (field) => {
      server.flows.chat = async () => {
        throw new Error('must not be reached');
      };
      const response = await server.post('/v1/chat/completions', {
        model: 'm',
        messages: [{ role: 'user' }],
        [field]: 'http://169.254.169.254/',
      });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        error: { type: 'invalid_request_error', code: 'request_invalid', param: field },
      });
    },
  );

  it('names the field of an invalid message as the OpenAI API does', async () => {
    const response = await server.post('/v1/chat/completions', { model: 'm', messages: [{ role: 5 }] });
    expect(await response.json()).toMatchObject({ error: { param: 'messages[0].role' } });
  });

  it.each([
    ['upstream_rate_limited', 429, 'true', 'rate_limit_error'],
    ['upstream_unavailable', 502, 'true', 'server_error'],
    ['upstream_rejected', 502, 'false', 'server_error'],
    ['insufficient_quota', 429, 'false', 'insufficient_quota'],
    ['model_not_found', 404, 'false', 'invalid_request_error'],
  ] as const)(
    'that fails with %s before its head tells SDKs whether to try again',
    async (code, status, shouldRetry, type) => {
      server.flows.chat = async () => {
        throw new AppError(code, code === 'upstream_rate_limited' ? { retryAfterMs: 1500 } : {});
      };
      const response = await converse();
      expect(response.status).toBe(status);
      expect(response.headers.get('x-should-retry')).toBe(shouldRetry);
      expect(await response.json()).toMatchObject({ error: { code, type, param: null, message: expect.any(String) } });
      if (code === 'upstream_rate_limited') {
        expect([response.headers.get('retry-after'), response.headers.get('retry-after-ms')]).toEqual(['2', '1500']);
      }
    },
  );

  it('that fails inside a stream says so in a frame and ends without [DONE]', async () => {
    server.flows.chat = async (_ctx, _body, sink) => {
      sink.head({ 'content-type': 'text/event-stream' });
      await sink.write(bytes(frames[0] ?? ''));
      throw new AppError('upstream_unavailable');
    };
    const text = await (await converse()).text();
    expect(text.startsWith(frames[0] ?? '')).toBe(true);
    expect(JSON.parse(text.split('data: ')[2] ?? '')).toMatchObject({
      error: { code: 'upstream_unavailable', type: 'server_error' },
    });
    expect(text).not.toContain('[DONE]');
  });

  it('that fails inside a plain answer breaks the connection, since half an answer must not look whole', async () => {
    server.flows.chat = async (_ctx, _body, sink) => {
      sink.head({ 'content-type': 'application/json' });
      await sink.write(bytes('{"half":'));
      throw new AppError('upstream_unavailable');
    };
    await expect(converse().then((response) => response.text())).rejects.toThrow();
  });

  it('waits for a slow reader and loses nothing', async () => {
    const total = 48 * 1024 * 1024;
    const chunk = new Uint8Array(262_144).fill(0x61);
    let written = 0;
    server.flows.chat = async (_ctx, _body, sink) => {
      sink.head({ 'content-type': 'application/octet-stream' });
      for (; written < total; written += chunk.length) await sink.write(chunk);
    };
    const socket = server.postUnread('/v1/chat/completions', {
      model: 'm',
      messages: [{ role: 'user', content: 'Hi' }],
    });
    await expect.poll(() => written).toBeGreaterThan(0);
    let before = -1;
    // Until a whole turn of waiting adds nothing: the writer waits for the reader.
    await expect
      .poll(
        () => {
          const isStill = before === written;
          before = written;
          return isStill;
        },
        { interval: 100 },
      )
      .toBe(true);
    expect(written).toBeLessThan(total / 2);
    let received = 0;
    socket.on('data', (data: Buffer) => {
      received += data.length;
    });
    socket.resume();
    await once(socket, 'close');
    expect(written).toBe(total);
    expect(received).toBeGreaterThanOrEqual(total);
  });
});

describe('the unmodified OpenAI client', () => {
  let http: HttpServer;
  let client: OpenAI;
  beforeAll(async () => {
    http = await server.serve();
    client = new OpenAI({ baseURL: `${server.base()}/v1`, apiKey: server.acme.analyst.apiKey });
  });
  afterAll(() => http.close());
  const ask = { model: 'test-model', messages: [{ role: 'user' as const, content: 'Hi' }] };

  it('lists models', async () => {
    const ids = [];
    for await (const { id } of client.models.list()) ids.push(id);
    expect(ids).toEqual(['test-model']);
    expect((await client.models.retrieve('test-model')).owned_by).toBe('tests');
  });

  it('finds our request id, code and field on errors', async () => {
    const error = await client.chat.completions.create({ ...ask, model: '' }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({
      status: 400,
      code: 'request_invalid',
      param: 'model',
      type: 'invalid_request_error',
      requestID: expect.stringMatching(/^req_/),
    });
  });

  it('tries again when told to, as soon as told, and not otherwise', async () => {
    let calls = 0;
    server.flows.chat = async (_ctx, _body, sink) => {
      calls += 1;
      if (calls === 1) throw new AppError('upstream_rate_limited', { retryAfterMs: 10 });
      sink.head({ 'content-type': 'application/json' });
      await sink.write(new TextEncoder().encode('{"choices":[{"message":{"content":"Hello"}}]}'));
    };
    const answer = await client.chat.completions.create(ask);
    expect([calls, answer.choices[0]?.message.content]).toEqual([2, 'Hello']);
    calls = 0;
    server.flows.chat = async () => {
      calls += 1;
      throw new AppError('insufficient_quota');
    };
    await expect(client.chat.completions.create(ask)).rejects.toBeInstanceOf(OpenAI.RateLimitError);
    expect(calls).toBe(1);
  });

  it('notices a failure inside a stream', async () => {
    server.flows.chat = async (_ctx, _body, sink) => {
      sink.head({ 'content-type': 'text/event-stream' });
      await sink.write(new TextEncoder().encode('data: {"choices":[{"delta":{"content":"Hel"}}]}\n\n'));
      throw new AppError('upstream_unavailable');
    };
    const pieces: (string | null | undefined)[] = [];
    const reading = async () => {
      for await (const chunk of await client.chat.completions.create({ ...ask, stream: true })) {
        pieces.push(chunk.choices[0]?.delta.content);
      }
    };
    await expect(reading()).rejects.toThrow('The model endpoint did not answer.');
    expect(pieces).toEqual(['Hel']);
  });
});
