/**
 * Translates what goes wrong at a model endpoint into the error table, once, here.
 *
 * The detail that a client sees never holds a credential and of the endpoint's own words only a short, cleaned message:
 * endpoints do echo keys, prompts and internal addresses in their errors.
 */

import { AppError, type FieldError, isAppError } from '../errors.ts';

/** Longest part of an endpoint's own message that is shown to a client, in characters. */
const messageLengthMax = 300;
/** Longest wait that an endpoint may ask for. */
const retryAfterMsMax = 3_600_000;

/** The error object of the OpenAI wire, of which endpoints fill in what they like. */
interface WireError {
  readonly message: string;
  readonly code: string;
  readonly type: string;
  readonly param: string | undefined;
}

/** Response headers by lower-case name, as undici gives them. */
export type WireHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** What `errorFromResponse` needs to know. */
export interface FailedResponse {
  readonly status: number;
  readonly headers: WireHeaders;
  /** The parsed body; `undefined` when it is not JSON, so that no page of a proxy in between is ever quoted. */
  readonly body: unknown;
  /** Removed from any text that is passed on. */
  readonly apiKey: string | undefined;
}

/** The error for an answer whose status is not 2xx. */
export function errorFromResponse(response: FailedResponse, now: () => number = Date.now): AppError {
  const { status, headers, body, apiKey } = response;
  const error = wireErrorFrom(body);
  const said = cleanMessage(error.message, apiKey);
  const cause = new Error(`HTTP ${status} ${error.type} ${error.code}: ${said}`);
  if (status === 401) return new AppError('upstream_rejected', { detail: 'It refused our credential.', cause });
  if (isContextLength(error)) return new AppError('context_length_exceeded', { detail: said, cause });
  if (isModelMissing(status, error)) return new AppError('model_not_found', { detail: said, cause });
  if (status === 403) return new AppError('upstream_rejected', { detail: 'It denied us access (HTTP 403).', cause });
  if (status === 429) {
    if (error.code === 'insufficient_quota' || error.type === 'insufficient_quota') {
      return new AppError('upstream_rejected', { detail: 'Our account there has no quota left.', cause });
    }
    return new AppError('upstream_rate_limited', { ...waitFrom(headers, now), cause });
  }
  if (status >= 500 || status === 408 || status === 409) {
    return new AppError('upstream_unavailable', {
      detail: `It answered HTTP ${status}.`,
      ...waitFrom(headers, now),
      cause,
    });
  }
  if (status === 400 || status === 422) {
    return new AppError('request_invalid', {
      detail: `The model endpoint says: ${said}`,
      ...fieldsFrom(error, said),
      cause,
    });
  }
  const hint = status === 404 ? ' Its base address may be wrong.' : '';
  return new AppError('upstream_rejected', { detail: `It answered HTTP ${status}.${hint}`, cause });
}

/**
 * The error for an error object inside an answer that began well. Nothing of it is quoted: what an endpoint says this
 * late may hold parts of the prompt.
 */
export function errorFromInband(body: unknown): AppError {
  const error = wireErrorFrom(body);
  const cause = new Error(`in-band error ${cleanMessage(`${error.type} ${error.code}`, undefined)}`);
  if (isContextLength(error)) return new AppError('context_length_exceeded', { cause });
  if (error.code === '429' || /rate_limit|too_many_requests/.test(`${error.code} ${error.type}`)) {
    return new AppError('upstream_rate_limited', { cause });
  }
  const isRefusal = /^4\d\d$/.test(error.code) || error.type === 'invalid_request_error';
  const detail = 'It broke off its answer with an error.';
  return new AppError(isRefusal ? 'upstream_rejected' : 'upstream_unavailable', { detail, cause });
}

/** The error for a connection that could not be made, was cut or fell silent; an AppError of the call stays what it is. */
export function errorFromTransport(error: unknown): AppError {
  if (isAppError(error, 'egress_denied')) {
    return new AppError('upstream_rejected', { detail: 'Its address is one that is never called.', cause: error });
  }
  if (isAppError(error)) return error;
  const code = (error as { code?: unknown } | null)?.code;
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
    return new AppError('upstream_rejected', { detail: 'Its answer is longer than allowed.', cause: error });
  }
  return new AppError('upstream_unavailable', { detail: transportDetail(code), cause: error });
}

function transportDetail(code: unknown): string {
  switch (code) {
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'ETIMEDOUT':
      return 'Connecting to it took too long.';
    case 'ECONNREFUSED':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'It cannot be reached.';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'Its host name cannot be resolved.';
    default:
      return 'The connection to it broke.';
  }
}

