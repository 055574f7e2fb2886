/** The tokens of a session as the wire shows them. */

import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { secretOf } from './wire.ts';

/** What every way of signing in answers. */
export const tokenPair = z
  .object({
    access_token: secretOf(z.string(), 'session.access_token').describe('Send it as `Authorization: Bearer`.'),
    token_type: z.literal('Bearer'),
    expires_in: z.int().describe('Seconds until the access token expires.'),
    refresh_token: secretOf(z.string(), 'session.refresh_token').describe(
      'Works once; refreshing returns the next one.',
    ),
  })
  .meta({ id: 'TokenPair' });

/** Tokens in the form of the wire. */
export function wireTokens(pair: {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
  readonly refreshToken: string;
}) {
  const { accessToken, expiresInSeconds, refreshToken } = pair;
  return {
    access_token: accessToken,
    token_type: 'Bearer' as const,
    expires_in: expiresInSeconds,
    refresh_token: refreshToken,
  };
}

/** Where a request comes from, for the list of sessions. */
export function originOf({ ip, headers }: FastifyRequest) {
  return { address: ip, userAgent: headers['user-agent'] };
}
