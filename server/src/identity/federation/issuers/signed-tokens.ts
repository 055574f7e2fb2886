/**
 * JWTs that an identity provider signed: the one place that decides whether such a token is genuine.
 *
 * The header may name a key and an algorithm, and both only choose among what was settled before: the algorithms that the
 * tenant's admin allowed, which are of one kind of key, and the keys that the issuer publishes where its discovery says.
 * Anything else in the header is refused, above all what would bring a key along (jwk, jku, x5c, x5u).
 */

import {
  type createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  type JWTPayload,
  errors as joseErrors,
  jwtVerify,
} from 'jose';

/** Signature algorithms that a provider may use. */
export const signatureAlgorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const;
export type SignatureAlgorithm = (typeof signatureAlgorithms)[number];

/** Finds the key of a header among the published ones. */
export type PublishedKeys = ReturnType<typeof createLocalJWKSet>;

/** What an algorithm needs for a key: algorithms of one list need the same. */
export function keyTypeOf(algorithm: SignatureAlgorithm): 'RSA' | 'EC' | 'OKP' {
  if (algorithm === 'ES256') return 'EC';
  return algorithm === 'EdDSA' ? 'OKP' : 'RSA';
}

/** What a token must say. */
export interface TokenExpectations {
  readonly issuer: string;
  readonly audience: string;
  readonly algorithms: readonly SignatureAlgorithm[];
  /** Types of the header, lower case; `undefined` allows a header without one. */
  readonly types: readonly (string | undefined)[];
  readonly nowMs: number;
}

/** How far the clocks of two servers may differ. */
const clockSkewSecondsMax = 60;
/** Longer tokens are refused unread. */
export const tokenLengthMax = 8192;
const headerNames: ReadonlySet<string> = new Set(['alg', 'kid', 'typ', 'x5t', 'x5t#S256']);
const keyIdLengthMax = 256;

/** Why a token was refused; `unknown_key` may be mended by asking the issuer for its keys anew. */
export type TokenVerdict =
  | { readonly payload: JWTPayload }
  | { readonly refused: 'unknown_key' | 'malformed' | 'not_genuine' };

/** Whether a token claims to be signed with a key pair, as those of providers are and ours never. */
export function isSignedByKeyPair(token: string): boolean {
  try {
    const { alg } = decodeProtectedHeader(token);
    return signatureAlgorithms.some((name) => name === alg);
  } catch (error) {
    if (isJoseError(error)) return false;
    throw error;
  }
}

/** What a token says of itself, unverified: good for finding out by whose keys to verify it, and for nothing else. */
export function unverifiedClaims(
  token: string,
): { readonly issuer: string; readonly audiences: readonly string[] } | undefined {
  if (token.length > tokenLengthMax) return undefined;
  try {
    const { iss, aud } = decodeJwt(token);
    const audiences = Array.isArray(aud) ? aud : [aud];
    if (typeof iss !== 'string' || !audiences.every((audience) => typeof audience === 'string')) return undefined;
    return { issuer: iss, audiences };
  } catch (error) {
    if (isJoseError(error)) return undefined;
    throw error;
  }
}

/** Verifies a token under published keys. */
export async function verifySignedToken(
  token: string,
  keys: PublishedKeys,
  { issuer, audience, algorithms, types, nowMs }: TokenExpectations,
): Promise<TokenVerdict> {
  try {
    if (token.length > tokenLengthMax || !isHeaderPlain(token, algorithms, types)) return { refused: 'malformed' };
    const { payload } = await jwtVerify(token, keys, {
      algorithms: [...algorithms],
      issuer,
      audience,
      requiredClaims: ['sub', 'iat', 'exp'],
      clockTolerance: clockSkewSecondsMax,
      currentDate: new Date(nowMs),
    });
    const isFromFuture = (payload.iat ?? Number.POSITIVE_INFINITY) > nowMs / 1000 + clockSkewSecondsMax;
    return isFromFuture || !isText(payload.sub) ? { refused: 'not_genuine' } : { payload };
  } catch (error) {
    if (error instanceof joseErrors.JWKSNoMatchingKey) return { refused: 'unknown_key' };
    if (isJoseError(error)) return { refused: 'not_genuine' };
    throw error;
  }
}

function isHeaderPlain(
  token: string,
  algorithms: readonly SignatureAlgorithm[],
  types: TokenExpectations['types'],
): boolean {
  const header = decodeProtectedHeader(token);
  const { alg, kid, typ } = header as { alg?: unknown; kid?: unknown; typ?: unknown };
  const isKnown = Object.keys(header).every((name) => headerNames.has(name));
  const hasKeyId = kid === undefined || (isText(kid) && kid.length <= keyIdLengthMax);
  const type = typeof typ === 'string' ? typ.toLowerCase() : typ;
  return isKnown && hasKeyId && algorithms.some((name) => name === alg) && types.some((name) => name === type);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.isWellFormed();
}

/** jose throws its own errors for what is wrong with a token, and TypeError for what is not one at all. */
function isJoseError(error: unknown): boolean {
  return error instanceof joseErrors.JOSEError || error instanceof TypeError;
}
