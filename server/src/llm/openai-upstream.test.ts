import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { testEgress } from '../../test/support/egress.ts';
import { startUpstream, type Upstream } from '../../test/support/upstream/index.ts';
import { readChatStream } from './chat-stream.ts';
import { createOpenAiUpstream, type OpenAiUpstream, type OpenAiUpstreamOptions } from './openai-upstream.ts';

const log = pino({ level: 'silent' });
let server: Upstream;
const open: OpenAiUpstream[] = [];

beforeEach(async () => {
  server = await startUpstream();
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((upstream) => upstream.close()));
  await server.close();
});

function connect(options: Partial<OpenAiUpstreamOptions> = {}): OpenAiUpstream {
  const upstream = createOpenAiUpstream({
    baseUrl: server.baseUrl,
    egress: testEgress(),
    apiKey: 'test-credential',
    connectionsMax: 5,
    connectTimeoutMs: 5000,
    firstByteTimeoutMs: 5000,
    idleTimeoutMs: 5000,
    responseBytesMax: 1_000_000,
    attemptsMax: 3,
    random: () => 0,
    ...options,
  });
  open.push(upstream);
  return upstream;
}

function chat(model: string, more: object = {}): object {
  return { model, messages: [{ role: 'user', content: 'one two three four' }], stream: true, ...more };
}

function send(upstream: OpenAiUpstream, body: unknown, signal = new AbortController().signal) {
  const options = { signal, requestId: 'r-1', stream: true, log };
  return upstream.send('/chat/completions', body, options);
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await Array.fromAsync(body)).toString('utf8');
}

describe('what is sent and received', () => {
  it('sends text and bytes as they are, down to numbers that JavaScript cannot hold', async () => {
    const text = '{"model":"test-echo",  "seed":12345678901234567890,"messages":[{"role":"user","content":"é"}]}';
    for (const body of [text, new TextEncoder().encode(text)]) {
      await readText((await send(connect(), body)).body);
      expect(server.requests().at(-1)?.body).toBe(text);
    }
  });

  it('hands on the body unchanged, tool calls and unknown fields included', async () => {
    const text = await readText((await send(connect(), chat('test-echo?tool=1'))).body);
    expect(text).toContain('"tool_calls":[{"index":0,"id":"call_test_1"');
    expect(text.match(/"x_test_unknown":\{"kept":true\}/g)).toHaveLength(6);
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
  });

  it('hands on no header that tells of our account', async () => {
    const response = await send(connect(), chat('test-echo', { stream: false }));
    expect(response.headers).toEqual({ 'content-type': 'application/json', 'openai-processing-ms': '1' });
    expect(response.upstreamRequestId).toMatch(/^req-test-/);
    await readText(response.body);
  });

  it('sends the request id, and a credential only if there is one', async () => {
    await readText((await send(connect(), chat('test-echo'))).body);
    await readText((await send(connect({ apiKey: undefined }), chat('test-echo'))).body);
    expect(server.requests()).toMatchObject([{ requestId: 'r-1', authorized: true }, { authorized: false }]);
  });

  it('lists models', async () => {
    const models = await connect({ baseUrl: `${server.baseUrl}/` }).listModels(AbortSignal.timeout(5000));
    expect(models[0]).toEqual({ id: 'test-echo', created: 1_700_000_000, ownedBy: 'genai-test-upstream' });
  });

  it.each(['ftp://host/v1', 'http://user:secret@host/v1', 'http://host/v1?key=secret', 'host', ''])(
    'refuses the base address %j without repeating it',
    (baseUrl) => {
      expect(() => connect({ baseUrl })).toThrow(/^The base address of a model endpoint must be (?!.*secret)/);
    },
  );
});

