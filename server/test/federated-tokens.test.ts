/** Access tokens of a tenant's identity provider as credentials: what they open, and everything that must not work. */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestServer, type TestServer } from './support/http.ts';
import { identitySettings } from './support/identity.ts';
import { badTokens } from './support/jwt-corpus.ts';
import { newProviderKey, type OidcProvider, startOidcProvider } from './support/oidc-provider.ts';
import { connect, newBrowser } from './support/sign-in.ts';

let server: TestServer;
let provider: OidcProvider;
let audience: string;
let otherAudience: string;

const person = { sub: 'p-1', email: 'grace@acme.example', email_verified: true, name: 'Grace' };
const nowSeconds = () => Math.floor(server.clock.nowMs / 1000);
const claims = (change: Readonly<Record<string, unknown>> = {}) => ({
  iss: provider.issuer,
  aud: audience,
  sub: person.sub,
  iat: nowSeconds(),
  exp: nowSeconds() + 300,
  ...change,
});
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
const me = (token: string) => server.as(bearer(token), 'GET', '/api/me');

beforeAll(async () => {
  const environment = {
    RATE_LIMIT_ANONYMOUS_REQUESTS_PER_MINUTE: '1000000',
    RATE_LIMIT_KEY_REQUESTS_PER_MINUTE: '1000000',
  };
  [server, provider] = await Promise.all([
    openTestServer({ environment, identity: { nowMs: Date.now() } }),
    startOidcProvider(),
  ]);
  const settings = { accepts_access_tokens: true, default_role: 'analyst' };
  audience = String((await connect(server, provider, server.acme, settings)).body['audience']);
  otherAudience = String((await connect(server, provider, server.globex, settings)).body['audience']);
  provider.be(person);
  expect((await newBrowser(server, provider).signIn('acme')).who).toBeDefined();
});
afterAll(async () => {
  await server?.stop();
  await provider?.close();
});
/** How far the clock was set forward; it never goes back. */
let passedMs = 0;
beforeEach(() => {
  server.clock.nowMs = Date.now() + passedMs;
});

describe('an access token of the provider', () => {
  it('is the user who signed in before, with the role and clearance of their row', async () => {
    expect(await me(await provider.sign(claims()))).toMatchObject({
      status: 200,
      body: { user: { email: person.email, role: 'analyst' }, credential: { kind: 'federated' } },
    });
  });

  it.each([
    ['typ JWT, which many providers write', {}, { typ: 'JWT' }],
    ['typ with its prefix', {}, { typ: 'application/at+jwt' }],
    ['several audiences', { aud: ['https://other.example', 'AUDIENCE'] }, {}],
    ['a beginning', { nbf: 1 }, {}],
    ['the thumbprint of a certificate', {}, { x5t: 'AAAA' }],
  ])('works with %s', async (_name, change, header) => {
    const aud =
      'aud' in change && change.aud !== undefined
        ? change.aud.map((name) => (name === 'AUDIENCE' ? audience : name))
        : audience;
    expect(await me(await provider.sign(claims({ ...change, aud }), header))).toMatchObject({ status: 200 });
  });

  it('has 60 seconds of grace at both ends, and no more', async () => {
    const at = (change: Record<string, unknown>) => provider.sign(claims(change)).then(me);
    expect(await at({ exp: nowSeconds() - 58 })).toMatchObject({ status: 200 });
    expect(await at({ exp: nowSeconds() - 62 })).toMatchObject({ status: 401 });
    expect(await at({ iat: nowSeconds() + 58 })).toMatchObject({ status: 200 });
    expect(await at({ iat: nowSeconds() + 62 })).toMatchObject({ status: 401 });
  });

  it('is narrowed by the permissions that its scope names, and never widened', async () => {
    const narrow = await me(await provider.sign(claims({ scope: 'openid documents:read users:write nonsense' })));
    expect(narrow.body['permissions']).toEqual(['documents:read']);
    const plain = await me(await provider.sign(claims({ scope: 'openid profile' })));
    expect(plain.body['permissions']).toContain('documents:write');
  });

  it('cannot do what only an admin may, whatever roles it claims for itself', async () => {
    const token = await provider.sign(
      claims({ role: 'admin', roles: ['admin'], groups: ['admin'], permissions: ['users:write'] }),
    );
    expect(await server.as(bearer(token), 'GET', '/api/users')).toMatchObject({ status: 403 });
  });

  it('has no session to log out of', async () => {
    expect(await server.as(bearer(await provider.sign(claims())), 'POST', '/api/auth/logout')).toMatchObject({
      status: 409,
    });
  });

  it('is refused in every way in which it can be wrong, with one and the same answer', async () => {
    const ownSecret = identitySettings().jwtSecretKey ?? '';
    const tokens = await badTokens({ provider, claims: claims(), nowSeconds: nowSeconds(), otherAudience, ownSecret });
    expect(Object.keys(tokens).length).toBeGreaterThanOrEqual(40);
    const answers = new Set<string>();
    for (const [name, token] of Object.entries(tokens)) {
      const { status, body } = await me(token);
      expect(status, name).toBe(401);
      const { request_id: _, instance: __, ...same } = body;
      answers.add(JSON.stringify(same));
    }
    expect(answers.size).toBe(1);
    // The one that all others were made from still works.
    expect(await me(await provider.sign(claims()))).toMatchObject({ status: 200 });
  });

  it('never reaches for anything that it names itself', () => {
    expect(
      provider.requests.filter((path) => !/^\/(?:auth|interaction|token|jwks|me|\.well-known)/.test(path)),
    ).toEqual([]);
  });
});

