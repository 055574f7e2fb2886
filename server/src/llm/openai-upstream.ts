/**
 * The connection to one endpoint that speaks the OpenAI wire; the only file that sends anything to it.
 *
 * Promises: what is sent is sent unchanged; every failure is an AppError; a retryable failure is tried again as long as no
 * byte of the answer has arrived, and never after; an abort cuts the connection at once. Of the client's request only
 * the body, the request id and the trace context travel, of the endpoint's answer only the body and harmless headers: a client must see
 * neither our credential's rate limits nor the endpoint's cookies. Redirects are not followed.
 */

import { z } from 'zod';
import type { Logger } from '../context.ts';
import type { Dispatcher, Egress } from '../egress/index.ts';
import { AppError } from '../errors.ts';
import { traceHeaders } from '../telemetry/index.ts';
import { createRetry } from './retry.ts';
import { createSilenceWatch, type SilenceWatch } from './silence-watch.ts';
import { errorFromResponse, errorFromTransport, type WireHeaders } from './upstream-errors.ts';

/** Longest error body that is read; the rest of a longer one is dropped. */
const errorBytesMax = 65_536;
/** How long an answer that its reader has left may take to end by itself, so that the connection can be used again. */
const drainMsMax = 100;
/** Idle connections are closed before the 5 s after which node and uvicorn close theirs: no race, no needless retry. */
const keepAliveMs = 4000;
/** The headers of an answer that a client may see. */
const headersAllowed = ['content-type', 'openai-processing-ms', 'openai-version'] as const;

/** What an endpoint is and what we put up with. */
export interface OpenAiUpstreamOptions {
  /** For example `https://api.openai.com/v1`; without credentials, query or fragment. */
  readonly baseUrl: string;
  /** Opens the connections. The address stands in the operator's settings and may be private. */
  readonly egress: Pick<Egress, 'pool'>;
  /** Sent as a bearer credential; absent for endpoints that want none. */
  readonly apiKey?: string | undefined;
  readonly connectionsMax: number;
  /** Most requests that wait for a connection or a first byte at once; more are refused. Default 4 × connectionsMax. */
  readonly waitingMax?: number;
  readonly connectTimeoutMs: number;
  /** From sending until the first byte of the body has arrived, waiting for a connection included. */
  readonly firstByteTimeoutMs: number;
  /** Between two pieces of an answer. */
  readonly idleTimeoutMs: number;
  readonly responseBytesMax: number;
  /** How often a call is tried while nothing of its answer has arrived, the first time included. */
  readonly attemptsMax: number;
  /** Told how each attempt went, as far as it says how much the endpoint takes at once. */
  readonly onSign?: (sign: UpstreamSign) => void;
  /** Source of jitter, in [0, 1). */
  readonly random?: () => number;
}

/** What an attempt says of how busy the endpoint is. */
export type UpstreamSign =
  | { readonly kind: 'answered'; readonly firstByteMs: number }
  | { readonly kind: 'overloaded' };

/** How to send one request. */
export interface SendOptions {
  readonly signal: AbortSignal;
  readonly requestId: string;
  /** Whether the body asks for a stream. */
  readonly stream: boolean;
  readonly log: Logger;
  /** Called before each attempt, which waits for it and is not made when it rejects. */
  readonly beforeAttempt?: (() => Promise<void>) | undefined;
}

/** A successful answer, of which the first byte has arrived. */
export interface UpstreamResponse {
  readonly status: number;
  /** Only those that a client may see. */
  readonly headers: Readonly<Record<string, string>>;
  /** The id by which the endpoint's operator finds the request. */
  readonly upstreamRequestId: string | undefined;
  /**
   * The bytes as they come; can be read once. Throws AppError. Must be read, or the signal aborted: leaving the loop early
   * ends the call within 0.1 s.
   */
  readonly body: AsyncIterable<Uint8Array>;
}

/** A model as the endpoint lists it. */
export interface ModelEntry {
  readonly id: string;
  /** Seconds since the epoch; 0 where the endpoint does not say. */
  readonly created: number;
  readonly ownedBy: string;
}

/** The paths that take a JSON body, below the base address. */
export type UpstreamPath = '/chat/completions' | '/embeddings';

/** An endpoint with its connections. */
export interface OpenAiUpstream {
  /**
   * Posts a body. Text and bytes are sent as they are (they are JSON already); anything else is serialised. Resolves when
   * the first byte of a successful answer has arrived, so that everything before it could be retried.
   *
   * @throws {AppError} see upstream-errors.ts; `request_invalid` when the endpoint finds the body wrong.
   */
  send(path: UpstreamPath, body: unknown, options: SendOptions): Promise<UpstreamResponse>;

  /** Lists the models; not retried. @throws {AppError} as `send`. */
  listModels(signal: AbortSignal): Promise<readonly ModelEntry[]>;

  /** Cuts everything that is running and closes the connections; calling it again does nothing. */
  close(): Promise<void>;
}

const modelList = z.object({
  data: z.array(z.object({ id: z.string(), created: z.number().catch(0), owned_by: z.string().catch('unknown') })),
});

/**
 * Makes the connection pool of an endpoint; connects on first use.
 *
 * @throws {Error} when `baseUrl` is not an address that can be used.
 */
