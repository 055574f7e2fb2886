import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestServer, type TestServer } from '../../../test/support/http.ts';
import type { UsageQuery } from '../../ledger/index.ts';

let server: TestServer;
const usageQueries: UsageQuery[] = [];
beforeAll(async () => {
  server = await openTestServer({
    services: {
      ledger: {
        usage: async (_ctx, query) => {
          usageQueries.push(query);
          return [
            {
              key: '2026-11-23',
              requests: 2,
              inputTokens: 30,
              outputTokens: 4,
              estimatedCostNano: 9_000_000_000n,
              costNano: 1n,
            },
          ];
        },
      },
      health: {
        components: async () => [
          { name: 'database', status: 'ok', required: true, latencyMs: 1.5 },
          { name: 'redis', status: 'off', required: false },
          { name: 'upstream', status: 'degraded', required: false, detail: 'Slow.' },
        ],
      },
    },
  });
});
afterAll(() => server.stop());

describe('login', () => {
  it('gives tokens that work, refresh once, and end with logout', async () => {
    const { email } = server.acme.viewer;
    const login = await server.as<{ access_token: string; refresh_token: string }>(
      undefined,
      'POST',
      '/api/auth/login',
      {
        email,
        password: server.password,
      },
    );
    expect(login).toMatchObject({ status: 200, body: { token_type: 'Bearer', expires_in: 3600 } });
    const session = { headers: { authorization: `Bearer ${login.body.access_token}` } };
    expect(await server.as(session, 'GET', '/api/me')).toMatchObject({
      body: {
        user: { email, role: 'viewer', clearance: 'internal' },
        tenant: { slug: 'acme', tier: 'enterprise' },
        credential: { kind: 'session' },
        permissions: expect.arrayContaining(['query:ask']),
      },
    });
    const sessions = await server.as<{ data: { id: string; is_current: boolean }[] }>(session, 'GET', '/api/sessions');
    expect(sessions.body.data.filter((one) => one.is_current)).toHaveLength(1);
    const refresh = { refresh_token: login.body.refresh_token };
    expect((await server.as(undefined, 'POST', '/api/auth/refresh', refresh)).status).toBe(200);
    expect((await server.as(session, 'POST', '/api/auth/logout')).status).toBe(204);
    expect((await server.as(session, 'GET', '/api/me')).status).toBe(401);
    expect((await server.as(undefined, 'POST', '/api/auth/refresh', refresh)).status).toBe(401);
  });

  it('does not say which part was wrong', async () => {
    const attempts = [
      { email: server.acme.viewer.email, password: 'wrong password entirely' },
      { email: 'nobody@acme.example', password: server.password },
      { tenant: 'globex', email: server.acme.viewer.email, password: server.password },
      { tenant: 'no such tenant', email: server.acme.viewer.email, password: server.password },
    ];
    const answers = await Promise.all(
      attempts.map((attempt) => server.as(undefined, 'POST', '/api/auth/login', attempt)),
    );
    const told = answers.map(({ status, body: { request_id: _, ...rest } }) => JSON.stringify([status, rest]));
    expect(new Set(told).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 401, body: { code: 'login_failed' } });
  });
});

