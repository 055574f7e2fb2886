/**
 * Credentials that are not, or no longer, good; requests that name another tenant; ids of another tenant. The refusals tell
 * nothing, and operators learn of every attempt across tenants.
 */

import { decodeJwt, decodeProtectedHeader, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operations } from '../src/http/routes/index.ts';
import { startTestApp, type TestApp } from './support/app.ts';
import { anyTestDatabase } from './support/database.ts';
import { refusalOf, storedIn } from './support/refusals.ts';

const secret = new TextEncoder().encode('a-secret-that-only-this-test-knows-0123456789');
let server: TestApp;
/** Of a session of acme's analyst. */
let tokens: Tokens;

type SigningKey = Parameters<SignJWT['sign']>[0];

interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

beforeAll(async () => {
  server = await startTestApp(anyTestDatabase(), {
    JWT_SECRET_KEY: new TextDecoder().decode(secret),
    RATE_LIMIT_ANONYMOUS_REQUESTS_PER_MINUTE: '1000000',
  });
  tokens = await logIn('acme', server.user('acme', 'analyst'));
}, 120_000);
afterAll(() => server?.close());

const unknown = { status: 401, code: 'authentication_required' };

async function logIn(tenant: string, { email, password }: { email: string; password: string }): Promise<Tokens> {
  const { status, body, text } = await server.call(undefined, 'POST', '/api/auth/login', { tenant, email, password });
  expect(status, text).toBe(200);
  return body as unknown as Tokens;
}

async function securityEvents() {
  const { body } = await server.call(server.firstRun.operator_key, 'GET', '/api/operator/security-events?limit=200');
  return body['data'] as { kind: string; tenant_id: string; request_id?: string; details: Record<string, unknown> }[];
}

describe('a credential', () => {
  /** A token that differs from a good one in what is given. */
  async function token(claims: object, header: object = {}, key: SigningKey = secret): Promise<string> {
    const good = decodeProtectedHeader(tokens.access_token);
    const jwt = new SignJWT({ ...decodeJwt(tokens.access_token), ...claims });
    return jwt.setProtectedHeader({ ...good, alg: 'HS256', ...header }).sign(key);
  }
  const nowSeconds = Math.floor(Date.now() / 1000);
  const id = (kind: string) => `${kind}_${'0'.repeat(32)}`;
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

  it('made with the right secret is good, or the refusals below would prove nothing', async () => {
    expect((await server.call(await token({}), 'GET', '/api/me')).status).toBe(200);
  });

  it.each<[string, () => Promise<string> | string]>([
    ['expired', () => token({ exp: nowSeconds - 1 })],
    ['not valid yet', () => token({ nbf: nowSeconds + 3600 })],
    ['without an end', () => token({ exp: undefined })],
    ['without a session', () => token({ sid: undefined })],
    ['of another issuer', () => token({ iss: 'somebody' })],
    ['for another audience', () => token({ aud: 'somebody' })],
    ['of no user', () => token({ sub: id('usr') })],
    ['of no session', () => token({ sid: id('ses') })],
    ['of another tenant', () => token({ tenant: server.firstRun.tenants[1]?.id })],
    ['with an odd tenant', () => token({ tenant: `' or ''='` })],
    ['with odd types', () => token({ sub: 7, sid: {} })],
    ['of another type', () => token({}, { typ: 'JWT' })],
    ['with a key of its own', () => token({}, { jwk: { kty: 'oct', k: 'AA' } })],
    ['with an address for keys', () => token({}, { jku: 'https://keys.example/' })],
    ['signed with another secret', () => token({}, {}, new TextEncoder().encode('x'.repeat(48)))],
    [
      'signed with a pair of keys',
      async () => token({}, { alg: 'RS256' }, (await generateKeyPair('RS256')).privateKey),
    ],
    ['not signed', () => `${part({ alg: 'none', typ: 'at+jwt' })}.${part(decodeJwt(tokens.access_token))}.`],
    ['with another payload', () => tokens.access_token.replace(/\.[^.]+\./, `.${part({ sub: 'admin' })}.`)],
    ['cut off', () => tokens.access_token.slice(0, -5)],
    ['that is a refresh token', () => tokens.refresh_token],
    ['that is an operator key', () => server.firstRun.operator_key],
    [
      'with a wrong letter',
      () => server.user('acme', 'admin').api_key.replace(/.$/, (end) => (end === 'a' ? 'b' : 'a')),
    ],
    ['in capitals', () => server.user('acme', 'admin').api_key.toUpperCase()],
    [
      'of another key',
      () => server.user('acme', 'admin').api_key.slice(0, 40) + server.user('acme', 'viewer').api_key.slice(40),
    ],
    ['of three dots', () => '...'],
    ['that is very long', () => 'e'.repeat(8000)],
    ['of odd bytes', () => '\u00ff\u0080'],
  ])('%s is refused on every surface', async (_, make) => {
    const headers = { authorization: `Bearer ${await make()}` };
    for (const path of ['/api/me', '/v1/models', '/api/operator/tenants'])
      if (!(path.includes('operator') && headers.authorization.includes('op-gen-')))
        expect(await refusalOf(server, path, { headers }), path).toEqual(unknown);
  });

  it.each(['', 'Bearer', 'Bearer ', 'bearer: x', 'Basic YTpi', 'Bearer a b', 'Token x'])(
    'in the header "%s" is refused',
    async (authorization) => {
      expect(await refusalOf(server, '/api/me', { headers: { authorization } })).toEqual(unknown);
    },
  );
});

