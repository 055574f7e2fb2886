/** Signing in with an organisation: a browser goes to the identity provider of a tenant and comes back. */

import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { isAppError } from '../../errors.ts';
import { defineOperation } from '../operation.ts';
import { originOf, tokenPair, wireTokens } from '../schemas/tokens.ts';
import { names, secretOf } from '../schemas/wire.ts';

const tenantParams = z.object({ tenant: names(z.string().max(63), 'tenant.slug').describe('Slug of the tenant.') });
const needs = 'an identity provider';
/** As long as an attempt lasts. */
const cookieSeconds = 600;

/** The prefix binds the cookie to this very host and to HTTPS; a browser takes it on HTTPS only. */
function cookieName(isSecure: boolean): string {
  return isSecure ? '__Host-genai-sign-in' : 'genai-sign-in';
}

/** `Lax` lets it come along when the provider sends the browser back, and with nothing that another site posts or loads. */
function setCookie(reply: FastifyReply, isSecure: boolean, value: string): void {
  const age = value === '' ? 0 : cookieSeconds;
  const attributes = `Path=/; HttpOnly; SameSite=Lax; Max-Age=${age}${isSecure ? '; Secure' : ''}`;
  reply.header('set-cookie', `${cookieName(isSecure)}=${value}; ${attributes}`);
}

/** The one cookie of that name; two of them mean that somebody planted one. */
function cookieOf({ headers }: FastifyRequest, isSecure: boolean): string {
  const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim());
  const [value, ...others] = pairs.flatMap((pair) => {
    const name = `${cookieName(isSecure)}=`;
    return pair.startsWith(name) ? [pair.slice(name.length)] : [];
  });
  return others.length === 0 ? (value ?? '') : '';
}

/** A browser cannot read a JSON error, so the page tells what failed; the reason is for the log and the audit log. */
async function toPage(request: FastifyRequest, reply: FastifyReply, step: () => Promise<string>): Promise<void> {
  try {
    reply.header('location', await step());
  } catch (error) {
    if (!isAppError(error, 'login_failed') && !isAppError(error, 'dependency_unavailable')) throw error;
    request.log.info({ err: error }, 'a sign-in through an identity provider failed');
    const query = new URLSearchParams({ 'sign-in-error': error.code, request: request.id });
    reply.header('location', `/#${query}`);
  }
}

export const signInOperations = [
  defineOperation({
    method: 'GET',
    path: '/api/auth/oidc/{tenant}',
    operationId: 'beginSignIn',
    summary: 'Sign in with your organisation: go there with a browser.',
    description:
      'Sends the browser to the identity provider of the tenant. A tenant that has none, or does not exist, sends it to the page with `#sign-in-error=login_failed`.',
    tag: 'login',
    access: 'public',
    needs,
    params: tenantParams,
    success: { status: 302, description: 'To the identity provider, or back to the page.' },
    async handle({ services, params, request, reply }) {
      const { signIn } = services.identity;
      await toPage(request, reply, async () => {
        const { location, attempt } = await signIn.begin(params.tenant);
        setCookie(reply, signIn.isSecure, attempt);
        return location;
      });
    },
  }),

  defineOperation({
    method: 'GET',
    path: '/api/auth/oidc/{tenant}/callback',
    operationId: 'finishSignIn',
    summary: 'Where the identity provider sends the browser back to.',
    description:
      'Sends the browser to the page, with a one-time code after `#sign-in=` or the reason after `#sign-in-error=`.',
    tag: 'login',
    access: 'public',
    needs,
    params: tenantParams,
    query: z.looseObject({}),
    success: { status: 302, description: 'To the page.' },
    async handle({ services, params, request, reply }) {
      const { signIn } = services.identity;
      await toPage(request, reply, async () => {
        const { search } = new URL(request.url, 'http://unused');
        const attempt = cookieOf(request, signIn.isSecure);
        const code = await signIn.finish({ tenant: params.tenant, attempt, search, requestId: request.id });
        return `/#${new URLSearchParams({ 'sign-in': code })}`;
      });
    },
  }),

  defineOperation({
    method: 'POST',
    path: '/api/auth/oidc/exchange',
    operationId: 'exchangeSignIn',
    summary: 'Exchange the one-time code of a sign-in for tokens.',
    description: 'Works once, within a minute, and only in the browser that signed in.',
    tag: 'login',
    access: 'public',
    needs,
    // The code is given to a browser only, after a person signed in with it.
    refusals: ['login_failed'],
    body: z.strictObject({ code: secretOf(z.string().min(1).max(256), 'sign_in.code') }).meta({ id: 'SignInExchange' }),
    success: { status: 200, description: 'Signed in.', schema: tokenPair },
    errors: ['login_failed'],
    async handle({ services, body, request, reply }) {
      const { signIn } = services.identity;
      const attempt = cookieOf(request, signIn.isSecure);
      const { id: requestId } = request;
      const tokens = await signIn.exchange({ code: body.code, attempt, requestId, origin: originOf(request) });
      setCookie(reply, signIn.isSecure, '');
      return wireTokens(tokens);
    },
  }),
];
