/** Access tokens that must not work, each wrong in one way; all else about them is right. */

import { createHmac, generateKeyPairSync, sign as signBytes } from 'node:crypto';
import type { OidcProvider, ProviderKey } from './oidc-provider.ts';
import { newProviderKey } from './oidc-provider.ts';

/** What a good token of a tenant's user says, and by whom it is signed. */
export interface GoodToken {
  readonly provider: OidcProvider;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly nowSeconds: number;
  /** What another tenant's tokens are made for. */
  readonly otherAudience: string;
  /** With which our own tokens are signed. */
  readonly ownSecret: string;
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The corpus, by what is wrong. */
export async function badTokens(good: GoodToken): Promise<Readonly<Record<string, string>>> {
  return { ...(await wrongHeaders(good)), ...(await wrongClaims(good)), ...(await wrongForms(good)) };
}

async function wrongHeaders({ provider, claims, ownSecret }: GoodToken): Promise<Record<string, string>> {
  const key = provider.key();
  const publicPem = key.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const publicJwk = key.publicKey.export({ format: 'jwk' });
  const stranger = newProviderKey();
  const header = { alg: key.alg, kid: key.kid, typ: 'at+jwt' };
  const hmac = (headerOf: object, secret: string, hash = 'sha256') => {
    const content = `${encode(headerOf)}.${encode(claims)}`;
    return `${content}.${createHmac(hash, secret).update(content).digest('base64url')}`;
  };
  const signedAs = (headerOf: object) => {
    const content = `${encode(headerOf)}.${encode(claims)}`;
    return `${content}.${signBytes('sha256', Buffer.from(content), key.privateKey).toString('base64url')}`;
  };
  const by = (headerOf: Record<string, unknown>, signer?: ProviderKey) => provider.sign(claims, headerOf, signer);
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const elliptic = newProviderKey('ES256');
  return {
    'alg none': `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`,
    'alg NONE': `${encode({ ...header, alg: 'NONE' })}.${encode(claims)}.`,
    'alg none with the signature of another algorithm': signedAs({ ...header, alg: 'none' }),
    'no alg': signedAs({ kid: header.kid, typ: header.typ }),
    'alg that is a list': signedAs({ ...header, alg: ['RS256'] }),
    'alg with a leading space': signedAs({ ...header, alg: ' RS256' }),
    'alg in lower case': signedAs({ ...header, alg: 'rs256' }),
    'alg RS384, which is not allowed': signedAs({ ...header, alg: 'RS384' }),
    'alg RS512, which is not allowed': signedAs({ ...header, alg: 'RS512' }),
    'alg PS256, which was not set': signedAs({ ...header, alg: 'PS256' }),
    'alg ES256 with a key of that kind': await by({ alg: 'ES256' }, elliptic),
    'alg HS256 with the public key as PEM': hmac({ ...header, alg: 'HS256' }, publicPem),
    'alg HS256 with the public key as JWK': hmac({ ...header, alg: 'HS256' }, JSON.stringify(publicJwk)),
    'alg HS256 with the modulus': hmac({ ...header, alg: 'HS256' }, String(publicJwk['n'])),
    'alg HS256 with our own secret': hmac({ alg: 'HS256', typ: 'at+jwt' }, ownSecret),
    'alg HS512 with our own secret': hmac({ alg: 'HS512', typ: 'at+jwt' }, ownSecret, 'sha512'),
    'alg RS256 signed by HMAC with the public key': hmac(header, publicPem),
    'a key of a stranger under the kid of the provider': await by({ kid: key.kid }, stranger),
    'a weak key': (() => {
      const content = `${encode(header)}.${encode(claims)}`;
      return `${content}.${signBytes('sha256', Buffer.from(content), weak.privateKey).toString('base64url')}`;
    })(),
    'a jwk that brings its own key': await by(
      { jwk: stranger.publicKey.export({ format: 'jwk' }), kid: undefined },
      stranger,
    ),
    'a jwk that is the right key': await by({ jwk: publicJwk }),
    'a jku to a stranger': await by({ jku: 'http://127.0.0.1:1/jwks' }, stranger),
    'a jku to the provider itself': await by({ jku: `${provider.issuer}/jwks` }),
    'an x5u': await by({ x5u: 'http://127.0.0.1:1/cert.pem' }),
    'an x5c': await by({ x5c: ['MIIB'] }),
    'a crit': signedAs({ ...header, crit: ['exp'], exp: 1 }),
    'an empty crit': signedAs({ ...header, crit: [] }),
    'b64 false': signedAs({ ...header, b64: false, crit: ['b64'] }),
    'a compressed payload': await by({ zip: 'DEF' }),
    'a content type': await by({ cty: 'JWT' }),
    'a kid that is a path': await by({ kid: '../../../../dev/null' }),
    'a kid that is SQL': await by({ kid: "x' union select 'AA' --" }),
    'a kid that is a URL': await by({ kid: 'http://127.0.0.1:1/key' }),
    'a kid that names a prototype': await by({ kid: '__proto__' }),
    'a kid that is a number': signedAs({ ...header, kid: 1 }),
    'a kid that is a list': signedAs({ ...header, kid: [key.kid] }),
    'an empty kid': signedAs({ ...header, kid: '' }),
    'a kid of a thousand characters': signedAs({ ...header, kid: 'k'.repeat(1000) }),
    'a kid that is not known': await by({ kid: 'unknown' }),
    'no typ': await by({ typ: undefined }),
    'typ of an ID token event': await by({ typ: 'logout+jwt' }),
    'typ of a DPoP proof': await by({ typ: 'dpop+jwt' }),
    'typ that is a list': signedAs({ ...header, typ: ['at+jwt'] }),
    'own name with the header of a provider': await provider.sign({
      ...claims,
      iss: 'genai-platform',
      aud: 'genai-platform',
    }),
  };
}

async function wrongClaims({
  provider,
  claims,
  nowSeconds,
  otherAudience,
}: GoodToken): Promise<Record<string, string>> {
  const but = (change: Readonly<Record<string, unknown>>) => provider.sign({ ...claims, ...change });
  const { aud } = claims;
  return {
    'another issuer': await but({ iss: 'https://stranger.example' }),
    'the issuer with a slash': await but({ iss: `${provider.issuer}/` }),
    'the issuer in capitals': await but({ iss: provider.issuer.toUpperCase() }),
    'an issuer that is a list': await but({ iss: [provider.issuer] }),
    'no issuer': await but({ iss: undefined }),
    'no audience': await but({ aud: undefined }),
    'another audience': await but({ aud: 'https://api.example' }),
    'the client as audience, like an ID token': await but({ aud: 'client-of-acme' }),
    'the audience of another tenant': await but({ aud: otherAudience }),
    'two audiences of ours': await but({ aud: [aud, otherAudience] }),
    'the audience with a space': await but({ aud: `${String(aud)} ` }),
    'the audience in capitals': await but({ aud: String(aud).toUpperCase() }),
    'an audience that is an object': await but({ aud: { 0: aud } }),
    'an audience among numbers': await but({ aud: [aud, 1] }),
    'no subject': await but({ sub: undefined }),
    'an empty subject': await but({ sub: '' }),
    'a subject that is a number': await but({ sub: 1 }),
    'a subject that is a list': await but({ sub: [claims['sub']] }),
    'a subject that nobody has': await but({ sub: 'nobody' }),
    'a subject with half a character': await but({ sub: '\ud800' }),
    'a subject with NUL': await but({ sub: `${String(claims['sub'])}\u0000` }),
    'no expiry': await but({ exp: undefined }),
    'an expiry 61 seconds ago': await but({ exp: nowSeconds - 61 }),
    'an expiry long ago': await but({ exp: 1 }),
    'an expiry that is a text': await but({ exp: '99999999999' }),
    'an expiry that is null': await but({ exp: null }),
    'no time of issue': await but({ iat: undefined }),
    'a time of issue in 61 seconds': await but({ iat: nowSeconds + 61 }),
    'a time of issue that is a text': await but({ iat: 'now' }),
    'a beginning in 61 seconds': await but({ nbf: nowSeconds + 61 }),
    'a beginning that is a text': await but({ nbf: 'now' }),
    'the nonce of an ID token': await but({ nonce: 'n' }),
    'the hash of an ID token': await but({ at_hash: 'h' }),
  };
}

async function wrongForms({ provider, claims }: GoodToken): Promise<Record<string, string>> {
  const good = await provider.sign(claims);
  const [header = '', payload = '', signature = ''] = good.split('.');
  return {
    'no signature': `${header}.${payload}.`,
    'two parts': `${header}.${payload}`,
    'four parts': `${good}.x`,
    'five parts, like an encrypted one': `${header}.x.x.x.x`,
    'a signature cut by a byte': good.slice(0, -2),
    'a signature of zeros': `${header}.${payload}.${Buffer.alloc(256).toString('base64url')}`,
    'a changed payload': `${header}.${encode({ ...claims, sub: 'p-0' })}.${signature}`,
    'a payload that is a list': `${header}.${encode([claims])}.${signature}`,
    'a payload that is null': `${header}.${encode(null)}.${signature}`,
    'a header that is a list': `${encode([])}.${payload}.${signature}`,
    'a header with a prototype': `${Buffer.from('{"__proto__":{"alg":"RS256"}}').toString('base64url')}.${payload}.${signature}`,
    padding: `${header}=.${payload}=.${signature}=`,
    'a token of ten thousand characters': await provider.sign({ ...claims, more: 'm'.repeat(10_000) }),
    'a deep payload': await provider.sign({
      ...claims,
      deep: JSON.parse('['.repeat(900) + ']'.repeat(900)) as unknown,
      aud: 'x',
    }),
    'only dots': '..',
    'the word null': 'null',
    'the word undefined': 'undefined',
    'an empty list': '[]',
    'an empty object': '{}',
  };
}
