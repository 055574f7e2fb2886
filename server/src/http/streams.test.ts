import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { fastify } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFlowServer } from '../../test/support/http.ts';
import type { RequestContext } from '../context.ts';
import { AppError } from '../errors.ts';
import type { Answer } from '../query/index.ts';
import type { HttpServer } from './server.ts';
import { streamEvents } from './sse.ts';

const complete: Answer = {
  requestId: 'req_1',
  answer: 'Yes. [1]',
  citations: [
    {
      documentId: 'doc_1',
      title: 'A',
      page: 2,
      start: 3,
      end: 7,
      quote: 'Yes.',
      score: 0.5,
      classification: 'internal',
    },
  ],
  model: 'test-model',
  degraded: false,
  usage: { inputTokens: 10, outputTokens: 2 },
  costNano: 1_234n,
};
const wireCitation = {
  document_id: 'doc_1',
  title: 'A',
  page: 2,
  start: 3,
  end: 7,
  quote: 'Yes.',
  score: 0.5,
  classification: 'internal',
};
const wireAnswer = {
  request_id: 'req_1',
  answer: 'Yes. [1]',
  citations: [wireCitation],
  model: 'test-model',
  degraded: false,
  usage: { input_tokens: 10, output_tokens: 2 },
  cost: { nano_usd: '1234', usd: '0.000001234' },
};

let server: Awaited<ReturnType<typeof openFlowServer>>;
beforeAll(async () => {
  server = await openFlowServer();
});
afterAll(() => server.stop());

const ask = (init?: RequestInit) => server.post('/api/query', { question: 'Is it?', stream: true }, init);

async function eventsOf(response: Response): Promise<EventSourceMessage[]> {
  const events: EventSourceMessage[] = [];
  createParser({ onEvent: (event) => void events.push(event) }).feed(await response.text());
  return events;
}

describe('a streamed answer', () => {
  let http: HttpServer;
  beforeAll(async () => {
    http = await server.serve();
  });
  afterAll(() => http.close());

  it('is named events that end with the body of the plain answer', async () => {
    server.flows.answer = async (_ctx, question, onEvent = () => {}) => {
      expect(question).toEqual({ question: 'Is it?', topK: 3 });
      onEvent({ type: 'retrieval', passages: 4 });
      onEvent({ type: 'token', text: 'Yes.\n\ndata: not an event' });
      for (const citation of complete.citations) onEvent({ type: 'citation', citation });
      return complete;
    };
    const plain = await server.post('/api/query', { question: 'Is it?', top_k: 3 });
    expect(await plain.json()).toEqual(wireAnswer);
    const streamed = await server.post('/api/query', { question: 'Is it?', top_k: 3, stream: true });
    const events = await eventsOf(streamed);
    expect(events.map(({ event, data }) => [event, JSON.parse(data)])).toEqual([
      ['retrieval', { passages: 4 }],
      ['token', { text: 'Yes.\n\ndata: not an event' }],
      ['citation', wireCitation],
      ['done', wireAnswer],
    ]);
    expect(Object.fromEntries(streamed.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'private, no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'x-request-id': expect.stringMatching(/^req_/),
      'x-ratelimit-remaining-requests': expect.any(String),
    });
  });

  it('that fails before its first event is an error with its own status', async () => {
    server.flows.answer = async () => {
      throw new AppError('insufficient_quota');
    };
    const response = await ask();
    expect(response.status).toBe(429);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(response.headers.has('retry-after')).toBe(false);
  });

  it('that fails later ends with an error event, and tells nothing of an unknown error', async () => {
    server.flows.answer = async (_ctx, _question, onEvent = () => {}) => {
      onEvent({ type: 'token', text: 'Ye' });
      throw new TypeError('secret of the house');
    };
    const response = await ask();
    const events = await eventsOf(response);
    expect(events.map(({ event }) => event)).toEqual(['token', 'error']);
    expect(JSON.parse(events[1]?.data ?? '')).toMatchObject({
      code: 'internal_error',
      request_id: response.headers.get('x-request-id'),
    });
    expect(events[1]?.data).not.toContain('secret');
    expect(server.logLines.join('')).toContain('secret of the house');
  });

  it('ends the work when the client leaves, and is counted as left', async () => {
    const left = Promise.withResolvers<unknown>();
    server.flows.answer = async ({ signal }, _question, onEvent = () => {}) => {
      onEvent({ type: 'token', text: 'Ye' });
      await once(signal, 'abort');
      left.resolve(signal.reason);
      throw signal.reason;
    };
    const leaving = new AbortController();
    const response = await ask({ signal: leaving.signal });
    await response.body?.getReader().read();
    leaving.abort();
    expect(await left.promise).toMatchObject({ code: 'request_cancelled' });
    await expect
      .poll(async () => (await server.services.metrics.exposition()).body)
      .toContain('route="/api/query",status="499"');
  });

  it('is cut when the client does not read, before it costs more than a bounded amount of memory', async () => {
    let sent = 0;
    const ended = Promise.withResolvers<unknown>();
    server.flows.answer = async ({ signal }, _question, onEvent = () => {}) => {
      while (!signal.aborted && sent < 256 * 1024 * 1024) {
        onEvent({ type: 'token', text: 'x'.repeat(65_536) });
        sent += 65_536;
        await nextTurn();
      }
      ended.resolve(signal.reason);
      throw signal.reason;
    };
    const socket = server.postUnread('/api/query', { question: 'Is it?', stream: true });
    expect(await ended.promise).toMatchObject({ code: 'request_cancelled' });
    // What the kernel buffers between the two sockets comes on top of our own bound.
    expect(sent).toBeLessThan(32 * 1024 * 1024);
    expect(server.logLines.join('')).toContain('does not read');
    socket.destroy();
  });
});

describe('an event stream', () => {
  it('beats while it is silent, so that no proxy closes it', async () => {
    const app = fastify();
    const ctx = { log: app.log, signal: new AbortController().signal } as unknown as RequestContext;
    const finish = Promise.withResolvers<void>();
    app.get('/', (incoming, reply) => void streamEvents({ request: incoming, reply, ctx }, () => finish.promise, 5));
    await app.listen({ port: 0, host: '127.0.0.1' });
    const response = await fetch(app.listeningOrigin);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toMatch(/^: heartbeat\n\n/);
    finish.resolve();
    await reader?.cancel();
    await app.close();
  });
});

describe('a deadline', () => {
  let http: HttpServer;
  beforeAll(async () => {
    http = await server.serve({ query: { timeoutMs: 100 } });
  });
  afterAll(() => http.close());

  it('ends a question with request_timeout', async () => {
    server.flows.answer = async ({ signal, deadlineMs }) => {
      expect(deadlineMs - Date.now()).toBeLessThanOrEqual(100);
      await once(signal, 'abort');
      throw signal.reason;
    };
    const response = await server.post('/api/query', { question: 'Is it?' });
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({ code: 'request_timeout', detail: expect.stringContaining('100 ms') });
  });

  it('inside a stream is an error event', async () => {
    server.flows.answer = async ({ signal }, _question, onEvent = () => {}) => {
      onEvent({ type: 'retrieval', passages: 1 });
      await once(signal, 'abort');
      throw signal.reason;
    };
    const events = await eventsOf(await ask());
    expect(events.map(({ event }) => event)).toEqual(['retrieval', 'error']);
    expect(JSON.parse(events[1]?.data ?? '')).toMatchObject({ code: 'request_timeout' });
  });
});
