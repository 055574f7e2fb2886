/** Signing in with a second factor, and what is left of an admin without one, over HTTP on a whole server. */

import { Secret, TOTP } from 'otpauth';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../src/config/index.ts';
import { operations } from '../src/http/routes/index.ts';
import { isFactorRequiredOfAdmins } from '../src/settings.ts';
import { startTestApp, type TestApp } from './support/app.ts';
import { anyTestDatabase } from './support/database.ts';
import { openTestServer } from './support/http.ts';
import { startOidcProvider } from './support/oidc-provider.ts';
import { connect, newBrowser } from './support/sign-in.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startTestApp(anyTestDatabase(), {
    REQUIRE_ADMIN_SECOND_FACTOR: 'true',
    RATE_LIMIT_ANONYMOUS_REQUESTS_PER_MINUTE: '100000',
  });
}, 120_000);
afterAll(() => server?.close());

const codeOf = (secret: string, steps = 0) =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + steps * 30_000 });

async function logIn(role: 'admin' | 'analyst', code?: string) {
  const { email, password } = server.user('acme', role);
  return server.call(undefined, 'POST', '/api/auth/login', { tenant: 'acme', email, password, code });
}
const tokenOf = ({ body }: { body: Record<string, unknown> }) => String(body['access_token']);

describe('an admin without a second factor', () => {
  it('is where REQUIRE_ADMIN_SECOND_FACTOR says so; of itself it does in production', () => {
    const isRequired = (setting: string, environment: string) => {
      const variables = { REQUIRE_ADMIN_SECOND_FACTOR: setting, APP_ENV: environment };
      // Production demands more settings than matter here.
      const { config } = loadConfig({
        environment: { REQUIRE_ADMIN_SECOND_FACTOR: setting },
        directory: server.dataDir,
      });
      return isFactorRequiredOfAdmins({
        ...config,
        server: { ...config.server, environment: variables.APP_ENV as typeof config.server.environment },
      });
    };
    expect([isRequired('auto', 'production'), isRequired('auto', 'development')]).toEqual([true, false]);
    expect([isRequired('false', 'production'), isRequired('true', 'development')]).toEqual([false, true]);
  });

  it('can do nothing but set one up, whatever operation they try, until a code confirms it', async () => {
    const token = tokenOf(await logIn('admin'));
    const open = [
      'getMe',
      'changePassword',
      ...operations.filter(({ path }) => path.includes('second-factor')).map(({ operationId }) => operationId),
    ];
    const denied: string[] = [];
    for (const { method, path, operationId, access } of operations) {
      if (access === 'public' || operationId === 'logout') continue;
      const { status } = await server.call(token, method, path.replace('{id}', `doc_${'0'.repeat(32)}`));
      if (status === 403) denied.push(operationId);
      else expect(open, operationId).toContain(operationId);
    }
    expect(denied).toEqual(
      expect.arrayContaining(['listUsers', 'ask', 'listSessions', 'createKey', 'resetSecondFactor', 'createTenant']),
    );

    expect((await server.call(token, 'GET', '/api/me')).body).toMatchObject({ permissions: ['account:write'] });
    const status = async () => (await server.call(token, 'GET', '/api/me/second-factor')).body;
    expect(await status()).toMatchObject({ state: 'none', is_required: true });
    const { password } = server.user('acme', 'admin');
    const { body: made } = await server.call(token, 'POST', '/api/me/second-factor', { password });
    const secret = String(made['secret']);
    expect(made['uri']).toMatch(/^otpauth:\/\/totp\/genai-platform%20acme/);
    const { body: confirmed } = await server.call(token, 'POST', '/api/me/second-factor/confirm', {
      code: codeOf(secret),
    });
    expect(confirmed['recovery_codes']).toHaveLength(10);
    expect((await server.call(token, 'GET', '/api/users')).status).toBe(200);
    expect(await status()).toMatchObject({ state: 'active', is_required: true, recovery_codes_left: 10 });

    const challenged = await logIn('admin');
    expect(challenged).toMatchObject({ status: 401, body: { code: 'second_factor_required' } });
    expect(await logIn('admin', '000000')).toMatchObject({ status: 401, body: { code: 'login_failed' } });
    const [recovery] = confirmed['recovery_codes'] as string[];
    expect((await logIn('admin', recovery)).status).toBe(200);
    expect((await logIn('admin', codeOf(secret, 1))).status).toBe(200);
  });
});

