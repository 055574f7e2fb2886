/**
 * The one way out of the command line: over HTTP, to the server that its user named.
 *
 * It does not go through egress/, whose policy is for addresses that somebody else chose: a server on the loopback address is
 * what most users name. What that server answers leads nowhere, for redirects are not followed.
 */

/** Sends a request, as `fetch` does, and follows no redirect. */
export const outbound: typeof fetch = (target, init) => fetch(target, { ...init, redirect: 'manual' });
