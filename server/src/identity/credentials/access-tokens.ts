/**
 * Access tokens: short-lived JWTs that name a session, signed with HS256.
 *
 * A token says who, never what they may do: role and clearance are read from the user's row on every request. The header
 * is fixed, so nothing in it (alg, kid, jku, jwk, crit) can choose a key or an algorithm.
 */

import { decodeProtectedHeader, type JWTPayload, errors as joseErrors, jwtVerify, SignJWT } from 'jose';
import { isId } from '../../db/index.ts';

/** What a token names. */
export interface AccessClaims {
  readonly tenantId: string;
  readonly userId: string;
  readonly sessionId: string;
}

/** Issues and verifies access tokens. */
export interface AccessTokens {
  readonly issue: (claims: AccessClaims) => Promise<string>;
  /** `undefined` unless the token is ours, complete and within its time. */
  readonly verify: (token: string) => Promise<AccessClaims | undefined>;
}

/** What access tokens need. */
export interface AccessTokensOptions {
  readonly secret: string;
  /** Issuer and audience, written and demanded. */
  readonly issuer: string;
  readonly ttlSeconds: number;
  readonly now: () => number;
}

const header = { alg: 'HS256', typ: 'at+jwt' } as const;
/** How far the clock of the server that issued a token may be ahead of ours. */
const clockSkewSecondsMax = 60;

/** Makes tokens under one secret. */
export function createAccessTokens({ secret, issuer, ttlSeconds, now }: AccessTokensOptions): AccessTokens {
  const key = new TextEncoder().encode(secret);

  async function payloadOf(token: string): Promise<JWTPayload | undefined> {
    try {
      const { alg, typ, ...surplus } = decodeProtectedHeader(token);
      if (alg !== header.alg || typ !== header.typ || Object.keys(surplus).length > 0) return undefined;
      const { payload } = await jwtVerify(token, key, {
        algorithms: [header.alg],
        typ: header.typ,
        issuer,
        audience: issuer,
        requiredClaims: ['sub', 'tenant', 'sid', 'iat', 'nbf', 'exp'],
        clockTolerance: clockSkewSecondsMax,
        currentDate: new Date(now()),
      });
      return payload;
    } catch (error) {
      // jose throws its own errors for what is wrong with a token, and TypeError for what is not one at all.
      if (error instanceof joseErrors.JOSEError || error instanceof TypeError) return undefined;
      throw error;
    }
  }

  return {
    issue({ tenantId, userId, sessionId }) {
      const issuedAt = Math.floor(now() / 1000);
      return new SignJWT({ tenant: tenantId, sid: sessionId })
        .setProtectedHeader(header)
        .setSubject(userId)
        .setIssuer(issuer)
        .setAudience(issuer)
        .setIssuedAt(issuedAt)
        .setNotBefore(issuedAt)
        .setExpirationTime(issuedAt + ttlSeconds)
        .sign(key);
    },

    async verify(token) {
      const payload = await payloadOf(token);
      if (payload === undefined) return undefined;
      const { sub, exp, tenant, sid } = payload;
      // The skew is for tokens from the future; an expired one has no grace.
      if (exp === undefined || exp * 1000 <= now()) return undefined;
      const isComplete = isIdOf('user', sub) && isIdOf('tenant', tenant) && isIdOf('session', sid);
      return isComplete ? { userId: sub, tenantId: tenant, sessionId: sid } : undefined;
    },
  };

  function isIdOf(kind: 'user' | 'tenant' | 'session', value: unknown): value is string {
    return typeof value === 'string' && isId(kind, value);
  }
}
