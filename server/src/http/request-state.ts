/** What the edge knows about a request beside what Fastify knows: who asks, which operation, and its span. */

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { RequestContext } from '../context.ts';
import type { RequestSpan } from '../telemetry/index.ts';
import type { Operation, Operator } from './operation.ts';

/** Filled in on the way; nothing in it outlives the request. */
export interface RequestState {
  readonly startedMs: number;
  readonly span: RequestSpan;
  ctx?: RequestContext;
  operator?: Operator;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the first hook, so it is there for all others. */
    state: RequestState;
  }
  interface FastifyContextConfig {
    /** The operation of a route; absent only where nothing was found. */
    operation?: Operation;
  }
}

/** Reserves the place of the state on requests. */
export function decorateRequests(app: FastifyInstance): void {
  app.decorateRequest('state');
}

/** The operation that a request was routed to. */
export function operationOf(request: FastifyRequest): Operation | undefined {
  return request.routeOptions.config.operation;
}

/** Who asks. Throws where nobody in particular does, which is a mistake in the operation. */
export function contextOf(request: FastifyRequest): RequestContext {
  if (request.state.ctx === undefined)
    throw new Error('This operation has no tenant user; it is public or for operators.');
  return request.state.ctx;
}

/** The operator who asks. Throws where nobody of them does, which is a mistake in the operation. */
export function operatorOf(request: FastifyRequest): Operator {
  if (request.state.operator === undefined) throw new Error('This operation is not for operators.');
  return request.state.operator;
}
