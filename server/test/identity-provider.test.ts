/** The identity provider of a tenant as its admins set it, and what it decides over. */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testDatabases } from './support/database.ts';
import { testPublicUrl } from './support/identity.ts';
import { connect, openSignInTest, type SignInTest } from './support/sign-in.ts';

let test: SignInTest;
describe.each(testDatabases)('the identity provider of a tenant on $name', ({ open }) => {
  beforeAll(async () => {
    test = await openSignInTest(open);
  });
  afterAll(() => test?.close());
  beforeEach(() => test.reset());

  describe('a tenant without provider', () => {
    it('is answered like one that is not there, is suspended, or cannot be', async () => {
      await test.server.as(test.server.globex.admin, 'DELETE', '/api/identity-provider');
      const shapes = new Set<string>();
      for (const slug of ['globex', 'nobody', 'x', '%00', "'%20or%201=1", '..%2f..', 'ACME', 'a'.repeat(63)]) {
        for (const path of [`/api/auth/oidc/${slug}`, `/api/auth/oidc/${slug}/callback?code=x&state=y`]) {
          const { status, location, headers } = await test.browser().get(path);
          expect(headers['set-cookie']).toBeUndefined();
          shapes.add(`${status} ${location.replace(/req_\w+/, 'REQUEST')}`);
        }
      }
      expect([...shapes]).toEqual(['302 /#sign-in-error=login_failed&request=REQUEST']);
    });

    it('sends nobody to a provider that cannot be reached, and says that it is not their fault', async () => {
      await connect(test.server, test.provider, test.server.acme, { issuer: `${test.provider.issuer}/elsewhere` });
      expect(test.told(await test.signIn())).toMatchObject({ 'sign-in-error': 'dependency_unavailable' });
    });
  });

  describe('codes that are none', () => {
    it.each([
      null,
      '',
      [],
      {},
      0,
      true,
      'null',
      'undefined',
      'si-gen-',
      `si-gen-${'0'.repeat(32)}-${'0'.repeat(32)}-${'A'.repeat(43)}`,
    ])('open nothing: %j', async (code) => {
      const { status, body } = await test.server.as(undefined, 'POST', '/api/auth/oidc/exchange', { code });
      expect([400, 401]).toContain(status);
      expect(body).not.toHaveProperty('access_token');
    });
  });

  describe('the settings', () => {
    it('never show the secret, and keep it sealed for this issuer and client only', async () => {
      const { body } = await test.server.as(test.server.acme.admin, 'GET', '/api/identity-provider');
      expect(body).toMatchObject({
        has_client_secret: true,
        redirect_uri: `${testPublicUrl}/api/auth/oidc/acme/callback`,
      });
      expect(JSON.stringify(body)).not.toContain('a-secret-of-the-client');
      const [row] = await test.server.testDatabase.superuser(
        'select client_secret_sealed from genai.identity_providers limit 1',
      );
      expect(String(row?.['client_secret_sealed'])).not.toContain('a-secret-of-the-client');
    });

    it('lose the secret when issuer or client change, so that it is never sent to anybody else', async () => {
      const { issuer } = test.provider;
      const put = (change: object) =>
        test.server.as(test.server.acme.admin, 'PUT', '/api/identity-provider', {
          issuer,
          client_id: 'client-of-acme',
          ...change,
        });
      expect((await put({})).body).toMatchObject({ has_client_secret: true });
      expect((await put({ issuer: `${issuer}/` })).body).toMatchObject({ has_client_secret: false });
      expect((await put({})).body).toMatchObject({ has_client_secret: false });
      await connect(test.server, test.provider, test.server.acme);
      expect((await put({ client_id: 'other' })).body).toMatchObject({ has_client_secret: false });
      await connect(test.server, test.provider, test.server.acme);
      expect((await put({ client_secret: null })).body).toMatchObject({ has_client_secret: false });
    });

    it.each([`client_id = 'another'`, `issuer = issuer || '/another'`])(
      'open the secret for nobody else where a row changes without it: %s',
      async (change) => {
        const { superuser } = test.server.testDatabase;
        await superuser(`update genai.identity_providers set ${change} where tenant_id = $1`, [test.server.acme.id]);
        const { status, location } = await test.browser().get('/api/auth/oidc/acme');
        expect({ status, location }).toEqual({ status: 500, location: '' });
      },
    );

    it('give nothing that the admin could not give by hand', async () => {
      const payload = {
        email: 'lesser@acme.example',
        name: 'Lesser',
        role: 'admin',
        clearance: 'internal',
        password: test.server.password,
      };
      await test.server.as(test.server.acme.admin, 'POST', '/api/users', payload);
      const login = { tenant: 'acme', email: payload.email, password: test.server.password };
      const tokens = (await test.server.as(undefined, 'POST', '/api/auth/login', login)).body;
      const admin = {
        ...test.server.acme.admin,
        headers: { authorization: `Bearer ${String(tokens['access_token'])}` },
      };
      const put = (settings: object) =>
        connect(test.server, test.provider, { slug: 'acme', admin }, settings as Record<string, unknown>);
      expect(await put({})).toMatchObject({ status: 200 });
      expect(await put({ default_clearance: 'restricted' })).toMatchObject({
        status: 403,
        body: { code: 'classification_denied' },
      });
      const rule = { claim: 'groups', value: 'x', clearance: 'confidential' };
      expect(await put({ rules: [rule] })).toMatchObject({ status: 403 });
      expect(await put({ rules: [{ claim: 'groups', value: 'x', role: 'no-such-role' }] })).toMatchObject({
        status: 400,
      });
      expect(
        await connect(test.server, test.provider, { slug: 'acme', admin: test.server.acme.analyst }),
      ).toMatchObject({
        status: 403,
      });
    });

    it.each([
      ['issuer', { issuer: 'ftp://x.example' }],
      ['issuer', { issuer: 'https://user:word@x.example' }],
      ['issuer', { issuer: 'https://x.example?y' }],
      ['issuer', { issuer: 'not an address' }],
      ['scopes', { scopes: ['email'] }],
      ['scopes', { scopes: ['openid', 'a b'] }],
      ['algorithms', { algorithms: ['RS256', 'ES256'] }],
      ['rules/0', { rules: [{ claim: 'x', value: 'y' }] }],
      ['algorithms/0', { algorithms: ['HS256'] }],
      ['algorithms/0', { algorithms: ['none'] }],
    ])('name %s when it is wrong', async (field, wrong) => {
      const { status, body } = await connect(test.server, test.provider, test.server.acme, wrong);
      expect(status).toBe(400);
      expect((body as { errors: { pointer: string }[] }).errors.map(({ pointer }) => pointer)).toContain(`/${field}`);
    });

    it('tell when the issuer calls itself something else, and which rule of the way out is against an address', async () => {
      const look = () => test.server.as(test.server.acme.admin, 'POST', '/api/identity-provider/test');
      await connect(test.server, test.provider, test.server.acme, { issuer: `${test.provider.issuer}/` });
      expect((await look()).body['problems']).toEqual([
        `It names itself ${test.provider.issuer}; write it exactly so.`,
      ]);
      await connect(test.server, test.provider, test.server.acme);
      test.setWay(async (_address, answer) =>
        Response.json({ ...((await answer.json()) as object), issuer: 'https://x.example' }),
      );
      const { status, body } = await look();
      expect({ status, ...body }).toMatchObject({
        status: 503,
        detail: expect.stringContaining('names another issuer'),
      });
      test.setWay((_address, answer) => answer);
      await connect(test.server, test.provider, test.server.acme, { issuer: 'http://169.254.169.254' });
      expect(await look()).toMatchObject({ body: { code: 'egress_denied' } });
    });

    it('tell what the provider publishes, and what would keep people from signing in', async () => {
      const look = () => test.server.as(test.server.acme.admin, 'POST', '/api/identity-provider/test');
      expect((await look()).body).toMatchObject({ issuer: test.provider.issuer, key_types: ['RSA'], problems: [] });
      await connect(test.server, test.provider, test.server.acme, { algorithms: ['ES256'] });
      expect((await look()).body['problems']).toHaveLength(2);
    });
  });

  describe('where only the provider may let people in', () => {
    const required = {
      sign_in_required: true,
      links_by_email: true,
      default_role: 'admin',
      default_clearance: 'restricted',
    };
    const login = (who: { readonly email: string }) =>
      test.server.as(undefined, 'POST', '/api/auth/login', {
        tenant: 'globex',
        email: who.email,
        password: test.server.password,
      });

    it('passwords are refused once an admin has shown that the provider works, and an operator can take that back', async () => {
      const { globex } = test.server;
      expect(await connect(test.server, test.provider, globex, required)).toMatchObject({ status: 409 });
      await connect(test.server, test.provider, globex, { ...required, sign_in_required: false });
      const old = (await login(globex.analyst)).body;
      test.newPerson({ email: globex.admin.email });
      const { who } = await test.signIn('globex');
      expect(await test.me(who)).toMatchObject({ user: { id: globex.admin.userId } });
      const wrong = await test.server.as(undefined, 'POST', '/api/auth/login', {
        tenant: 'globex',
        email: globex.analyst.email,
        password: 'x',
      });

      const admin = { ...globex.admin, ...who };
      expect(await connect(test.server, test.provider, { slug: 'globex', admin }, required)).toMatchObject({
        status: 200,
      });
      const refused = await login(globex.analyst);
      expect(refused.status).toBe(401);
      const { request_id: _, ...same } = refused.body;
      expect(wrong.body).toMatchObject(same);
      const refreshed = await test.server.as(undefined, 'POST', '/api/auth/refresh', {
        refresh_token: old['refresh_token'],
      });
      expect(refreshed.status).toBe(401);
      expect(await test.server.as(who, 'GET', '/api/me')).toMatchObject({ status: 200 });
      test.newPerson();
      expect((await test.signIn('globex')).who).toBeDefined();

      const path = `/api/operator/tenants/${globex.id}/passwords/allow`;
      expect(await test.server.as(globex.admin, 'POST', path)).toMatchObject({ status: 403 });
      expect(await test.server.as(test.server.operator, 'POST', path)).toMatchObject({ status: 204 });
      expect(await login(globex.analyst)).toMatchObject({ status: 200 });
      const nobody = '/api/operator/tenants/ten_00000000000000000000000000000000/passwords/allow';
      expect(await test.server.as(test.server.operator, 'POST', nobody)).toMatchObject({ status: 404 });
    });
  });
});
