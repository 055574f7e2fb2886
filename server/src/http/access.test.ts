import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestServer, type TestServer } from '../../test/support/http.ts';
import { codeIn } from '../../test/support/refusals.ts';
import { type Permission, roleHolds } from '../access/index.ts';
import { defineOperation, type Operation } from './operation.ts';
import { operations } from './routes/index.ts';
import type { Problem } from './schemas/errors.ts';
import { createHttpServer } from './server.ts';

let server: TestServer;
const notFound: string[] = [];
beforeAll(async () => {
  const environment = { RATE_LIMIT_ANONYMOUS_REQUESTS_PER_MINUTE: '1000000', METRICS_TOKEN: 'metrics-token-of-tests' };
  server = await openTestServer({ environment, services: { onNotFound: (_ctx, id) => void notFound.push(id) } });
});
afterAll(() => server.stop());

const ofTenants = operations.filter(({ access }) => access === 'authenticated' || typeof access === 'object');
const named = (list: readonly Operation[]) => list.map((operation) => [operation.operationId, operation] as const);

/** Calls an operation with an id that is nobody's. */
function call(
  { method, path }: Operation,
  headers: Record<string, string>,
  rest: { payload?: object; query?: Record<string, string> } = {},
) {
  const url = path.replace('{id}', path.includes('/users/') ? `usr_${'0'.repeat(32)}` : `doc_${'0'.repeat(32)}`);
  return server.inject({ method, url, headers, ...rest });
}

const codeOf = (response: { body: string }) => codeIn(response.body);

describe('a route', () => {
  it('without declared access stops the start', async () => {
    const { access: _, ...rest } = defineOperation({
      method: 'GET',
      path: '/api/open',
      operationId: 'open',
      summary: 'Open.',
      tag: 'server',
      access: 'public',
      success: { status: 200, description: 'Open.' },
      handle: async () => {},
    });
    const { services, config } = server;
    const list = operations as Operation[];
    list.push(rest as Operation);
    try {
      await expect(createHttpServer({ services, config, log: server.log })).rejects.toThrow(
        'The route GET /api/open does not declare its access.',
      );
    } finally {
      list.pop();
    }
  });
});

describe.each(named(ofTenants))('%s', (_, operation) => {
  it.each([
    ['no credential', {}],
    ['an empty one', { authorization: '' }],
    ['another scheme', { authorization: 'Basic YTpi' }],
    ['an unknown key', { authorization: `Bearer sk-gen-${'0'.repeat(32)}-${'a'.repeat(43)}` }],
    ['a token that we did not sign', { authorization: 'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c3JfMSJ9.' }],
  ])('refuses %s with authentication_required', async (_name, headers) => {
    const response = await call(operation, headers);
    expect([response.statusCode, codeOf(response)]).toEqual([401, 'authentication_required']);
    expect(response.headers['www-authenticate']).toBe('Bearer');
  });

  it('refuses an operator key', async () => {
    expect((await call(operation, server.operator.headers)).statusCode).toBe(401);
  });

  it('refuses every role that does not hold its permission, and names it', async () => {
    const { access } = operation;
    for (const role of ['admin', 'analyst', 'viewer'] as const) {
      const response = await call(operation, server.acme[role].headers);
      const permission: Permission | undefined = typeof access === 'object' ? access.permission : undefined;
      const isHeld = permission === undefined || roleHolds(role, permission);
      expect(response.statusCode === 403, `${role} on ${operation.operationId}: ${response.body}`).toBe(!isHeld);
      if (!isHeld) expect(response.body).toContain(permission);
    }
  });

  it.each<[string, Record<string, string>, Record<string, string>]>([
    ['the header', { 'x-tenant-id': 'globex' }, {}],
    ['the query', {}, { tenant_id: 'globex' }],
    ['another field of the query', {}, { tenant: 'nobody-at-all' }],
  ])('refuses another tenant in %s, and records it', async (_name, headers, query) => {
    const before = (await server.securityEvents()).length;
    const response = await call(operation, { ...server.acme.admin.headers, ...headers }, { query });
    expect([response.statusCode, codeOf(response)]).toEqual([403, 'cross_tenant_access']);
    const [event, ...older] = await server.securityEvents();
    expect(older).toHaveLength(before);
    expect(event).toMatchObject({
      tenantId: server.acme.id,
      kind: 'cross_tenant_access',
      userId: server.acme.admin.userId,
      requestId: response.headers['x-request-id'],
      details: { operation: operation.operationId },
    });
  });
});

describe.each(named(ofTenants.filter(({ body, bodyMediaType }) => body !== undefined && bodyMediaType === undefined)))(
  '%s',
  (_, operation) => {
    it.each(['tenant_id', 'tenant'])(
      'refuses another tenant in the field %s of its body, although the body is invalid',
      async (field) => {
        const response = await call(operation, server.acme.admin.headers, { payload: { [field]: server.globex.id } });
        expect([response.statusCode, codeOf(response)]).toEqual([403, 'cross_tenant_access']);
      },
    );
  },
);

