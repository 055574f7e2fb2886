/**
 * Secrets of connections that users configure: a client secret, the key of a webhook, the key of a model endpoint.
 *
 * A secret is kept together with the origin that it was given for, as one text, and comes out for that origin only. So
 * whoever may change the address of a connection, but never knew its secret, cannot have it sent to an address of
 * their own, even where an update forgets to look. Such texts hold secrets: stores seal them with vault/.
 */

declare const brand: unique symbol;

/** A secret with its origin, as text to be sealed. Only `secretFor` reads it. */
export type BoundSecret = string & { readonly [brand]: 'BoundSecret' };

/** What an update says of a connection. */
export interface ConnectionChange {
  /** The address that the connection has after the update, changed or not. */
  readonly url: string;
  /** A new secret, `null` to remove it, `undefined` where the update is silent about it. */
  readonly secret?: string | null | undefined;
}

/**
 * The secret that a connection has after an update: the one given; the stored one while the origin (scheme, host and
 * port) stays; otherwise none, so that it must be given again.
 * @throws {TypeError} when the URL is none; check it with the policy before.
 */
export function secretAfter(stored: BoundSecret | undefined, change: ConnectionChange): BoundSecret | undefined {
  const { url, secret = stored === undefined ? undefined : secretFor(stored, url) } = change;
  if (secret === undefined || secret === null) return undefined;
  return JSON.stringify({ origin: new URL(url).origin, secret }) as BoundSecret;
}

/** The secret, if it was given for the origin of this URL. @throws {TypeError} when the URL is none. */
export function secretFor(bound: BoundSecret, url: string): string | undefined {
  const { origin, secret } = JSON.parse(bound) as { origin: string; secret: string };
  return origin === new URL(url).origin && origin !== 'null' ? secret : undefined;
}

/** A text as `secretAfter` made it, opened from its seal again. @throws {Error} when it is another text. */
export function boundSecretFrom(opened: string): BoundSecret {
  const value: unknown = JSON.parse(opened);
  const { origin, secret } = (value ?? {}) as Record<string, unknown>;
  if (typeof origin !== 'string' || typeof secret !== 'string') throw new Error('This is not a bound secret.');
  return opened as BoundSecret;
}
