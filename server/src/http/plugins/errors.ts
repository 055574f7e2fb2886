/**
 * The only place that makes error bodies: RFC 9457 problem details, on /v1 the OpenAI error object, on /scim RFC 7644's.
 *
 * Nothing of an unknown error reaches the client but its request id; it is logged with its stack. A missing id and an id
 * of another tenant give the same answer.
 */

import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import { newId } from '../../db/index.ts';
import { AppError, type ErrorCode, type FieldError, isAppError } from '../../errors.ts';
import { type OpenAiError, type Problem, type ScimError, scimErrorSchema, type scimTypes } from '../schemas/errors.ts';
import type { Services } from '../services.ts';
import { dialects, surfaceOf } from '../surfaces.ts';
import { type NamedLimits, translateConnectionError, translateError } from './foreign-errors.ts';

/** How long a client may go on sending a body that was refused. */
const lingerMs = 2000;

/** Wait that is suggested when an error that may pass names none. */
const retryAfterDefaultMs = 1000;

/** The body of an error as the surface of a request speaks it. */
function errorBody(error: AppError, request: FastifyRequest): Problem | OpenAiError | ScimError {
  const bodies = {
    api: () => problemFrom(error, request.id, request.url),
    gateway: () => openAiErrorFrom(error),
    scim: () => scimErrorFrom(error),
  };
  return bodies[surfaceOf(request.url)]();
}

/** Logs an error that struck after an answer had begun, and makes the body that is sent inside the stream. */
export function streamErrorBody(thrown: unknown, request: FastifyRequest): Problem | OpenAiError | ScimError {
  const error = isAppError(thrown) ? thrown : new AppError('internal_error', { cause: thrown });
  logError(error, request);
  return errorBody(error, request);
}

function problemFrom(error: AppError, requestId: string, url: string | undefined): Problem {
  const { status, title, fix } = error.definition;
  return {
    type: `/docs#error-${error.code}`,
    title,
    status,
    code: error.code,
    // Whoever may not know of a thing must not learn of it from how its absence is described.
    ...(error.detail === undefined || error.code === 'resource_not_found' ? {} : { detail: error.detail }),
    fix,
    ...(url === undefined ? {} : { instance: url.split('?', 1)[0] ?? url }),
    request_id: requestId,
    ...(error.errors === undefined ? {} : { errors: [...error.errors] }),
  };
}

function openAiErrorFrom(error: AppError): OpenAiError {
  const [field] = error.errors ?? [];
  const said = [
    error.definition.title,
    error.detail,
    field && `${parameterOf(field) ?? field.location}: ${field.message}`,
  ];
  const message = said.filter((part) => part !== undefined).join(' ');
  return {
    error: {
      message,
      type: openAiType(error),
      param: field === undefined ? null : parameterOf(field),
      code: error.code,
    },
  };
}

/** The keywords of RFC 7644 section 3.12, where one of them fits. */
const scimTypeByCode: Partial<Record<ErrorCode, (typeof scimTypes)[number]>> = {
  request_invalid: 'invalidValue',
  body_malformed: 'invalidSyntax',
  filter_invalid: 'invalidFilter',
  path_invalid: 'invalidPath',
  target_missing: 'noTarget',
  attribute_read_only: 'mutability',
  value_taken: 'uniqueness',
};

function scimErrorFrom(error: AppError): ScimError {
  const { status, title } = error.definition;
  const [field] = error.errors ?? [];
  const said = error.detail ?? (field && `${field.location} ${field.pointer}: ${field.message}`);
  const scimType = scimTypeByCode[error.code];
  return {
    schemas: [scimErrorSchema],
    status: String(status),
    ...(scimType === undefined ? {} : { scimType }),
    detail: said === undefined || error.code === 'resource_not_found' ? title : `${title} ${said}`,
  };
}

/** A field in the notation of the OpenAI API: `messages[0].role`. */
function parameterOf({ pointer }: FieldError): string | null {
  if (pointer === '') return null;
  return pointer
    .slice(1)
    .replaceAll(/\/(\d+)(?=\/|$)/g, '[$1]')
    .replaceAll('/', '.');
}