function wireErrorFrom(body: unknown): WireError {
  const outer = isObject(body) ? body : {};
  // Some endpoints put the message itself under `error`, some leave `error` out.
  const inner = isObject(outer.error) ? outer.error : { message: outer.error, ...outer };
  const { message, code, type, param } = inner as Record<string, unknown>;
  return {
    message: typeof message === 'string' ? message : '',
    code: typeof code === 'string' || typeof code === 'number' ? String(code) : '',
    type: typeof type === 'string' ? type : '',
    param: typeof param === 'string' ? param : undefined,
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** OpenAI and Azure name it by code, llama.cpp by type; vLLM and Mistral only say so. */
function isContextLength({ code, type, message }: WireError): boolean {
  if (code === 'context_length_exceeded' || type === 'exceed_context_size_error') return true;
  return /maximum context length|context (length|size|window) (is )?exceed|exceeds? the (available )?context/i.test(
    message,
  );
}

/** A 404 may also mean a wrong base address; only one that speaks of a model is about the model. */
function isModelMissing(status: number, { code, message }: WireError): boolean {
  return code === 'model_not_found' || (status === 404 && /model/i.test(message));
}

/** The parameter that the endpoint complains about (`messages[0].content`) as a pointer into the body. */
function fieldsFrom({ param }: WireError, message: string): { readonly errors?: readonly FieldError[] } {
  if (param === undefined || !/^[\w.[\]-]{1,200}$/.test(param)) return {};
  const pointer = `/${param
    .replaceAll(/\[(\d+)\]/g, '.$1')
    .split('.')
    .filter(Boolean)
    .join('/')}`;
  return { errors: [{ location: 'body', pointer, message }] };
}

/** One line without control characters, credentials and addresses, cut to a length that helps and cannot flood. */
function cleanMessage(message: string, apiKey: string | undefined): string {
  const withoutKey = apiKey ? message.replaceAll(apiKey, '[credential]') : message;
  const line = withoutKey
    .replaceAll(/\b(Bearer|Basic)\s+\S+/gi, '[credential]')
    .replaceAll(/\b(sk|pk|key)-[\w*.-]{4,}/gi, '[credential]')
    .replaceAll(/\bhttps?:\/\/\S+/gi, '[address]')
    .replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim();
  if (line === '') return 'It gave no reason.';
  return line.length > messageLengthMax ? `${line.slice(0, messageLengthMax)}…` : line;
}

/** How long the endpoint asks us to wait, as a part of the error's options; empty when it does not say. */
function waitFrom(headers: WireHeaders, now: () => number): { readonly retryAfterMs?: number } {
  const waitMs = millisecondsFrom(headers['retry-after-ms'], 1) ?? retryAfterFrom(headers, now) ?? resetFrom(headers);
  if (waitMs === undefined) return {};
  return { retryAfterMs: Math.ceil(Math.min(Math.max(waitMs, 0), retryAfterMsMax)) };
}

function millisecondsFrom(value: string | string[] | undefined, unitMs: number): number | undefined {
  return typeof value === 'string' && /^\d+(\.\d+)?$/.test(value.trim()) ? Number(value) * unitMs : undefined;
}

/** `retry-after` is a number of seconds or an HTTP date. */
function retryAfterFrom(headers: WireHeaders, now: () => number): number | undefined {
  const value = headers['retry-after'];
  const seconds = millisecondsFrom(value, 1000);
  if (seconds !== undefined || typeof value !== 'string' || !value.endsWith(' GMT')) return seconds;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? undefined : atMs - now();
}

/** OpenAI's `x-ratelimit-reset-*`, durations such as `1m30s` or `12ms`; of the exhausted limit if one says it is. */
function resetFrom(headers: WireHeaders): number | undefined {
  const kinds = ['requests', 'tokens'].map((kind) => ({
    isExhausted: headers[`x-ratelimit-remaining-${kind}`] === '0',
    resetMs: durationFrom(headers[`x-ratelimit-reset-${kind}`]),
  }));
  const exhausted = kinds.filter((kind) => kind.isExhausted);
  const resets = (exhausted.length > 0 ? exhausted : kinds).flatMap(({ resetMs }) => resetMs ?? []);
  return resets.length > 0 ? Math.max(...resets) : undefined;
}

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

function durationFrom(value: string | string[] | undefined): number | undefined {
  const seconds = millisecondsFrom(value, 1000);
  if (seconds !== undefined || typeof value !== 'string') return seconds;
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(value)) return undefined;
  const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (unitsMs[unit ?? ''] ?? 0), 0);
}
