/**
 * The dialects that the server speaks, told apart by path: our own API, the OpenAI wire on /v1, and SCIM on /scim.
 *
 * They differ in media types, in the shape of errors, and in what they make of parameters that they do not know.
 */

/** A dialect. */
export type Surface = 'api' | 'gateway' | 'scim';

/** How a dialect writes and reads. */
export interface Dialect {
  /** Media types of JSON bodies that come in; the first is the one to use. */
  readonly accepts: readonly string[];
  readonly answers: string;
  readonly errors: string;
}

export const dialects: Readonly<Record<Surface, Dialect>> = {
  api: { accepts: ['application/json'], answers: 'application/json', errors: 'application/problem+json' },
  gateway: { accepts: ['application/json'], answers: 'application/json', errors: 'application/json' },
  scim: {
    accepts: ['application/scim+json', 'application/json'],
    answers: 'application/scim+json',
    errors: 'application/scim+json',
  },
};

/** The dialect of a path or URL. Pages and health checks are of our own API. */
export function surfaceOf(url: string): Surface {
  if (/^\/v1(?:[/?]|$)/.test(url)) return 'gateway';
  return /^\/scim(?:[/?]|$)/.test(url) ? 'scim' : 'api';
}
