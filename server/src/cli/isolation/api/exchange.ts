/**
 * Requests as they go over the wire, and whole answers as they come back.
 *
 * Nothing is followed, retried or interpreted, but for one thing: where the server says that it is asked too often, the
 * same request is sent again after the time that it names.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { CommandError } from '../../failures.ts';
import { outbound } from '../../outbound.ts';
import type { Operation } from './description.ts';
import type { Input } from './places.ts';

/** A file in a form. */
export interface FormFile {
  readonly file: { readonly name: string; readonly text: string };
}

/** A request before it is sent. */
export interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | FormData | undefined;
  /** All that it tells the server, to be looked for nowhere. */
  readonly told: string;
}

/** A whole answer; of a stream, all of its events. */
export interface Answer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly text: string;
}

/** Sends requests to one server. */
export interface Wire {
  readonly send: (request: Request) => Promise<Answer>;
  readonly sent: () => number;
  /** Milliseconds spent waiting because the server said so. */
  readonly waitedMs: () => number;
}

/** A longer wait is not worth it: it is an answer like any other. */
const waitMsMax = 65_000;
const answerBytesMax = 8 * 2 ** 20;

/** What sending needs. */
export interface WireOptions {
  readonly url: string;
  /** For one answer. */
  readonly timeoutMs: number;
  /** Ends everything. */
  readonly signal: AbortSignal;
}

/** Makes the sender. */
export function createWire({ url, timeoutMs, signal }: WireOptions): Wire {
  const base = url.replace(/\/+$/, '');
  let [sent, waitedMs] = [0, 0];

  async function once({ method, path, headers, body }: Request): Promise<Answer> {
    sent += 1;
    const response = await outbound(`${base}${path}`, {
      ...{ method, headers: { 'user-agent': 'genai-isolation', ...headers }, body: body ?? null },
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    return { status: response.status, headers: [...response.headers], text: await wholeText(response) };
  }

  return {
    sent: () => sent,
    waitedMs: () => waitedMs,
    async send(request) {
      for (;;) {
        const answer = await once(request).catch((error: unknown) => {
          if (signal.aborted) throw signal.reason;
          throw unreachable(error, base, timeoutMs);
        });
        const waitMs = answer.status === 429 ? waitOf(answer) : undefined;
        if (waitMs === undefined || waitMs > waitMsMax) return answer;
        waitedMs += waitMs;
        await delay(waitMs, undefined, { signal });
      }
    },
  };
}

async function wholeText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > answerBytesMax) throw new CommandError('server', `An answer has more than ${answerBytesMax} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size).toString('utf8');
}

function waitOf(answer: Answer): number | undefined {
  const header = (name: string) => answer.headers.find(([key]) => key === name)?.[1];
  const waits = [Number(header('retry-after-ms') ?? Number.NaN), Number(header('retry-after') ?? Number.NaN) * 1000];
  return waits.find((wait) => Number.isFinite(wait));
}

function unreachable(error: unknown, url: string, timeoutMs: number): unknown {
  if (error instanceof DOMException && error.name === 'TimeoutError')
    return new CommandError('timeout', `${url} did not answer within ${timeoutMs} ms.`, { cause: error });
  if (!(error instanceof TypeError)) return error;
  const why = error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
  return new CommandError('unreachable', `Nobody answers at ${url}: ${why}.`, { cause: error });
}

/** The value of a header that an answer has. */
export function headerOf({ headers }: Answer, name: string): string | undefined {
  return headers.find(([key]) => key === name)?.[1];
}

/** The JSON of an answer; `undefined` when it is none. */
export function jsonOf({ text }: Answer): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Makes a request of an input and the headers of a credential. */
export function requestFrom(operation: Operation, input: Input, credential: Readonly<Record<string, string>>): Request {
  const { method, bodyMediaType } = operation;
  const filled = operation.path.replaceAll(/\{([^}]+)\}/g, (_, name: string) =>
    encodeURIComponent(input.path[name] ?? ''),
  );
  const query = formOf(Object.entries(input.query));
  const body = bodyMediaType === undefined || input.body === undefined ? undefined : bodyOf(bodyMediaType, input.body);
  const contentType = typeof body === 'string' ? { 'content-type': bodyMediaType ?? '' } : {};
  return {
    method,
    path: query === '' ? filled : `${filled}?${query}`,
    headers: { ...contentType, ...input.header, ...credential },
    body,
    told: JSON.stringify([input, credential]),
  };
}

function formOf(fields: readonly (readonly [string, unknown])[]): string {
  return new URLSearchParams(fields.map(([name, value]): [string, string] => [name, String(value)])).toString();
}

function bodyOf(mediaType: string, body: unknown): string | FormData {
  if (mediaType.endsWith('json')) return JSON.stringify(body);
  const fields = Object.entries(body as object) as [string, unknown][];
  if (mediaType === 'application/x-www-form-urlencoded') return formOf(fields);
  const form = new FormData();
  for (const [name, value] of fields) {
    const { file } = (typeof value === 'object' && value !== null ? value : {}) as Partial<FormFile>;
    if (file === undefined) form.append(name, String(value));
    else form.append(name, new Blob([file.text], { type: 'text/plain' }), file.name);
  }
  return form;
}
