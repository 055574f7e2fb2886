/** The client in the shape of the Fetch standard, for libraries that take a `fetch`. */

import type { EgressAnswer } from './answer.ts';
import type { EgressRequest } from './request.ts';

/** Statuses whose answers have no body. */
const bodiless = new Set([204, 205, 304]);

/** Makes a `fetch` of a client's `request`. */
export function createFetch(request: (url: string, request: EgressRequest) => Promise<EgressAnswer>): typeof fetch {
  return async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    // The standard's own reading of options and bodies, without the address, which the client must see as it was given.
    const options =
      input instanceof Request ? new Request(input, init) : new Request('https://placeholder.example', init);
    const answer = await request(url, {
      method: options.method,
      headers: Object.fromEntries(options.headers),
      body: options.body === null ? undefined : new Uint8Array(await options.arrayBuffer()),
      redirect: options.redirect,
      signal: options.signal,
    });
    const body = bodiless.has(answer.status) ? null : ReadableStream.from(answer.body);
    const response = new Response(body, { status: answer.status, headers: answer.headers });
    return Object.defineProperty(response, 'url', { value: answer.url });
  };
}
