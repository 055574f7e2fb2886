/** Headers that bind browsers and caches: on every answer, set before anything can go wrong. */

import type { FastifyInstance, FastifyReply } from 'fastify';
import { operationOf } from '../request-state.ts';

/** Nothing may be loaded, run, framed or submitted: right for JSON. */
const contentPolicyStrict = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** For pages of our own: only what this server serves, no inline script or style. */
const contentPolicyPage = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** Two years, the least that browsers' preload lists accept being one. */
const strictTransport = 'max-age=63072000; includeSubDomains';

/** Headers of every answer that is not a page. */
export const securityHeaders = {
  'content-security-policy': contentPolicyStrict,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
};

/** Installs the hook. */
export function installSecurityHeaders(
  app: FastifyInstance,
  { isProduction }: { readonly isProduction: boolean },
): void {
  const always = { ...securityHeaders, ...(isProduction ? { 'strict-transport-security': strictTransport } : {}) };
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(always);
    // Answers differ by who asks, so no cache may share them; health tells everyone the same, but only now.
    const isSame = operationOf(request)?.monitoring !== undefined;
    reply.headers(
      isSame ? { 'cache-control': 'no-store' } : { 'cache-control': 'private, no-store', vary: 'Authorization' },
    );
    done();
  });
}

/** Marks an answer as a page or a part of one, the same for everybody; browsers ask each time whether it changed. */
export function asPage(reply: FastifyReply): FastifyReply {
  return reply
    .removeHeader('vary')
    .headers({ 'content-security-policy': contentPolicyPage, 'cache-control': 'no-cache' });
}