export function createOpenAiUpstream(options: OpenAiUpstreamOptions): OpenAiUpstream {
  const base = baseFrom(options.baseUrl);
  const { apiKey, connectionsMax, waitingMax = 4 * connectionsMax, firstByteTimeoutMs, idleTimeoutMs } = options;
  const retry = createRetry(options);
  const pool = options.egress.pool(base.origin, {
    chosenBy: 'operator',
    connections: connectionsMax,
    pipelining: 1,
    keepAliveTimeout: keepAliveMs,
    connectTimeoutMs: options.connectTimeoutMs,
    // The silence watch below keeps these times, to the millisecond and over retries of the parser.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxResponseSize: options.responseBytesMax,
  });
  let waiting = 0;

  async function exchange(request: Dispatcher.RequestOptions, signal: AbortSignal): Promise<UpstreamResponse> {
    if (waiting >= waitingMax) throw new AppError('upstream_unavailable', { detail: 'Too many requests wait for it.' });
    waiting += 1;
    const watch = createSilenceWatch(signal);
    watch.expect(firstByteTimeoutMs);
    const sentMs = performance.now();
    try {
      const response = await begin(await pool.request({ ...request, signal: watch.signal }), watch);
      options.onSign?.({ kind: 'answered', firstByteMs: performance.now() - sentMs });
      return response;
    } catch (error) {
      watch.end();
      if (watch.signal.aborted && !signal.aborted) options.onSign?.({ kind: 'overloaded' });
      throw errorFromTransport(watch.signal.aborted ? watch.signal.reason : error);
    } finally {
      waiting -= 1;
    }
  }

  /** Waits for the first byte, or reads what went wrong. */
  async function begin(response: Dispatcher.ResponseData, watch: SilenceWatch): Promise<UpstreamResponse> {
    const { statusCode: status, headers, body } = response;
    // A body that nobody reads any more may still break; whoever reads it hears of it through the iterator.
    body.on('error', () => undefined);
    const bytes = body.iterator({ destroyOnReturn: false });
    if (status < 200 || status > 299) {
      const text = await readAtMost(bytes, errorBytesMax);
      void leave(body, bytes);
      const error = errorFromResponse({ status, headers, body: parseJson(text), apiKey });
      // 529 stands in no standard; endpoints that have too much to do say it.
      if (status === 529 || error.code === 'upstream_rate_limited') options.onSign?.({ kind: 'overloaded' });
      throw error;
    }
    const first = await bytes.next();
    watch.rest();
    return {
      status,
      headers: headersFrom(headers),
      upstreamRequestId: headers['x-request-id']?.toString(),
      body: watched(first, bytes, body, watch, idleTimeoutMs),
    };
  }

  const headers = {
    'user-agent': 'genai-platform',
    'accept-encoding': 'identity',
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
  };

  return {
    async send(path, body, { signal, requestId, stream, log, beforeAttempt }) {
      const request: Dispatcher.RequestOptions = {
        method: 'POST',
        path: base.path + path,
        body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
        headers: {
          ...headers,
          'content-type': 'application/json',
          accept: stream ? 'text/event-stream' : 'application/json',
          'x-request-id': requestId,
          ...traceHeaders(),
        },
      };
      const attempt = async () => {
        await beforeAttempt?.();
        return exchange(request, signal);
      };
      return retry(attempt, { signal, log });
    },

    async listModels(signal) {
      const request: Dispatcher.RequestOptions = { method: 'GET', path: `${base.path}/models`, headers };
      const response = await exchange(request, signal);
      const text = await readAtMost(response.body, options.responseBytesMax);
      const parsed = modelList.safeParse(parseJson(text));
      if (!parsed.success) {
        throw new AppError('upstream_unavailable', { detail: 'Its list of models is malformed.', cause: parsed.error });
      }
      return parsed.data.data.map(({ id, created, owned_by: ownedBy }) => ({ id, created, ownedBy }));
    },

    close: () => pool.destroy(),
  };
}

type Body = Dispatcher.ResponseData['body'];
type Bytes = AsyncIterableIterator<Buffer>;

/** The bytes of an answer, each expected within the idle time-out while, and only while, somebody waits for it. */
async function* watched(
  first: IteratorResult<Buffer>,
  bytes: Bytes,
  body: Body,
  watch: SilenceWatch,
  idleTimeoutMs: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    let next = first;
    while (!next.done) {
      yield next.value;
      watch.expect(idleTimeoutMs);
      next = await bytes.next();
      watch.rest();
    }
  } catch (error) {
    throw errorFromTransport(watch.signal.aborted ? watch.signal.reason : error);
  } finally {
    watch.end();
    void leave(body, bytes);
  }
}

/** Gives an answer that is not read any more a moment to end, so that its connection survives; then cuts it. */
async function leave(body: Body, bytes: Bytes): Promise<void> {
  await bytes.return?.();
  if (body.closed) return;
  const timer = setTimeout(() => body.destroy(), drainMsMax);
  body.once('close', () => clearTimeout(timer)).resume();
}

function baseFrom(baseUrl: string): { readonly origin: string; readonly path: string } {
  const url = URL.parse(baseUrl);
  const isUsable = url !== null && /^https?:$/.test(url.protocol) && !url.username && !url.search && !url.hash;
  if (!isUsable) {
    throw new Error('The base address of a model endpoint must be http(s)://host/path without credentials or query.');
  }
  return { origin: url.origin, path: url.pathname.replace(/\/+$/, '') };
}

function headersFrom(headers: WireHeaders): Record<string, string> {
  const entries = headersAllowed.map((name) => [name, headers[name]] as const);
  return Object.fromEntries(
    entries.filter((entry): entry is [(typeof headersAllowed)[number], string] => typeof entry[1] === 'string'),
  );
}

async function readAtMost(bytes: AsyncIterable<Uint8Array>, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of bytes) {
    chunks.push(chunk.subarray(0, bytesMax - length));
    length += chunk.length;
    if (length >= bytesMax) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