describe('retries', () => {
  it.each(['error=500', 'error=503', 'error=429&retry_after_ms=1', 'reset=before', 'reset=headers'])(
    'asks again after %s, until it works',
    async (how) => {
      const { body } = await send(connect(), chat(`test-echo?${how}&times=2`));
      expect(await readText(body)).toContain('[DONE]');
      expect(server.requests()).toHaveLength(3);
    },
  );

  it.each(['error=400', 'error=401', 'error=404', 'error=302', 'error=429&retry_after=60'])(
    'asks once when it gets %s',
    async (how) => {
      await expect(send(connect(), chat(`test-echo?${how}`))).rejects.toMatchObject({ name: 'AppError' });
      expect(server.requests()).toHaveLength(1);
    },
  );

  it('waits for the caller before each attempt, and asks nothing when the caller refuses', async () => {
    const options = { signal: new AbortController().signal, requestId: 'r-1', stream: true, log };
    const asked: number[] = [];
    const beforeAttempt = async () => {
      await Promise.resolve();
      asked.push(server.requests().length);
      if (asked.length === 3) throw new Error('The ledger is away.');
    };
    const answer = connect().send('/chat/completions', chat('test-echo?error=500'), { ...options, beforeAttempt });
    await expect(answer).rejects.toThrow('The ledger is away.');
    expect(asked).toEqual([0, 1, 2]);
    expect(server.requests()).toHaveLength(2);
  });

  it.each([
    ['test-echo', 'answered'],
    ['test-echo?error=429', 'overloaded'],
    ['test-echo?error=529', 'overloaded'],
    ['test-echo?error=500', undefined],
    ['test-echo?ttft=2000', 'overloaded'],
  ])('says of %s how busy the endpoint is: %s', async (model, kind) => {
    const signs: string[] = [];
    const upstream = connect({ attemptsMax: 1, firstByteTimeoutMs: 300, onSign: (sign) => signs.push(sign.kind) });
    await send(upstream, chat(model)).then(
      ({ body }) => readText(body),
      () => {},
    );
    expect(signs).toEqual(kind === undefined ? [] : [kind]);
  });

  it('never asks again once a byte has arrived', async () => {
    const { body } = await send(connect(), chat('test-echo?reset=mid'));
    await expect(readText(body)).rejects.toMatchObject({ code: 'upstream_unavailable' });
    expect(server.requests()).toHaveLength(1);
  });

  it('tells the client which field the endpoint found wrong', async () => {
    const error = { code: 'request_invalid', detail: 'The model endpoint says: This is the wanted error 400.' };
    await expect(send(connect(), chat('test-echo?error=400'))).rejects.toMatchObject(error);
  });
});

describe('limits', () => {
  it.each(['hang=1', 'hang=headers', 'ttft=60000'])('gives up when the first byte does not come: %s', async (how) => {
    const upstream = connect({ firstByteTimeoutMs: 50, attemptsMax: 1 });
    const error = { code: 'upstream_unavailable', detail: 'It sent nothing for 50 ms.' };
    await expect(send(upstream, chat(`test-echo?${how}`))).rejects.toMatchObject(error);
    await server.whenAborted(1);
  });

  it('gives up when the answer falls silent', async () => {
    const { body } = await send(connect({ idleTimeoutMs: 50 }), chat('test-echo?hang=mid'));
    const error = { code: 'upstream_unavailable', detail: 'It sent nothing for 50 ms.' };
    await expect(readText(body)).rejects.toMatchObject(error);
    await server.whenAborted(1);
  });

  it('does not mistake a slow reader for a silent endpoint', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const gone = new AbortController();
      const { body } = await send(connect(), chat('test-echo?gap=5&hang=mid'), gone.signal);
      const reader = body[Symbol.asyncIterator]();
      let text = '';
      while (!text.includes('two')) text += Buffer.from((await reader.next()).value ?? []).toString('utf8');
      vi.advanceTimersByTime(60_000);
      gone.abort();
      await expect(reader.next()).rejects.toMatchObject({ code: 'request_cancelled' });
    } finally {
      vi.useRealTimers();
    }
  });

  it('cuts an answer that is longer than allowed', async () => {
    const { body } = await send(connect({ responseBytesMax: 20_000 }), chat('test-echo?tokens=1000'));
    const error = { code: 'upstream_rejected', detail: 'Its answer is longer than allowed.' };
    await expect(readText(body)).rejects.toMatchObject(error);
  });

  it('opens no more connections than allowed and keeps them alive', async () => {
    const upstream = connect({ connectionsMax: 2, waitingMax: 10 });
    const answers = Array.from({ length: 10 }, async () => readText((await send(upstream, chat('test-echo'))).body));
    expect(await Promise.all(answers)).toHaveLength(10);
    expect(server.connections()).toBe(2);
  });

  it('keeps the connection of a stream that was left at its [DONE]', async () => {
    const upstream = connect({ connectionsMax: 1 });
    for (let round = 0; round < 3; round += 1) {
      const { frames, tally } = readChatStream((await send(upstream, chat('test-echo?linger=1'))).body);
      for await (const frame of frames) expect(frame.bytes.length).toBeGreaterThan(0);
      expect(tally.isComplete).toBe(true);
    }
    expect(server.connections()).toBe(1);
    expect(server.aborted()).toBe(0);
  });

  it('neither waits for nor keeps a connection that stays open after [DONE]', async () => {
    const { frames } = readChatStream((await send(connect(), chat('test-echo?linger=60000'))).body);
    for await (const frame of frames) expect(frame.bytes.length).toBeGreaterThan(0);
    await server.whenAborted(1);
  });

  it('refuses more waiting requests than allowed', async () => {
    const upstream = connect({ waitingMax: 2, attemptsMax: 1 });
    const gone = new AbortController();
    const waiting = [1, 2].map(() => send(upstream, chat('test-echo?hang=1'), gone.signal).catch(() => 'gone'));
    const error = { code: 'upstream_unavailable', detail: 'Too many requests wait for it.' };
    await expect(send(upstream, chat('test-echo'))).rejects.toMatchObject(error);
    await expect.poll(() => server.requests().length).toBe(2);
    gone.abort();
    expect(await Promise.all(waiting)).toEqual(['gone', 'gone']);
    await server.whenAborted(2);
    expect(await readText((await send(upstream, chat('test-echo'))).body)).toContain('[DONE]');
  });
});

