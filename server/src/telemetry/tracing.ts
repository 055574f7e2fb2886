/**
 * Traces, opt-in: without TRACING_ENABLED no SDK is loaded and a span costs a function call.
 *
 * Spans say what was done, how long it took and with which code it failed. They never hold content: no question, answer,
 * document or message text, also not that of an error.
 */

import {
  type Attributes,
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { Config } from '../config/index.ts';
import { isAppError } from '../errors.ts';

const tracerName = 'genai-platform';

/** Longest wait for the collector when the process ends. */
const exportTimeoutMs = 5000;

/** The tracing of a process. */
export interface Tracing {
  /** Exports what is left, within 5 s, and stops. */
  readonly close: () => Promise<void>;
}

/** Starts exporting traces when the settings say so; call it once, before the first request. */
export async function startTracing(settings: Config['observability']): Promise<Tracing> {
  if (!settings.tracingEnabled) return { close: async () => {} };
  const [
    { BatchSpanProcessor, ParentBasedSampler, TraceIdRatioBasedSampler, TracerProvider },
    { OTLPTraceExporter },
    hooks,
    core,
    resources,
  ] = await Promise.all([
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/context-async-hooks'),
    import('@opentelemetry/core'),
    import('@opentelemetry/resources'),
  ]);
  // The share applies to traces that clients began, too, so that a header cannot raise it.
  const share = new TraceIdRatioBasedSampler(settings.tracingSampleRatio);
  const provider = new TracerProvider({
    resource: resources.resourceFromAttributes({ 'service.name': settings.serviceName }),
    sampler: new ParentBasedSampler({ root: share, remoteParentSampled: share }),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter({
          timeoutMillis: exportTimeoutMs,
          ...(settings.tracingEndpoint === undefined ? {} : { url: `${settings.tracingEndpoint}/v1/traces` }),
        }),
      }),
    ],
  });
  context.setGlobalContextManager(new hooks.AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new core.W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  return {
    async close() {
      // A collector that is down must not keep the process from ending.
      await provider.shutdown().catch(() => {});
      for (const api of [context, propagation, trace]) api.disable();
    },
  };
}

/** Runs `fn` in a span; a failure is marked with its code. Returns and throws what `fn` does. */
export async function withSpan<T>(name: string, attributes: Attributes, fn: (span: Span) => Promise<T>): Promise<T> {
  return trace.getTracer(tracerName).startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await fn(span);
    } catch (error) {
      markFailed(span, error);
      throw error;
    } finally {
      span.end();
    }
  });
}

/** The span of a request that came in, as a child of the caller's span where `traceparent` names one. */
export interface RequestSpan {
  /** Runs `fn`, and what it starts, within the span. */
  readonly run: (fn: () => void) => void;
  /** Ends the span with the status of the answer. */
  readonly end: (status: number) => void;
}

/** Begins the span of a request. `route` is the pattern of the route, never the path. */
export function beginRequestSpan(headers: Record<string, unknown>, method: string, route: string): RequestSpan {
  const parent: Context = propagation.extract(ROOT_CONTEXT, headers);
  const attributes = { 'http.request.method': method, 'http.route': route };
  const span = trace
    .getTracer(tracerName)
    .startSpan(`${method} ${route}`, { kind: SpanKind.SERVER, attributes }, parent);
  return {
    run: (fn) => context.with(trace.setSpan(parent, span), fn),
    end(status) {
      span.setAttribute('http.response.status_code', status);
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
}

/** Headers that make an upstream's spans children of the current one; empty when tracing is off. */
export function traceHeaders(): Record<string, string> {
  const headers: Record<string, string> = {};
  propagation.inject(context.active(), headers);
  return headers;
}

/** Messages of errors can quote content, so only the code or type is kept. */
function markFailed(span: Span, error: unknown): void {
  const type = isAppError(error) ? error.code : ((error as Partial<Error> | undefined)?.name ?? typeof error);
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR, message: type });
}