describe('somebody who is out', () => {
  /** A new tenant with a member, who has one credential of each kind, and the calls that use them. */
  async function makeMember(slug: string) {
    const created = { slug, name: slug, tier: 'starter' };
    const { body: tenant } = await server.call(server.firstRun.operator_key, 'POST', '/api/operator/tenants', created);
    const scope = { tenantId: tenant['id'] as string, actor: { kind: 'system', id: 'test' } as const };
    const { identity } = server.app.services;
    const person = { email: `member@${slug}.example`, password: 'correct horse battery staple' };
    const user = await identity.createUser(scope, { ...person, name: 'Member', role: 'admin', clearance: 'internal' });
    await identity.createUser(scope, {
      email: `other@${slug}.example`,
      name: 'Other',
      role: 'admin',
      clearance: 'internal',
    });
    const { key } = await identity.createApiKey(scope, { name: 'test', userId: user.id });
    const { access_token: access, refresh_token: refresh } = await logIn(slug, person);
    const uses = {
      'API key': () => server.call(key, 'GET', '/api/me'),
      'access token': () => server.call(access, 'GET', '/api/me'),
      'refresh token': () => server.call(undefined, 'POST', '/api/auth/refresh', { refresh_token: refresh }),
      password: () => server.call(undefined, 'POST', '/api/auth/login', { tenant: slug, ...person }),
    };
    return { scope, user, uses };
  }

  it.each([
    ['a suspended user', 'user', 'suspended'],
    ['a deleted user', 'user', 'deleted'],
    ['a user of a suspended tenant', 'tenant', 'suspended'],
    ['a user of a deleted tenant', 'tenant', 'deleted'],
  ] as const)('as %s is out with every credential', async (_, kind, status) => {
    const { scope, user, uses } = await makeMember(`${kind}-${status}`);
    const { identity } = server.app.services;
    const setStatus = async (to: 'active' | typeof status) => {
      if (kind === 'user') return identity.updateUser(scope, user.id, { status: to });
      const path = `/api/operator/tenants/${scope.tenantId}`;
      return server.call(server.firstRun.operator_key, 'PATCH', path, { status: to });
    };
    for (const name of ['API key', 'access token', 'password'] as const)
      expect((await uses[name]()).status, name).toBe(200);
    await setStatus(status);
    const before = await storedIn(server);
    for (const [name, use] of Object.entries(uses)) {
      const { status: answered, body } = await use();
      expect([answered, body['code']], name).toEqual([401, name === 'password' ? 'login_failed' : unknown.code]);
    }
    expect(await storedIn(server)).toEqual(before);
    if (status === 'deleted') return;
    await setStatus('active');
    expect((await uses['API key']()).status).toBe(200);
  });
});

