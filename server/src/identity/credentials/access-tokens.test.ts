import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AccessClaims, createAccessTokens } from './access-tokens.ts';

const secret = 's'.repeat(48);
const nowMs = Date.UTC(2026, 0, 15, 12);
const nowSeconds = nowMs / 1000;
const tokens = createAccessTokens({ secret, issuer: 'genai-platform', ttlSeconds: 900, now: () => nowMs });
const tokensAt = (ms: number) =>
  createAccessTokens({ secret, issuer: 'genai-platform', ttlSeconds: 900, now: () => ms });

const claims: AccessClaims = {
  tenantId: `ten_${'a'.repeat(32)}`,
  userId: `usr_${'b'.repeat(32)}`,
  sessionId: `ses_${'c'.repeat(32)}`,
};
const header = { alg: 'HS256', typ: 'at+jwt' };
const payload = {
  tenant: claims.tenantId,
  sid: claims.sessionId,
  sub: claims.userId,
  iss: 'genai-platform',
  aud: 'genai-platform',
  iat: nowSeconds,
  nbf: nowSeconds,
  exp: nowSeconds + 900,
};
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Signs anything with our own secret, as nobody but we could: what is wrong then is only what the test made wrong. */
function signed(headerOf: object, payloadOf: object, key: string | Buffer = secret, hash = 'sha256'): string {
  const content = `${encode(headerOf)}.${encode(payloadOf)}`;
  return `${content}.${createHmac(hash, key).update(content).digest('base64url')}`;
}
const without = (name: string) => Object.fromEntries(Object.entries(payload).filter(([key]) => key !== name));

describe('access tokens', () => {
  it('verifies what it issued, and what the corpus below starts from', async () => {
    expect(await tokens.verify(await tokens.issue(claims))).toEqual(claims);
    expect(await tokens.verify(signed(header, payload))).toEqual(claims);
  });

  it('holds to the second and allows 60 seconds of skew for the beginning only', async () => {
    const token = await tokens.issue(claims);
    expect(await tokensAt(nowMs + 899_000).verify(token)).toEqual(claims);
    expect(await tokensAt(nowMs + 900_000).verify(token)).toBeUndefined();
    expect(await tokensAt(nowMs - 60_000).verify(token)).toEqual(claims);
    expect(await tokensAt(nowMs - 61_000).verify(token)).toBeUndefined();
  });

  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const publicPem = rsa.publicKey.export({ type: 'spki', format: 'pem' });
  function rsaSigned(): string {
    const content = `${encode({ ...header, alg: 'RS256' })}.${encode(payload)}`;
    return `${content}.${sign('sha256', Buffer.from(content), rsa.privateKey).toString('base64url')}`;
  }
  const good = signed(header, payload);
  const refused: Record<string, string> = {
    'alg none without signature': `${encode({ ...header, alg: 'none' })}.${encode(payload)}.`,
    'alg None in capitals': `${encode({ ...header, alg: 'None' })}.${encode(payload)}.`,
    'alg none with our signature': signed({ ...header, alg: 'none' }, payload),
    'alg HS512': signed({ ...header, alg: 'HS512' }, payload, secret, 'sha512'),
    'alg HS256 with a leading space': signed({ ...header, alg: ' HS256' }, payload),
    'alg RS256 under a key of the attacker': rsaSigned(),
    'alg RS256 signed by HMAC with the public key': signed({ ...header, alg: 'RS256' }, payload, publicPem),
    'alg HS256 under the public key': signed(header, payload, publicPem),
    'alg HS256 under the empty key': signed(header, payload, ''),
    'no alg': signed({ typ: header.typ }, payload),
    'a kid': signed({ ...header, kid: "x' union select 1 --" }, payload),
    'a kid that is a path': signed({ ...header, kid: '../../dev/null' }, payload),
    'a jku': signed({ ...header, jku: 'http://127.0.0.1:1/jwks.json' }, payload),
    'an x5u': signed({ ...header, x5u: 'http://127.0.0.1:1/cert.pem' }, payload),
    'a jwk': signed({ ...header, jwk: { kty: 'oct', k: Buffer.from(secret).toString('base64url') } }, payload),
    'a crit': signed({ ...header, crit: ['exp'] }, payload),
    'b64 false': signed({ ...header, b64: false, crit: ['b64'] }, payload),
    'another typ': signed({ ...header, typ: 'JWT' }, payload),
    'no typ': signed({ alg: header.alg }, payload),
    'another issuer': signed(header, { ...payload, iss: 'genai-platform.example' }),
    'another audience': signed(header, { ...payload, aud: 'genai' }),
    'an expiry in the past': signed(header, { ...payload, exp: nowSeconds - 1 }),
    'an expiry that is a text': signed(header, { ...payload, exp: '9999999999' }),
    'a beginning in 61 seconds': signed(header, { ...payload, nbf: nowSeconds + 61 }),
    'a tenant that is not an id': signed(header, { ...payload, tenant: "x'; drop table genai.users; --" }),
    'a tenant that is a list': signed(header, { ...payload, tenant: [payload.tenant] }),
    'a session of another kind': signed(header, { ...payload, sid: payload.sub }),
    'a truncated signature': good.slice(0, -1),
    'a cut payload': good.split('.').toSpliced(1, 1, encode(payload).slice(0, -4)).join('.'),
    'no signature': good.slice(0, good.lastIndexOf('.') + 1),
    'five parts': `${good}.a.b`,
    'two parts': good.slice(0, good.lastIndexOf('.')),
    'a payload that is a list': `${encode(header)}.${encode([])}.x`,
    'a header that is null': `${encode(null)}.${encode(payload)}.x`,
    'the empty text': '',
    'only dots': '..',
  };
  it.each(Object.entries(refused))('refuses %s', async (_name, token) => {
    expect(await tokens.verify(token)).toBeUndefined();
  });

  it.each(['sub', 'tenant', 'sid', 'iss', 'aud', 'iat', 'nbf', 'exp'])('refuses a token without %s', async (name) => {
    expect(await tokens.verify(signed(header, without(name)))).toBeUndefined();
  });

  it('refuses every token in which one character was changed', async () => {
    const token = await tokens.issue(claims);
    // The last character of a 256-bit signature carries two bits that mean nothing.
    for (let at = 0; at < token.length - 1; at += 1) {
      const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
      expect(await tokens.verify(changed)).toBeUndefined();
    }
  });

  it('never throws, whatever the text', async () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.base64String(),
      fc.json().map((json) => Buffer.from(json).toString('base64url')),
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.tuple(part, part, part).map((parts) => parts.join('.')),
    );
    const isRefused = fc.asyncProperty(text, async (token) => {
      expect(await tokens.verify(token)).toBeUndefined();
    });
    await fc.assert(isRefused, { numRuns: 500 });
  });
});
