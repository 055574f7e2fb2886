/**
 * The first hook of every request: its id, its span, its line in the log and its place in the metrics.
 *
 * The id is ours. A client may send `x-request-id` with its own; it comes back as `x-client-request-id` and is logged, but
 * never used as ours, so that nobody can make two requests look like one.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { RequestContext } from '../../context.ts';
import { AppError } from '../../errors.ts';
import type { Authenticated } from '../../identity/index.ts';
import { beginRequestSpan, type Metrics } from '../../telemetry/index.ts';
import { operationOf } from '../request-state.ts';
import type { RunningRequests } from './drain.ts';

const clientRequestIdPattern = /^[\w.:-]{1,128}$/;

/** Status under which a request is counted whose client left before the answer was complete. */
const clientLeftStatus = 499;

/** Installs the hook. */
export function installRequestContext(app: FastifyInstance, metrics: Metrics): void {
  app.addHook('onRequest', (request, reply, done) => {
    const route = operationOf(request)?.path ?? 'unmatched';
    const span = beginRequestSpan(request.headers, request.method, route);
    request.state = { startedMs: performance.now(), span };
    reply.header('x-request-id', request.id);
    const clientRequestId = request.headers['x-request-id'];
    if (typeof clientRequestId === 'string' && clientRequestIdPattern.test(clientRequestId)) {
      reply.header('x-client-request-id', clientRequestId);
    }
    // `close` comes once, whether the answer was complete or the client left.
    reply.raw.once('close', () => recordEnd(request, reply, route, metrics));
    span.run(done);
  });
}

function recordEnd(request: FastifyRequest, reply: FastifyReply, route: string, metrics: Metrics): void {
  const { startedMs, span } = request.state;
  const { method } = request;
  const seconds = (performance.now() - startedMs) / 1000;
  const status = reply.raw.writableEnded ? reply.raw.statusCode : clientLeftStatus;
  metrics.httpRequests.add({ method, route, status: String(status) });
  metrics.httpRequestDuration.record({ method, route }, seconds);
  span.end(status);
  const clientRequestId = reply.getHeader('x-client-request-id');
  request.log.info({ method, route, status, durationMs: Math.round(seconds * 1000), clientRequestId }, 'request');
}

/** Makes the context of a request whose credential was good; from now on it has a deadline, and can be told to end. */
export function openContext(
  request: FastifyRequest,
  reply: FastifyReply,
  who: Authenticated,
  { timeoutMs, running }: { readonly timeoutMs: number; readonly running: RunningRequests },
): RequestContext {
  const controller = new AbortController();
  const deadline = setTimeout(() => {
    controller.abort(new AppError('request_timeout', { detail: `It was given up after ${timeoutMs} ms.` }));
  }, timeoutMs);
  const entry = { caller: who, end: (reason: AppError) => controller.abort(reason), confirmedMs: performance.now() };
  running.add(entry);
  reply.raw.once('close', () => {
    clearTimeout(deadline);
    running.delete(entry);
    if (!reply.raw.writableEnded) controller.abort(new AppError('request_cancelled'));
  });
  request.log = request.log.child({ tenantId: who.tenantId });
  return {
    ...who,
    requestId: request.id,
    deadlineMs: Date.now() + timeoutMs,
    signal: controller.signal,
    log: request.log as RequestContext['log'],
  };
}