describe('leaving', () => {
  it('cuts the connection when the signal aborts while the answer is read', async () => {
    const gone = new AbortController();
    const { body } = await send(connect(), chat('test-echo?gap=60000'), gone.signal);
    const reading = readText(body);
    gone.abort();
    await expect(reading).rejects.toMatchObject({ code: 'request_cancelled' });
    await server.whenAborted(1);
    const { outputTokens } = server.tokensServed();
    expect(outputTokens).toBe(1);
  });

  it('cuts the connection of an answer that nobody reads when the signal aborts', async () => {
    const gone = new AbortController();
    await send(connect(), chat('test-echo?gap=60000'), gone.signal);
    gone.abort();
    await server.whenAborted(1);
  });

  it('cuts the connection when the reader leaves the loop', async () => {
    const { body } = await send(connect(), chat('test-echo?gap=60000'));
    for await (const _ of body) break;
    await server.whenAborted(1);
  });

  it('does not send a request whose signal aborts while it waits for a connection', async () => {
    const upstream = connect({ connectionsMax: 1 });
    const gone = new AbortController();
    const first = send(upstream, chat('test-echo?hang=1'), gone.signal).catch(() => 'gone');
    await expect.poll(() => server.requests().length).toBe(1);
    const left = new AbortController();
    const second = send(upstream, chat('test-echo'), left.signal);
    left.abort();
    await expect(second).rejects.toMatchObject({ code: 'request_cancelled' });
    gone.abort();
    expect(await first).toBe('gone');
    expect(await readText((await send(upstream, chat('test-answer'))).body)).toContain('[DONE]');
    expect(server.requests().map((request) => request.model)).toEqual(['test-echo?hang=1', 'test-answer']);
  });

  it('cuts what is running when it is closed, and then sends nothing more', async () => {
    const upstream = connect({ attemptsMax: 1 });
    const { body } = await send(upstream, chat('test-echo?hang=mid'));
    const reading = expect(readText(body)).rejects.toMatchObject({ code: 'upstream_unavailable' });
    await upstream.close();
    await upstream.close();
    await reading;
    await server.whenAborted(1);
    await expect(send(upstream, chat('test-echo'))).rejects.toMatchObject({ code: 'upstream_unavailable' });
  });
});