describe('two tenants with one issuer', () => {
  it('do not take each other’s tokens, for the same person and the same address', async () => {
    expect(await me(await provider.sign(claims({ aud: otherAudience })))).toMatchObject({ status: 401 });
    expect((await newBrowser(server, provider).signIn('globex')).who).toBeDefined();
    const there = await me(await provider.sign(claims({ aud: otherAudience })));
    expect(there.body).toMatchObject({ tenant: { slug: 'globex' }, user: { email: person.email } });
    const here = await me(await provider.sign(claims()));
    expect(here.body).toMatchObject({ tenant: { slug: 'acme' } });
    expect(here.body['user']).not.toEqual(there.body['user']);
  });
});

describe('the keys of the provider', () => {
  /** Long enough for the keys to be asked for again. */
  const pass = (seconds: number) => {
    passedMs += seconds * 1000;
    server.clock.nowMs = Date.now() + passedMs;
  };

  it('are asked for once a minute at most, however many tokens name keys that there are not', async () => {
    pass(120);
    await me(await provider.sign(claims()));
    const before = provider.count('/jwks');
    for (let round = 0; round < 3; round += 1) {
      const tokens = await Promise.all(
        Array.from({ length: 100 }, (_, index) => provider.sign(claims(), { kid: `flood-${round}-${index}` })),
      );
      await Promise.all(tokens.map(async (token) => expect(await me(token)).toMatchObject({ status: 401 })));
      pass(61);
    }
    expect(provider.count('/jwks') - before).toBeLessThanOrEqual(3);
  });

  it('are exchanged under load with one request, and no good token is refused', async () => {
    pass(120);
    const old = provider.key();
    const next = newProviderKey();
    const oldToken = await provider.sign(claims());
    await me(oldToken);
    pass(61);
    const before = provider.count('/jwks');
    provider.setKeys(next, old);
    const tokens = await Promise.all(
      Array.from({ length: 200 }, (_, index) => provider.sign(claims(), {}, index % 2 ? next : old)),
    );
    const statuses = await Promise.all(tokens.map(async (token) => (await me(token)).status));
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    expect(provider.count('/jwks') - before).toBe(1);
    provider.setKeys(next);
    pass(601);
    expect(await me(await provider.sign(claims()))).toMatchObject({ status: 200 });
    expect(await me(await provider.sign(claims(), {}, old))).toMatchObject({ status: 401 });
  });

  it('serve an hour while the provider is away, and then nobody gets in: 503, not 401', async () => {
    pass(120);
    expect(await me(await provider.sign(claims()))).toMatchObject({ status: 200 });
    provider.setDown(true);
    pass(3000);
    expect(await me(await provider.sign(claims()))).toMatchObject({ status: 200 });
    pass(3000);
    expect(await me(await provider.sign(claims()))).toMatchObject({ status: 503 });
    provider.setDown(false);
    expect(await me(await provider.sign(claims()))).toMatchObject({ status: 503 });
    pass(61);
    expect(await me(await provider.sign(claims()))).toMatchObject({ status: 200 });
  });
});

describe('what ends a token before its time', () => {
  const own = async () => {
    const { data } = (await server.as(server.acme.admin, 'GET', '/api/users')).body as {
      data: { id: string; email: string }[];
    };
    return data.find(({ email }) => email === person.email)?.id ?? '';
  };

  it('is a suspension of the user, with the next request', async () => {
    const token = await provider.sign(claims());
    const id = await own();
    await server.as(server.acme.admin, 'PATCH', `/api/users/${id}`, { status: 'suspended' });
    expect(await me(token)).toMatchObject({ status: 401 });
    await server.as(server.acme.admin, 'PATCH', `/api/users/${id}`, { status: 'active' });
    expect(await me(token)).toMatchObject({ status: 200 });
  });

  it('is an admin who switches tokens off, exchanges the issuer or removes the provider; work under way falls too', async () => {
    const token = await provider.sign(claims());
    const caller = await server.services.identity.authenticate(token);
    const stands = async () => (await server.services.identity.stillStanding([caller])).has(caller);
    expect(await stands()).toBe(true);
    for (const change of [
      { accepts_access_tokens: false },
      { accepts_access_tokens: true, issuer: 'https://other.example' },
    ]) {
      expect(await connect(server, provider, server.acme, change)).toMatchObject({ status: 200 });
      expect(await me(token)).toMatchObject({ status: 401 });
      expect(await stands()).toBe(false);
      await connect(server, provider, server.acme, { accepts_access_tokens: true });
      expect(await me(token)).toMatchObject({ status: 200 });
      expect(await stands()).toBe(true);
    }
    expect(await server.as(server.acme.admin, 'DELETE', '/api/identity-provider')).toMatchObject({ status: 204 });
    expect(await me(token)).toMatchObject({ status: 401 });
  });
});
