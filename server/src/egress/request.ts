/**
 * What is sent on each hop of a call: the method, the headers that may travel that far, and the body.
 */

import { EgressRefusal } from './refusals.ts';

/** How to call. */
export interface EgressRequest {
  /** GET by default. */
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | Uint8Array | undefined;
  /** Ends the call. */
  readonly signal: AbortSignal;
  /** For everything from the look-up to the last byte; EGRESS_TIMEOUT_MS by default, and at most. */
  readonly timeoutMs?: number | undefined;
  /** Longest body that is taken, decompressed; EGRESS_RESPONSE_BYTES_MAX by default, and at most. */
  readonly bytesMax?: number | undefined;
  /** Whether redirects are followed, given to the caller as they are, or refused. `follow` by default. */
  readonly redirect?: 'follow' | 'manual' | 'error' | undefined;
}

/** One request of a call; a call has one more for each redirect. */
export interface Hop {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']);

/** Set by the connection alone; who could set them could smuggle a second request, or ask for another host's site. */
const connectionHeaders =
  /^(host|connection|content-length|transfer-encoding|upgrade|expect|te|trailer|keep-alive|proxy-.*|accept-encoding)$/;

/** Headers that hold nothing worth stealing. All others stay behind when a redirect leads to another origin. */
const harmlessHeaders = new Set(['accept', 'accept-language', 'content-type', 'user-agent']);

/** The first request of a call. @throws {EgressRefusal} for a method or header that nobody may send. */
export function firstHop(url: URL, { method = 'GET', headers = {}, body }: EgressRequest): Hop {
  const upper = method.toUpperCase();
  if (!methods.has(upper)) throw new EgressRefusal('method');
  const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  for (const [name, value] of lower) {
    const isToken = /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name);
    if (!isToken || connectionHeaders.test(name) || /[^\t\x20-\x7e\x80-\xff]/.test(value)) {
      throw new EgressRefusal('header');
    }
  }
  return { url, method: upper, headers: { 'user-agent': 'genai-platform', ...Object.fromEntries(lower) }, body };
}

/** Where an answer redirects to, not yet checked; `undefined` when it does not. @throws {EgressRefusal} */
export function redirectFrom({ url }: Hop, status: number, location: string | string[] | undefined): URL | undefined {
  if (![301, 302, 303, 307, 308].includes(status)) return undefined;
  const isReadable = typeof location === 'string' && location !== '' && !/[\p{Cc}\s\\]/u.test(location);
  const next = isReadable ? URL.parse(location, url.href) : null;
  if (next === null) throw new EgressRefusal('redirect_location');
  if (url.protocol === 'https:' && next.protocol === 'http:') throw new EgressRefusal('redirect_downgrade');
  return next;
}

/** The request that follows a redirect, as browsers make it (Fetch standard, HTTP-redirect fetch). @throws {EgressRefusal} */
export function nextHop(hop: Hop, status: number, url: URL): Hop {
  const becomesGet =
    (status === 303 && hop.method !== 'HEAD') || ((status === 301 || status === 302) && hop.method === 'POST');
  const isSameOrigin = hop.url.origin === url.origin;
  const body = becomesGet ? undefined : hop.body;
  if (body !== undefined && !isSameOrigin) throw new EgressRefusal('redirect_body');
  const headers = Object.entries(hop.headers).filter(
    ([name]) => (isSameOrigin || harmlessHeaders.has(name)) && !(becomesGet && name.startsWith('content-')),
  );
  return { url, method: becomesGet ? 'GET' : hop.method, headers: Object.fromEntries(headers), body };
}
