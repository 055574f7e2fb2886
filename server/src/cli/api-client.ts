/**
 * The API as commands call it: the public one, over HTTP, with one credential.
 *
 * Every call ends within a time limit. Redirects are not followed: the credential goes where the user said and nowhere else.
 */

import { EventSourceParserStream } from 'eventsource-parser/stream';
import type { Connection } from './connection.ts';
import { ApiError, CommandError, type Problem } from './failures.ts';
import { outbound } from './outbound.ts';

/** What a request carries. */
export interface ApiRequest {
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** A form as it is, anything else as JSON. */
  readonly body?: unknown;
}

/** A page of a list, as the server sends it. */
export interface Page<T> {
  readonly data: readonly T[];
  readonly next_cursor: string | null;
}

/** One event of a stream. */
export interface ApiEvent {
  readonly event: string;
  readonly data: unknown;
}

/** The API of one server for one credential. Every function throws {ApiError} for an error answer. */
export interface Api {
  readonly connection: Connection;
  /** The JSON of the answer; `undefined` where it has no body. */
  readonly request: <T>(method: string, path: string, request?: ApiRequest) => Promise<T>;
  /** A list, page after page, until it ends or has `limit` items; `next_cursor` tells whether it goes on. */
  readonly list: <T>(path: string, limit: number, query?: ApiRequest['query']) => Promise<Page<T>>;
  /** The events of an answer, as they come. */
  readonly events: (path: string, body: unknown) => AsyncGenerator<ApiEvent>;
}

/** Most items that the server gives at once. */
const pageItemsMax = 200;

/**
 * Makes the API.
 * @param timeoutMs for an answer, or its next part.
 */
export function createApi(connection: Connection, timeoutMs: number): Api {
  /** What the HTTP client throws, in words of ours. */
  function translated(error: unknown): unknown {
    const { name, cause, message } = error instanceof Error ? error : { name: '', cause: undefined, message: '' };
    if (name === 'TimeoutError') {
      const fix = 'Try again, or raise GENAI_TIMEOUT_MS.';
      return new CommandError('timeout', `${connection.url} sent nothing for ${timeoutMs} ms.`, { fix, cause: error });
    }
    // Its own defects are other errors; this one stands for whatever happened on the network.
    if (!(error instanceof TypeError)) return error;
    const why = cause instanceof Error && cause.message !== '' ? cause.message : message;
    const fix = 'Check that the server runs and that the address is right.';
    return new CommandError('unreachable', `Nobody answers at ${connection.url}: ${why}.`, { fix, cause: error });
  }

  async function send(method: string, path: string, { query = {}, body }: ApiRequest, signal: AbortSignal) {
    const url = new URL(`${connection.url.replace(/\/+$/, '')}${path}`);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    const isJson = body !== undefined && !(body instanceof FormData);
    const response = await outbound(url, {
      method,
      headers: {
        ...(connection.key === undefined ? {} : { authorization: `Bearer ${connection.key}` }),
        'user-agent': 'genai-cli',
        ...(isJson ? { 'content-type': 'application/json' } : {}),
      },
      body: isJson ? JSON.stringify(body) : ((body as FormData | undefined) ?? null),
      signal,
    });
    if (!response.ok) throw await errorFrom(response);
    return response;
  }

  async function request<T>(method: string, path: string, options: ApiRequest = {}): Promise<T> {
    try {
      const response = await send(method, path, options, AbortSignal.timeout(timeoutMs));
      const text = await response.text();
      return (text === '' ? undefined : parsed(text, connection.url)) as T;
    } catch (error) {
      throw translated(error);
    }
  }

  return {
    connection,
    request,

    async list<T>(path: string, limit: number, query: ApiRequest['query'] = {}) {
      const data: T[] = [];
      let cursor: string | undefined;
      for (;;) {
        const asked = { ...query, limit: Math.min(limit - data.length, pageItemsMax), cursor };
        const page = await request<Page<T>>('GET', path, { query: asked });
        data.push(...page.data);
        if (page.next_cursor === null || data.length >= limit) return { data, next_cursor: page.next_cursor };
        cursor = page.next_cursor;
      }
    },

    async *events(path, body) {
      const silence = silenceLimit(timeoutMs);
      try {
        const response = await send('POST', path, { body }, silence.signal);
        if (response.body === null) return;
        const text = response.body.pipeThrough(new TextDecoderStream());
        for await (const { event, data } of text.pipeThrough(new EventSourceParserStream())) {
          silence.restart();
          yield { event: event ?? 'message', data: parsed(data, connection.url) };
        }
      } catch (error) {
        throw translated(error);
      } finally {
        silence.end();
      }
    },
  };
}

/** A signal that aborts as a time-out when it was not restarted for `timeoutMs`. */
function silenceLimit(timeoutMs: number) {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort(new DOMException('silence', 'TimeoutError'));
  }, timeoutMs);
  return { signal: controller.signal, restart: () => timer.refresh(), end: () => clearTimeout(timer) };
}

function parsed(text: string, url: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CommandError('server', `${url} answered with something that is not JSON. Is it a genai server?`, {
      cause: error,
    });
  }
}

/** The error of an answer. What is not ours, of a proxy say, is told by its status. */
async function errorFrom(response: Response): Promise<Error> {
  const { status, headers, url } = response;
  const text = await response.text();
  if (status >= 300 && status < 400) {
    const target = headers.get('location') ?? 'another address';
    return new CommandError('usage', `${url} redirects to ${target}.`, {
      fix: 'Name the final address with GENAI_URL.',
    });
  }
  const waitMs = Number(headers.get('retry-after-ms') ?? Number.NaN);
  const waitSeconds = Number(headers.get('retry-after') ?? Number.NaN);
  const retryAfterMs = [waitMs, waitSeconds * 1000].find((wait) => Number.isFinite(wait));
  return new ApiError(
    problemFrom(text) ?? { status, code: `http_${status}`, title: `${url} answered ${status}.` },
    retryAfterMs,
  );
}

function problemFrom(text: string): Problem | undefined {
  try {
    const body = JSON.parse(text) as Partial<Problem> | null;
    const isProblem =
      typeof body?.status === 'number' && typeof body.code === 'string' && typeof body.title === 'string';
    return isProblem ? (body as Problem) : undefined;
  } catch {
    return undefined;
  }
}

/** The error that an `error` event of a stream tells of. */
export function errorFromEvent(data: unknown): ApiError {
  const problem = problemFrom(JSON.stringify(data ?? null));
  return new ApiError(problem ?? { status: 502, code: 'stream_broken', title: 'The answer broke off.' });
}
