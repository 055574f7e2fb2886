/**
 * The body of an answer: bytes as they come, decompressed, and cut off where they exceed what the caller takes.
 */

import { pipeline, type Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip } from 'node:zlib';
import { AppError } from '../errors.ts';
import { EgressRefusal, errorFromCall } from './refusals.ts';

/** What a caller gets. */
export interface EgressAnswer {
  readonly status: number;
  /** By lower-case name; cookies are left out, and so is what described the bytes before they were decompressed. */
  readonly headers: Readonly<Record<string, string>>;
  /** Where the answer came from, after redirects. */
  readonly url: string;
  /** The bytes, decompressed; can be read once, by one of these three. Left unread, the connection lasts until the time-out. */
  readonly body: AsyncIterable<Uint8Array>;
  /** The body as UTF-8. */
  text(): Promise<string>;
  /** The body as JSON. @throws {AppError} `egress_rejected` when it is none. */
  json(): Promise<unknown>;
}

/** What we ask for, and all that we decompress. */
export const encodingsAccepted = 'gzip, br';
/** Most bytes that a compressed byte may become; text reaches 20, a gzip bomb 1,000. */
const ratioMax = 100;
/** Below this size no ratio is suspicious. */
const ratioFloorBytes = 1024 * 1024;

/** An answer whose body has not been read. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly url: string;
  readonly body: Readable;
  readonly bytesMax: number;
  /** Turns what broke the body into what the caller shall see. */
  readonly translate: (error: unknown) => unknown;
  /** Called once, when nothing more will be read. */
  readonly end: () => void;
}

/** Makes what a caller gets. @throws {EgressRefusal} when the body is too large or compressed in an unknown way. */
export function answerFrom(raw: RawAnswer): EgressAnswer {
  const headers = plainHeaders(raw.headers);
  const decoder = decoderFor(headers['content-encoding']);
  if (decoder !== undefined) {
    delete headers['content-encoding'];
    delete headers['content-length'];
  } else if (Number(headers['content-length']) > raw.bytesMax) {
    throw new EgressRefusal('answer_bytes');
  }
  const body = bytesOf(raw, decoder);
  const text = async () => Buffer.concat(await Array.fromAsync(body)).toString('utf8');
  return {
    status: raw.status,
    headers,
    url: raw.url,
    body,
    text,
    async json() {
      const content = await text();
      try {
        return JSON.parse(content);
      } catch {
        throw new AppError('egress_rejected', { detail: 'Its answer is not JSON.' });
      }
    },
  };
}

async function* bytesOf(raw: RawAnswer, decoder: Decoder | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  const source: Readable = decoder === undefined ? raw.body : pipeline(raw.body, decoder, () => undefined);
  let bytes = 0;
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > raw.bytesMax) throw new EgressRefusal('answer_bytes');
      if (decoder !== undefined && bytes > ratioFloorBytes && bytes > ratioMax * decoder.bytesWritten) {
        throw new EgressRefusal('answer_ratio');
      }
      yield chunk;
    }
  } catch (error) {
    throw errorFromCall(raw.translate(error));
  } finally {
    raw.end();
  }
}

type Decoder = Transform & { readonly bytesWritten: number };

function decoderFor(encoding: string | undefined): Decoder | undefined {
  switch (encoding?.toLowerCase() ?? 'identity') {
    case 'identity':
    case '':
      return undefined;
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'br':
      return createBrotliDecompress();
    default:
      throw new EgressRefusal('answer_encoding');
  }
}

function plainHeaders(headers: RawAnswer['headers']): Record<string, string> {
  const entries = Object.entries(headers).filter(([name, value]) => value !== undefined && name !== 'set-cookie');
  return Object.fromEntries(entries.map(([name, value]) => [name, [value].flat().join(', ')]));
}