describe('an admin who comes through an identity provider', () => {
  it('is not held up, since the provider answers for them; the same admin with a password is', async () => {
    const [tenants, provider] = await Promise.all([
      openTestServer({ identity: { isFactorRequiredOfAdmins: true, nowMs: Date.now() } }),
      startOidcProvider(),
    ]);
    const { acme } = tenants;
    await connect(tenants, provider, acme, { default_role: 'admin', default_clearance: 'restricted' });
    provider.be({ sub: 'p-1', email: 'grace@acme.example', email_verified: true, name: 'Grace' });
    const { who } = await newBrowser(tenants, provider).signIn('acme');
    expect(await tenants.as(who, 'GET', '/api/users')).toMatchObject({ status: 200 });
    const byPassword = { headers: { authorization: `Bearer ${acme.admin.accessToken}` } };
    expect(await tenants.as(byPassword, 'GET', '/api/users')).toMatchObject({ status: 403 });
    await tenants.stop();
    await provider.close();
  });
});

describe('others', () => {
  it('sign in as before, see their sessions and end the others', async () => {
    const [first, second] = [tokenOf(await logIn('analyst')), tokenOf(await logIn('analyst'))];
    const { body } = await server.call(first, 'GET', '/api/sessions');
    const listed = body['data'] as Record<string, unknown>[];
    expect(listed).toHaveLength(2);
    expect(listed).toEqual(
      expect.arrayContaining([expect.objectContaining({ device: 'node', network: '127.0.0.0/24', is_current: true })]),
    );
    expect((await server.call(first, 'DELETE', '/api/sessions')).body).toEqual({ ended: 1 });
    expect((await server.call(second, 'GET', '/api/me')).status).toBe(401);
    expect((await server.call(first, 'GET', '/api/me')).status).toBe(200);
    expect((await server.call(server.user('acme', 'analyst'), 'DELETE', '/api/sessions')).status).toBe(409);
  });

  it('have their sessions seen and ended by admins of their tenant, and by nobody else', async () => {
    const token = tokenOf(await logIn('analyst'));
    const { body: me } = await server.call(token, 'GET', '/api/me');
    const path = `/api/users/${(me['user'] as { id: string }).id}/sessions`;
    const admin = server.user('acme', 'admin');
    const { body } = await server.call(admin, 'GET', path);
    const [session] = body['data'] as { id: string; is_current: boolean }[];
    expect(session?.is_current).toBe(false);
    for (const method of ['GET', 'DELETE'] as const) {
      expect((await server.call(token, method, path)).status).toBe(403);
      expect((await server.call(server.user('globex', 'admin'), method, path)).status).toBe(404);
    }
    expect((await server.call(server.user('globex', 'admin'), 'DELETE', `/api/sessions/${session?.id}`)).status).toBe(
      404,
    );
    expect((await server.call(server.user('acme', 'viewer'), 'DELETE', `/api/sessions/${session?.id}`)).status).toBe(
      404,
    );
    expect((await server.call(admin, 'DELETE', `/api/sessions/${session?.id}`)).status).toBe(204);
    expect((await server.call(token, 'GET', '/api/me')).status).toBe(401);
    await logIn('analyst');
    expect((await server.call(admin, 'DELETE', path)).body).toMatchObject({ ended: expect.any(Number) });
    expect((await server.call(admin, 'GET', path)).body).toEqual({ data: [] });
  });

  it('change their own password', async () => {
    const { password } = server.user('acme', 'analyst');
    const token = tokenOf(await logIn('analyst'));
    const wanted = 'a password of my own choice';
    const change = (body: object) => server.call(token, 'POST', '/api/me/password', body);
    expect(await change({ current: 'wrong', new: wanted })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/current' }] },
    });
    expect((await change({ current: password, new: wanted })).status).toBe(204);
    expect((await logIn('analyst')).status).toBe(401);
    expect((await change({ current: wanted, new: password })).status).toBe(204);
  });
});
