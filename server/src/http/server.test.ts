import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFlowServer } from '../../test/support/http.ts';
import { AppError } from '../errors.ts';
import { startTracing, traceHeaders } from '../telemetry/index.ts';

let server: Awaited<ReturnType<typeof openFlowServer>>;
beforeAll(async () => {
  server = await openFlowServer();
});
afterAll(() => server.stop());

describe('connections', () => {
  it('beyond HTTP_CONNECTIONS_MAX are closed at once, and others are served on', async () => {
    const http = await server.serve({ server: { connectionsMax: 1 } });
    const port = Number(new URL(server.base()).port);
    const first = connect(port, '127.0.0.1');
    await once(first, 'connect');
    const second = connect(port, '127.0.0.1').on('error', () => {});
    await once(second, 'close');
    first.write('GET /health HTTP/1.1\r\nHost: a\r\n\r\n');
    const [answer] = (await once(first, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 200 /);
    first.destroy();
    await http.close();
  });

  it('on which a refused body still comes are cut, after the client could read why', async () => {
    const http = await server.serve();
    const socket = connect(Number(new URL(server.base()).port), '127.0.0.1').on('error', () => {});
    socket.write(
      `POST /api/documents HTTP/1.1\r\nHost: a\r\nAuthorization: ${server.acme.analyst.headers.authorization}\r\n` +
        'Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 100000000\r\n\r\n--x\r\n',
    );
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 413 /);
    socket.write('more');
    // Long before REQUEST_TIMEOUT_MS, or this test runs out of time.
    await once(socket, 'close');
    await http.close();
  });

  it('are kept open for KEEP_ALIVE_TIMEOUT_MS, which clients are told', async () => {
    const http = await server.serve({ server: { keepAliveTimeoutMs: 5000 } });
    const response = await fetch(`${server.base()}/health`);
    expect(response.headers.get('keep-alive')).toBe('timeout=5');
    await http.close();
  });
});

describe('the web page', () => {
  const files = readdirSync(new URL('./page/', import.meta.url));

  it('is served file by file, and is not sent again while it is the same', async () => {
    expect(files).toContain('index.html');
    const page = await server.inject('/');
    expect(page.headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' });
    expect(page.headers).not.toHaveProperty('vary');
    const again = await server.inject({ url: '/', headers: { 'if-none-match': String(page.headers.etag) } });
    expect([again.statusCode, again.body]).toEqual([304, '']);
    expect((await server.inject('/app.js')).headers['content-type']).toMatch(/javascript/);
    expect((await server.inject('/app.css')).headers['content-type']).toBe('text/css; charset=utf-8');
  });

  it.each([
    '/index.html',
    '/page/',
    '/server.ts',
    '/../server.ts',
    '/%2e%2e/server.ts',
    '/app.js/',
    '/.env',
    '/page.test.ts',
  ])('gives nothing at %s', async (url) => {
    expect((await server.inject(url)).statusCode).toBe(404);
  });
});

describe('a HEAD request', () => {
  it('has the headers of the answer and no body', async () => {
    const response = await server.inject({ method: 'HEAD', url: '/api/me', headers: server.acme.viewer.headers });
    expect([response.statusCode, response.body]).toEqual([200, '']);
    expect(Number(response.headers['content-length'])).toBeGreaterThan(100);
  });
});

describe('the trace of a caller', () => {
  it('goes through authentication and body to the flow, and on from there', async () => {
    // Nothing collects: what counts here is the context, not the export.
    const tracing = await startTracing({
      ...server.config.observability,
      tracingEnabled: true,
      tracingEndpoint: 'http://127.0.0.1:9',
    });
    const http = await server.serve();
    const seen = Promise.withResolvers<Record<string, string>>();
    server.flows.answer = async () => {
      seen.resolve(traceHeaders());
      throw new AppError('insufficient_quota');
    };
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const headers = {
      ...server.acme.viewer.headers,
      'content-type': 'application/json',
      traceparent: `00-${traceId}-b7ad6b7169203331-01`,
    };
    await server.post('/api/query', { question: 'Is it?' }, { headers });
    expect((await seen.promise)['traceparent']).toMatch(
      new RegExp(`^00-${traceId}-(?!b7ad6b7169203331)[0-9a-f]{16}-01$`),
    );
    await http.close();
    await tracing.close();
  });
});
