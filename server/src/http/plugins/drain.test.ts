import { once } from 'node:events';
import { Agent, get, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFlowServer } from '../../../test/support/http.ts';
import type { RequestContext } from '../../context.ts';
import type { Answer } from '../../query/index.ts';

const complete: Answer = {
  requestId: 'req_1',
  answer: 'Yes.',
  citations: [],
  model: 'test-model',
  degraded: false,
  usage: { inputTokens: 10, outputTokens: 2 },
  costNano: 0n,
};

let server: Awaited<ReturnType<typeof openFlowServer>>;
beforeAll(async () => {
  server = await openFlowServer();
});
afterAll(() => server.stop());

describe('closing the server', () => {
  /** A question that is being answered until `finish`. */
  function running() {
    const begun = Promise.withResolvers<RequestContext>();
    const finish = Promise.withResolvers<void>();
    server.flows.answer = async (ctx) => {
      begun.resolve(ctx);
      await Promise.race([finish.promise, once(ctx.signal, 'abort')]);
      ctx.signal.throwIfAborted();
      return complete;
    };
    return { begun: begun.promise, finish: finish.resolve };
  }

  it('lets running requests finish, takes no new connections, and closes each after its answer', async () => {
    const http = await server.serve();
    const { begun, finish } = running();
    const response = server.post('/api/query', { question: 'Is it?' });
    await begun;
    const closed = http.close();
    await expect(fetch(`${server.base()}/health`)).rejects.toThrow();
    finish();
    expect((await response).status).toBe(200);
    expect((await response).headers.get('connection')).toBe('close');
    await closed;
  });

  it('answers what still comes on an open connection, says that it is not ready, and closes it', async () => {
    const http = await server.serve();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const { begun, finish } = running();
    const slow = request(`${server.base()}/api/query`, {
      method: 'POST',
      agent,
      headers: { ...server.acme.analyst.headers, 'content-type': 'application/json' },
    });
    slow.end('{"question":"Is it?"}');
    const pipelined = connect(Number(new URL(server.base()).port), '127.0.0.1');
    pipelined.write('GET /health/detailed HTTP/1.1\r\nHost: a\r\n\r\nGET /health/detailed HTTP/1.1\r\nHost: a\r\n');
    await begun;
    await once(pipelined, 'data');
    const closed = http.close();
    // The second request was begun before closing began, and is completed now.
    pipelined.write('\r\n');
    const [answered] = (await once(pipelined, 'data')) as [Buffer];
    expect(answered.toString()).toMatch(/^HTTP\/1.1 503 [\s\S]*connection: close[\s\S]*It is shutting down/i);
    finish();
    const [first] = (await once(slow, 'response')) as [IncomingMessage];
    expect(first.statusCode).toBe(200);
    first.resume();
    await closed;
    agent.destroy();
  });

  it('ends work that is not done in time, and says so', async () => {
    const http = await server.serve({ server: { shutdownTimeoutMs: 50 } });
    const { begun } = running();
    const response = server.post('/api/query', { question: 'Is it?' });
    const { signal } = await begun;
    await http.close();
    expect(signal.reason).toMatchObject({ code: 'server_draining' });
    expect((await response).status).toBe(503);
    expect((await response).headers.get('retry-after')).toBe('1');
    expect(await (await response).json()).toMatchObject({ code: 'server_draining' });
  });

  it('cuts work that does not listen', async () => {
    const http = await server.serve({ server: { shutdownTimeoutMs: 50 } });
    const begun = Promise.withResolvers<void>();
    server.flows.answer = () => {
      begun.resolve();
      return new Promise(() => {});
    };
    const failed = expect(server.post('/api/query', { question: 'Is it?' })).rejects.toThrow();
    await begun.promise;
    await http.close();
    await failed;
  });

  it('does not wait for connections that are idle, or that never sent anything', async () => {
    const http = await server.serve({ server: { shutdownTimeoutMs: 60_000 } });
    const agent = new Agent({ keepAlive: true });
    const [response] = (await once(get(`${server.base()}/health`, { agent }), 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
    const silent = connect(Number(new URL(server.base()).port), '127.0.0.1');
    await once(silent, 'connect');
    // Resolves long before the time is up, or this test runs out of its own.
    await http.close();
    agent.destroy();
    silent.destroy();
  });
});