describe('a request that names another tenant', () => {
  const json = { 'content-type': 'application/json' };
  const form = () => {
    const data = new FormData();
    data.set('tenant_id', 'globex');
    data.set('file', new Blob(['Some text.']), 'a.txt');
    return data;
  };

  it.each<[string, string, () => RequestInit]>([
    ['header', '/api/me', () => ({ headers: { 'x-tenant-id': 'globex' } })],
    ['header', '/v1/models', () => ({ headers: { 'x-tenant-id': 'acme, globex' } })],
    ['query', '/api/documents?tenant_id=globex', () => ({})],
    ['query', '/api/usage?tenant=nobody', () => ({})],
    ['body', '/api/query', () => ({ method: 'POST', headers: json, body: '{"question":"a","tenant_id":"globex"}' })],
    ['body', '/v1/chat/completions', () => ({ method: 'POST', headers: json, body: '{"tenant":"globex"}' })],
    ['body', '/api/documents', () => ({ method: 'POST', body: form() })],
  ])('in the %s of %s is refused, and operators see it', async (place, path, makeInit) => {
    const before = await storedIn(server);
    const known = new Set((await securityEvents()).map(({ request_id: request }) => request));
    const { headers, ...init } = makeInit();
    const authorization = `Bearer ${server.user('acme', 'admin').api_key}`;
    const refusal = await refusalOf(server, path, { ...init, headers: { ...headers, authorization } });
    expect(refusal).toEqual({ status: 403, code: 'cross_tenant_access' });
    const [event, ...more] = (await securityEvents()).filter(({ request_id: request }) => !known.has(request));
    expect(more).toEqual([]);
    expect(event).toMatchObject({
      kind: 'cross_tenant_access',
      tenant_id: server.firstRun.tenants[0]?.id,
      details: { place },
    });
    expect(await storedIn(server)).toEqual(before);
  });
});

describe('the id of another tenant', () => {
  const kinds = {
    documents: 'document',
    collections: 'collection',
    users: 'user',
    keys: 'apiKey',
    sessions: 'session',
    'break-glass': 'breakGlass',
  };
  const bodies: Readonly<Record<string, object>> = {
    updateDocument: { title: 'mine' },
    setGrants: { grants: [] },
    updateUser: { name: 'mine' },
  };
  const openBreakGlass = async (slug: string) => {
    const { id } = server.firstRun.tenants.find((tenant) => tenant.slug === slug) ?? { id: '' };
    const body = { reason: 'A test looks around.', clearance: 'public' };
    await server.call(server.firstRun.operator_key, 'POST', `/api/operator/tenants/${id}/break-glass`, body);
  };
  const withId = operations
    .map(({ operationId, method, path }) => ({
      operationId,
      method,
      path,
      list: /^\/api\/([\w-]+)\/\{id\}/.exec(path)?.[1] ?? '',
    }))
    .filter(({ list }) => list in kinds);

  it.each(withId)(
    'is to $operationId an id that never existed, but operators learn of it',
    async ({ operationId, method, path, list }) => {
      if (list === 'break-glass') await openBreakGlass('globex');
      const owner =
        list === 'sessions' ? (await logIn('globex', server.user('globex', 'admin'))).access_token : undefined;
      const { body } = await server.call(owner ?? server.user('globex', 'admin'), 'GET', `/api/${list}`);
      const foreign = (body['data'] as { id: string }[])[0]?.id ?? '';
      const absent = `${foreign.slice(0, 4)}${'0'.repeat(32)}`;
      const before = await storedIn(server);
      const [a, b] = await Promise.all(
        [foreign, absent].map(async (id) => {
          const answer = await server.call(
            server.user('acme', 'admin'),
            method,
            path.replace('{id}', id),
            bodies[operationId],
          );
          return { answer, text: answer.text.replaceAll(id, 'ID').replace(/req_[0-9a-f]+/g, 'REQ') };
        }),
      );
      expect(a?.answer).toMatchObject({ status: 404, body: { code: 'resource_not_found' } });
      expect(a?.text).toBe(b?.text);
      expect(await storedIn(server)).toEqual(before);
      const events = async () =>
        (await securityEvents()).filter(({ details }) => [foreign, absent].includes(String(details['id'])));
      const requestId = a?.answer.headers.get('x-request-id');
      if (list !== 'sessions')
        await expect
          .poll(async () => (await events()).map(({ request_id: request }) => request), { timeout: 10_000 })
          .toContain(requestId);
      expect(JSON.stringify(await events())).not.toContain(absent);
    },
  );
});
