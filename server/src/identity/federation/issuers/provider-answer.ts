/** What is said to a provider and what it answers, in the words of openid-client; none of them leave this file. */

import {
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type Configuration,
  calculatePKCECodeChallenge,
  fetchUserInfo,
} from 'openid-client';
import { AppError, isAppError } from '../../../errors.ts';
import { loginFailed } from '../../refusals.ts';
import type { Attempt } from '../attempts.ts';
import type { Claims } from '../mapping.ts';
import type { Provider } from '../stored-provider.ts';
import type { Issuers } from './issuers.ts';

/** Somebody whom a provider vouches for. */
export interface Vouched {
  readonly subject: string;
  /** Of the ID token; of the userinfo answer what the ID token does not say. */
  readonly claims: Claims;
}

/** ID tokens name no type, or the general one. */
const idTokenTypes = [undefined, 'jwt'] as const;

/** How much of a provider's own error code is kept for the log. */
const saidLengthMax = 100;

/** Where the browser is sent. @throws {AppError} dependency_unavailable. */
export async function authorizationAddress(
  configuration: Configuration,
  provider: Provider,
  { state, nonce, verifier }: Attempt,
  redirectUri: string,
): Promise<string> {
  const { authorization_endpoint: endpoint } = configuration.serverMetadata();
  const isFit = endpoint !== undefined && URL.canParse(endpoint) && isAsSafe(endpoint, provider.issuer);
  if (!isFit) throw new AppError('dependency_unavailable', { detail: 'The identity provider names no fit address.' });
  return buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    scope: provider.scopes.join(' '),
    state,
    nonce,
    code_challenge: await calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }).href;
}

/**
 * Exchanges the code that the browser brought back.
 * @param address where the browser came back to, with all that the provider appended.
 * @throws {AppError} login_failed for an answer that is not good, dependency_unavailable when there was none.
 */
export async function vouchedFor(
  configuration: Configuration,
  { provider, issuers, nowMs }: { readonly provider: Provider; readonly issuers: Issuers; readonly nowMs: number },
  { state, nonce, verifier }: Attempt,
  address: URL,
): Promise<Vouched> {
  try {
    const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true };
    const tokens = await authorizationCodeGrant(configuration, address, checks);
    const { clientId: audience, algorithms } = provider;
    const expected = { audience, algorithms, types: idTokenTypes, nowMs };
    // The library takes TLS for proof of origin; the signature is proof that does not depend on the way.
    const verdict = await issuers.verify(provider, tokens.id_token ?? '', expected);
    if ('refused' in verdict) throw loginFailed(`The ID token is ${verdict.refused}.`);
    const { sub: subject, ...claims } = verdict.payload;
    if (subject === undefined) throw loginFailed('The ID token names nobody.');
    const hasUserInfo = configuration.serverMetadata().userinfo_endpoint !== undefined;
    const info = hasUserInfo ? await fetchUserInfo(configuration, tokens.access_token, subject) : {};
    return { subject, claims: { ...info, ...claims } };
  } catch (error) {
    throw translated(error);
  }
}

/** What the library throws, in words of ours; a failure on the way to the provider lies in the cause. */
function translated(error: unknown): unknown {
  if (isAppError(error) || !(error instanceof Error)) return error;
  const isTimeout = 'code' in error && error.code === 'OAUTH_TIMEOUT';
  if (isTimeout)
    return new AppError('dependency_unavailable', { detail: 'The identity provider is slow.', cause: error });
  if (isAppError(error.cause)) return error.cause;
  const said = 'error' in error && typeof error.error === 'string' ? ` (${error.error.slice(0, saidLengthMax)})` : '';
  return loginFailed(`${error.message}${said}`);
}

/** Plain HTTP only for an issuer that is itself on it, which is for trying things out. */
function isAsSafe(endpoint: string, issuer: string): boolean {
  const { protocol } = new URL(endpoint);
  return protocol === 'https:' || (protocol === 'http:' && issuer.startsWith('http:'));
}