describe('users and keys', () => {
  it('are made, listed page by page, changed and revoked', async () => {
    const { admin } = server.acme;
    const input = { email: 'new@acme.example', name: 'Nou Vinguda', role: 'viewer', clearance: 'public' };
    const made = await server.as<{ id: string }>(admin, 'POST', '/api/users', input);
    expect(made).toMatchObject({ status: 201, body: { ...input, status: 'active' } });
    const key = await server.as<{ id: string; key: string }>(admin, 'POST', '/api/keys', {
      name: 'ci',
      user_id: made.body.id,
      scopes: ['query:ask'],
      expires_in_days: 1,
    });
    expect(key).toMatchObject({
      status: 201,
      body: { name: 'ci', scopes: ['query:ask'], user_id: made.body.id, last_used_at: null },
    });
    const holder = { headers: { authorization: `Bearer ${key.body.key}` } };
    expect((await server.as(holder, 'GET', '/api/documents')).status).toBe(403);

    const listed: { id: string }[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: { body: { data: { id: string }[]; next_cursor: string | null } } = await server.as(
        admin,
        'GET',
        `/api/users?limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      expect(page.body.data).toHaveLength(1);
      listed.push(...page.body.data);
      cursor = page.body.next_cursor;
    }
    expect(listed.map(({ id }) => id)).toContain(made.body.id);
    expect(new Set(listed.map(({ id }) => id)).size).toBe(listed.length);

    expect(await server.as(admin, 'PATCH', `/api/users/${made.body.id}`, { role: 'analyst' })).toMatchObject({
      body: { role: 'analyst' },
    });
    expect((await server.as(admin, 'DELETE', `/api/keys/${key.body.id}`)).status).toBe(204);
    expect((await server.as(holder, 'GET', '/api/me')).status).toBe(401);
    expect(JSON.stringify((await server.as(admin, 'GET', '/api/keys')).body)).not.toContain(key.body.key);
  });

  it('of another tenant do not exist', async () => {
    const { userId } = server.globex.viewer;
    expect((await server.as(server.acme.admin, 'PATCH', `/api/users/${userId}`, { name: 'Mine now' })).status).toBe(
      404,
    );
    expect((await server.as(server.acme.admin, 'POST', '/api/keys', { name: 'x', user_id: userId })).status).toBe(404);
  });
});

describe('usage', () => {
  it('is that of the tenant for who may read it, with its budget', async () => {
    const { status, body } = await server.as(
      server.acme.admin,
      'GET',
      '/api/usage?from=2026-11-01T00:00:00%2B01:00&group_by=model',
    );
    expect([status, body['scope']]).toEqual([200, 'tenant']);
    expect(usageQueries.at(-1)).toEqual({
      from: new Date('2026-10-31T23:00:00Z'),
      to: expect.any(Date),
      groupBy: 'model',
    });
    expect(body).toMatchObject({
      data: [
        {
          key: '2026-11-23',
          requests: 2,
          input_tokens: 30,
          cost: { nano_usd: '1', usd: '0.000000001' },
          estimated_cost: { nano_usd: '9000000000', usd: '9' },
        },
      ],
      budget: { spent: { usd: '0' }, limit: { nano_usd: '1000000000000' } },
    });
  });

  it('is their own for everybody else', async () => {
    const { body } = await server.as(server.acme.viewer, 'GET', '/api/usage');
    expect(body).toMatchObject({ scope: 'own', budget: null });
    expect(usageQueries.at(-1)).toMatchObject({ userId: server.acme.viewer.userId });
    expect(await server.as(server.acme.viewer, 'GET', '/api/usage?scope=tenant')).toMatchObject({
      status: 403,
      body: { code: 'permission_denied' },
    });
  });
});

describe('the audit log', () => {
  it('shows what happened in the own tenant, newest first', async () => {
    const { body } = await server.as<{ data: { event: { action: string; tenant_id: string } }[] }>(
      server.acme.admin,
      'GET',
      '/api/audit?limit=200',
    );
    expect(body.data.length).toBeGreaterThan(5);
    expect(new Set(body.data.map(({ event }) => event.tenant_id))).toEqual(new Set([server.acme.id]));
  });
});

describe('the gateway', () => {
  it('lists models and finds one by its id', async () => {
    const model = { id: 'test-model', object: 'model', created: 1, owned_by: 'tests' };
    expect((await server.as(server.acme.viewer, 'GET', '/v1/models')).body).toEqual({ object: 'list', data: [model] });
    expect((await server.as(server.acme.viewer, 'GET', '/v1/models/test-model')).body).toEqual(model);
    expect(await server.as(server.acme.viewer, 'GET', '/v1/models/org%2Fnone')).toMatchObject({
      status: 404,
      body: { error: { code: 'model_not_found' } },
    });
  });
});

describe('operators', () => {
  it('make, change and list tenants, and read security events', async () => {
    const made = await server.as<{ id: string }>(server.operator, 'POST', '/api/operator/tenants', {
      slug: 'initech',
      name: 'Initech',
      tier: 'starter',
    });
    expect(made).toMatchObject({
      status: 201,
      body: { slug: 'initech', tier: 'starter', status: 'active', region: 'local' },
    });
    expect(
      await server.as(server.operator, 'POST', '/api/operator/tenants', {
        slug: 'initech',
        name: 'Again',
        tier: 'free',
      }),
    ).toMatchObject({ status: 409 });
    expect(
      await server.as(server.operator, 'PATCH', `/api/operator/tenants/${made.body.id}`, { status: 'suspended' }),
    ).toMatchObject({ body: { status: 'suspended' } });
    await server.inject({
      method: 'GET',
      url: '/api/me',
      headers: { ...server.acme.viewer.headers, 'x-tenant-id': 'globex' },
    });
    expect(await server.as(server.operator, 'GET', '/api/operator/security-events?limit=1')).toMatchObject({
      body: {
        data: [
          {
            kind: 'cross_tenant_access',
            tenant_id: server.acme.id,
            severity: 'high',
            details: { place: 'header', named_tenant: 'globex' },
          },
        ],
      },
    });
  });
});

describe('health', () => {
  it('of the process touches nothing', async () => {
    expect((await server.as(undefined, 'GET', '/health')).body).toEqual({ status: 'ok' });
  });

  it('in detail names every part', async () => {
    expect(await server.as(undefined, 'GET', '/health/detailed')).toMatchObject({
      status: 200,
      body: {
        status: 'degraded',
        components: [
          { name: 'server', status: 'ok', required: true },
          { name: 'database', status: 'ok', required: true, latency_ms: 1.5 },
          { name: 'redis', status: 'off', required: false },
          { name: 'upstream', status: 'degraded', required: false, detail: 'Slow.' },
        ],
      },
    });
  });

  it('is 503 when a required part is down', async () => {
    const { components } = server.services.health;
    Object.assign(server.services.health, {
      components: async () => [{ name: 'database', status: 'down', required: true }],
    });
    expect(await server.as(undefined, 'GET', '/health/detailed')).toMatchObject({
      status: 503,
      body: { status: 'down' },
    });
    Object.assign(server.services.health, { components });
  });
});
