import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { AppError } from '../errors.ts';
import { beginRequestSpan, startTracing, type Tracing, traceHeaders, withSpan } from './tracing.ts';

const settings = {
  logLevel: 'info',
  metricsToken: undefined,
  tracingEnabled: true,
  tracingEndpoint: undefined,
  tracingSampleRatio: 1,
  serviceName: 'genai-test',
} as const;

interface ExportedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly attributes: { key: string; value: Record<string, unknown> }[];
  readonly status: { code?: number; message?: string };
}

/** A fake collector: takes OTLP over HTTP in its JSON form. */
async function startFakeCollector() {
  const spans: ExportedSpan[] = [];
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk as string;
    bodies.push(body);
    const message = JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: ExportedSpan[] }[] }[] };
    spans.push(...message.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
    response.setHeader('content-type', 'application/json').end('{}');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, spans, bodies, close: () => server.close() };
}

let tracing: Tracing | undefined;
afterEach(async () => {
  await tracing?.close();
  tracing = undefined;
});

describe('tracing, when off', () => {
  it('runs the function, passes its result and its error on, and adds no headers', async () => {
    tracing = await startTracing({ ...settings, tracingEnabled: false });
    expect(await withSpan('step', {}, async () => traceHeaders())).toEqual({});
    await expect(withSpan('step', {}, async () => Promise.reject(new Error('as thrown')))).rejects.toThrow('as thrown');
  });
});

describe('tracing, when on', () => {
  it('exports the spans of a request as children of the caller, and passes the trace on upstream', async () => {
    const collector = await startFakeCollector();
    tracing = await startTracing({ ...settings, tracingEndpoint: collector.url });
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const request = beginRequestSpan({ traceparent: `00-${traceId}-b7ad6b7169203331-01` }, 'POST', '/api/query');
    const upstream = await new Promise<Record<string, string>>((resolve) => {
      request.run(() => void withSpan('generate', { 'genai.model': 'm' }, async () => resolve(traceHeaders())));
    });
    request.end(200);
    await tracing.close();
    collector.close();

    const [generate, server] = ['generate', 'POST /api/query'].map((name) =>
      collector.spans.find((span) => span.name === name),
    );
    expect(server).toMatchObject({ traceId, parentSpanId: 'b7ad6b7169203331' });
    expect(generate).toMatchObject({ traceId, parentSpanId: server?.spanId });
    expect(upstream['traceparent']).toBe(`00-${traceId}-${generate?.spanId}-01`);
    expect(collector.bodies.join('')).toContain('genai-test');
  });

  it('marks a failure with its code and never with its message', async () => {
    const collector = await startFakeCollector();
    tracing = await startTracing({ ...settings, tracingEndpoint: collector.url });
    const content = 'the merger with Initech';
    await expect(
      withSpan('a', {}, async () => Promise.reject(new AppError('upstream_rejected', { detail: content }))),
    ).rejects.toThrow();
    await expect(withSpan('b', {}, async () => Promise.reject(new TypeError(content)))).rejects.toThrow();
    await tracing.close();
    collector.close();
    expect(collector.spans.map(({ status }) => status.message)).toEqual(['upstream_rejected', 'TypeError']);
    expect(collector.bodies.join('')).not.toContain(content);
  });

  it('keeps to its share of traces whatever the client asks for', async () => {
    const collector = await startFakeCollector();
    tracing = await startTracing({ ...settings, tracingEndpoint: collector.url, tracingSampleRatio: 0 });
    beginRequestSpan({ traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }, 'GET', '/').end(200);
    await tracing.close();
    collector.close();
    expect(collector.spans).toEqual([]);
  });

  it('lets the process end although the collector is down', async () => {
    tracing = await startTracing({ ...settings, tracingEndpoint: 'http://127.0.0.1:9' });
    await withSpan('lost', {}, async () => {});
    await expect(tracing.close()).resolves.toBeUndefined();
  });
});