describe('a request that names a tenant', () => {
  it('passes when it is the own one, by id or slug', async () => {
    for (const name of ['acme', server.acme.id]) {
      const headers = { ...server.acme.viewer.headers, 'x-tenant-id': name };
      expect((await server.inject({ method: 'GET', url: '/api/me', headers })).statusCode).toBe(200);
    }
  });

  it('gets the same answer whether the other tenant exists or not', async () => {
    const answers = await Promise.all(
      ['globex', 'never-existed', server.globex.id].map(async (name) => {
        const headers = { ...server.acme.viewer.headers, 'x-tenant-id': name };
        const { request_id: _, ...rest } = (
          await server.inject({ method: 'GET', url: '/api/me', headers })
        ).json<Problem>();
        return JSON.stringify(rest);
      }),
    );
    expect(new Set(answers).size).toBe(1);
  });

  it('in the path of an operation of operators is refused as that, even by its admin for the own tenant', async () => {
    const change = (id: string) =>
      server.inject({
        method: 'PATCH',
        url: `/api/operator/tenants/${id}`,
        headers: server.acme.admin.headers,
        payload: { tier: 'enterprise' },
      });
    expect(codeOf(await change(server.globex.id))).toBe('cross_tenant_access');
    expect((await server.securityEvents())[0]).toMatchObject({
      details: { place: 'path', named_tenant: server.globex.id },
    });
    expect(codeOf(await change(server.acme.id))).toBe('permission_denied');
  });

  it('in a form is refused too', async () => {
    const form = new FormData();
    form.set('tenant_id', server.globex.id);
    form.set('file', new Blob(['text']), 'a.txt');
    const { headers, payload } = await encoded(form);
    const response = await server.inject({
      method: 'POST',
      url: '/api/documents',
      headers: { ...server.acme.admin.headers, ...headers },
      payload,
    });
    expect(codeOf(response)).toBe('cross_tenant_access');
  });

  it('may do so at login, where it is the point', async () => {
    const payload = { tenant: 'globex', email: server.globex.viewer.email, password: server.password };
    expect((await server.inject({ method: 'POST', url: '/api/auth/login', payload })).statusCode).toBe(200);
  });
});

describe.each(named(operations.filter(({ access }) => access === 'operator')))('%s', (_, operation) => {
  it('is for operators alone', async () => {
    expect((await call(operation, {})).statusCode).toBe(401);
    expect(
      (await call(operation, { authorization: `Bearer op-gen-${'0'.repeat(32)}-${'a'.repeat(43)}` })).statusCode,
    ).toBe(401);
    const asAdmin = await call(operation, server.acme.admin.headers);
    const code = operation.idNamesTenant === true ? 'cross_tenant_access' : 'permission_denied';
    expect([asAdmin.statusCode, codeOf(asAdmin)]).toEqual([403, code]);
    expect([401, 403]).not.toContain((await call(operation, server.operator.headers)).statusCode);
  });
});

describe('credentials on the gateway', () => {
  it.each(['authorization', 'x-api-key', 'api-key'])('may come in %s', async (header) => {
    const value = header === 'authorization' ? server.acme.viewer.headers.authorization : server.acme.viewer.apiKey;
    expect((await server.inject({ method: 'GET', url: '/v1/models', headers: { [header]: value } })).statusCode).toBe(
      200,
    );
  });

  it('do not come in x-api-key elsewhere', async () => {
    expect(
      (await server.inject({ method: 'GET', url: '/api/me', headers: { 'x-api-key': server.acme.viewer.apiKey } }))
        .statusCode,
    ).toBe(401);
  });
});

describe('a suspended user', () => {
  it('is out with the next request', async () => {
    const { analyst, admin } = server.globex;
    expect((await server.inject({ method: 'GET', url: '/api/me', headers: analyst.headers })).statusCode).toBe(200);
    const suspended = await server.inject({
      method: 'PATCH',
      url: `/api/users/${analyst.userId}`,
      headers: admin.headers,
      payload: { status: 'suspended' },
    });
    expect(suspended.statusCode).toBe(200);
    expect((await server.inject({ method: 'GET', url: '/api/me', headers: analyst.headers })).statusCode).toBe(401);
  });
});

describe('monitoring', () => {
  it.each(['/metrics', '/health/detailed'])(
    '%s demands METRICS_TOKEN, and a credential of a tenant is none',
    async (url) => {
      expect((await server.inject({ method: 'GET', url })).statusCode).toBe(401);
      expect((await server.inject({ method: 'GET', url, headers: server.acme.admin.headers })).statusCode).toBe(401);
      const headers = { authorization: 'Bearer metrics-token-of-tests' };
      expect((await server.inject({ method: 'GET', url, headers })).statusCode).toBe(200);
    },
  );

  it('of liveness demands nothing', async () => {
    expect((await server.inject({ method: 'GET', url: '/health' })).statusCode).toBe(200);
  });

  it('counts requests by operation, never by address or tenant', async () => {
    const { body } = await server.services.metrics.exposition();
    expect(body).toMatch(/genai_http_requests_total\{method="GET",route="\/api\/documents\/\{id\}",status="404"\} \d+/);
    expect(body).not.toContain('doc_0000');
    expect(body).not.toContain(server.acme.id);
  });
});

describe('an id that was not found', () => {
  it('is told to whoever watches for probing', async () => {
    const url = `/api/documents/doc_${'7'.repeat(32)}`;
    await server.inject({ method: 'GET', url, headers: server.acme.viewer.headers });
    expect(notFound).toContain(`doc_${'7'.repeat(32)}`);
  });
});

async function encoded(form: FormData) {
  const request = new Request('http://localhost/', { method: 'POST', body: form });
  const type = request.headers.get('content-type') ?? '';
  return { headers: { 'content-type': type }, payload: Buffer.from(await request.arrayBuffer()) };
}