function openAiType({ code, definition: { status } }: AppError): string {
  if (code === 'insufficient_quota') return 'insufficient_quota';
  const byStatus: Readonly<Record<number, string>> = {
    401: 'authentication_error',
    403: 'permission_error',
    429: 'rate_limit_error',
  };
  return byStatus[status] ?? (status >= 500 ? 'server_error' : 'invalid_request_error');
}

/** Headers that tell clients whether and when to try again. */
function errorHeaders(error: AppError): Record<string, string> {
  const { retryable, status } = error.definition;
  const isWaitKnown = error.retryAfterMs !== undefined || (retryable && (status === 429 || status === 503));
  const waitMs = error.retryAfterMs ?? retryAfterDefaultMs;
  return {
    // The OpenAI SDKs obey this before any rule of their own.
    'x-should-retry': String(retryable),
    ...(isWaitKnown ? { 'retry-after': String(Math.ceil(waitMs / 1000)), 'retry-after-ms': String(waitMs) } : {}),
    ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
  };
}

/** What error handling needs. */
export interface ErrorDeps {
  readonly services: Pick<Services, 'metrics' | 'onNotFound'>;
  readonly limits: NamedLimits;
}

/** Answers a request with an error. */
export function sendError(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  { services, limits }: ErrorDeps,
): void {
  const error = translateError(thrown, limits);
  const { status } = error.definition;
  logError(error, request);
  // Requests that failed before the first hook have no state.
  const ctx = (request.state as FastifyRequest['state'] | undefined)?.ctx;
  if (error.code === 'rate_limit_exceeded') services.metrics.rateLimited.add({ tier: ctx?.tier ?? 'anonymous' });
  if (error.code === 'resource_not_found' && ctx !== undefined)
    for (const id of idsIn(request)) services.onNotFound?.(ctx, id);
  if (error.code === 'request_cancelled' || reply.raw.headersSent) {
    // There is nobody to tell, or something else was already told.
    reply.hijack();
    reply.raw.destroy();
    return;
  }
  cutUnreadBody(request);
  const mediaType = `${dialects[surfaceOf(request.url)].errors}; charset=utf-8`;
  reply
    .code(status)
    .headers(errorHeaders(error))
    .type(mediaType)
    .send(JSON.stringify(errorBody(error, request)));
}

/**
 * What still comes of a refused body is thrown away, so that the client gets to read why; who goes on sending is cut off.
 */
function cutUnreadBody({ raw }: FastifyRequest): void {
  if (raw.complete !== false) return;
  raw.resume();
  const cut = setTimeout(() => raw.complete || raw.socket.destroy(), lingerMs);
  raw.once('close', () => clearTimeout(cut));
}

/** The ids in the path. */
function idsIn(request: FastifyRequest): readonly string[] {
  return Object.values((request.params ?? {}) as Readonly<Record<string, string>>);
}

function logError(error: AppError, { log }: FastifyRequest): void {
  if (error.code === 'internal_error') log.error({ err: error.cause ?? error }, 'request failed');
  else if (error.definition.status >= 500) log.warn({ err: error }, 'request failed');
  else log.debug({ code: error.code, detail: error.message }, 'request refused');
}

const methods: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** Installs the handlers of errors and of requests that no route takes. */
export function installErrors(app: FastifyInstance, deps: ErrorDeps): void {
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply, deps));
  app.setNotFoundHandler((request, reply) => sendError(noRoute(app, request, reply), request, reply, deps));
  // Nobody needs the body of a request that no route takes; its content type must not decide what is answered.
  app.addHook('preParsing', async (request, reply) => {
    if (request.is404) throw noRoute(app, request, reply);
  });
}

function noRoute(app: FastifyInstance, { url }: FastifyRequest, reply: FastifyReply): AppError {
  const path = url.split('?', 1)[0] ?? '';
  const allowed = methods.filter((method) => app.findRoute({ method, url: path }) !== null);
  if (allowed.length === 0) return new AppError('route_not_found');
  reply.header('allow', allowed.join(', '));
  return new AppError('method_not_allowed');
}

/** Answers bytes that are not HTTP, or come too slowly or with too many headers, and closes the connection. */
export function answerConnectionError(thrown: Error, socket: Duplex, limits: NamedLimits): void {
  if (!socket.writable || (thrown as { code?: string }).code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const error = translateConnectionError(thrown, limits);
  const { status } = error.definition;
  const body = JSON.stringify(problemFrom(error, newId('request'), undefined));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
