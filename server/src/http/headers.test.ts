import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestServer, type TestServer } from '../../test/support/http.ts';
import { testLimits, testPolicy } from '../../test/support/limits.ts';
import { durationText } from './plugins/rate-headers.ts';
import { createHttpServer, type HttpServer } from './server.ts';

let server: TestServer;
beforeAll(async () => {
  const { tiers } = testPolicy();
  const limits = testLimits({
    policy: {
      tiers: { ...tiers, free: { ...tiers.free, requestsPerMinute: 60 } },
      key: { requestsPerMinute: 3000, tokensPerMinute: 0, concurrency: 0 },
      anonymousRequestsPerMinute: 30,
    },
    // Nothing refills, however slow the machine is.
    now: () => 0,
  });
  server = await openTestServer({ services: { limits } });
});
afterAll(() => server.stop());

/** Another server over the same services with other settings. */
async function withSettings(changes: object, use: (http: HttpServer) => Promise<void>) {
  const { config, services, log } = server;
  const http = await createHttpServer({
    services,
    config: { ...config, server: { ...config.server, ...changes } },
    log,
  });
  try {
    await use(http);
  } finally {
    await http.close();
  }
}

describe('every answer', () => {
  it.each([
    ['of the API', 'GET', '/api/me', true],
    ['of the gateway', 'GET', '/v1/models', true],
    ['that is an error', 'GET', '/api/documents/doc_1', true],
    ['without credential', 'GET', '/api/me', false],
    ['of nothing', 'GET', '/nothing', false],
    ['of a path that cannot be read', 'GET', '/%zz', false],
  ] as const)('%s binds browsers and caches', async (_, method, url, isSigned) => {
    const { headers } = await server.inject({ method, url, headers: isSigned ? server.acme.viewer.headers : {} });
    expect(headers).toMatchObject({
      'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': expect.stringMatching(/no-store/),
      'x-request-id': expect.stringMatching(/^req_[0-9a-f]{32}$/),
    });
    expect(headers).not.toHaveProperty('server');
    expect(headers).not.toHaveProperty('x-powered-by');
  });

  it('that differs by who asks says so to caches', async () => {
    const { headers } = await server.inject({ method: 'GET', url: '/api/me', headers: server.acme.viewer.headers });
    expect(headers).toMatchObject({ 'cache-control': 'private, no-store', vary: 'Authorization' });
  });

  it.each(['/', '/docs'])('at %s is a page that runs nothing but files of this server', async (url) => {
    const { headers, statusCode } = await server.inject({ method: 'GET', url });
    expect(statusCode).toBe(200);
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:",
    );
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    expect(headers['cache-control']).toBe('no-cache');
  });

  it('demands encryption in production only', async () => {
    expect((await server.inject('/health')).headers).not.toHaveProperty('strict-transport-security');
    await withSettings({ environment: 'production' }, async ({ app }) => {
      expect((await app.inject('/health')).headers['strict-transport-security']).toMatch(/^max-age=63072000/);
    });
  });

  it('has our request id, and gives back that of the client under another name', async () => {
    const { headers } = await server.inject({ method: 'GET', url: '/health', headers: { 'x-request-id': 'client-7' } });
    expect(headers).toMatchObject({
      'x-request-id': expect.stringMatching(/^req_/),
      'x-client-request-id': 'client-7',
    });
    for (const forged of ['a b', '<script>', 'x'.repeat(129), 'ü']) {
      const answer = await server.inject({ method: 'GET', url: '/health', headers: { 'x-request-id': forged } });
      expect(answer.headers).not.toHaveProperty('x-client-request-id');
    }
  });
});

describe('other origins', () => {
  const preflight = {
    origin: 'https://app.example.com',
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization',
  };

  it('may call nothing by default', async () => {
    const { headers } = await server.inject({ method: 'OPTIONS', url: '/api/query', headers: preflight });
    expect(headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('may call when CORS_ORIGINS lists them, and only then', async () => {
    await withSettings({ corsOrigins: ['https://app.example.com'] }, async ({ app }) => {
      const allowed = await app.inject({ method: 'OPTIONS', url: '/api/query', headers: preflight });
      expect(allowed.headers).toMatchObject({
        'access-control-allow-origin': 'https://app.example.com',
        'access-control-allow-methods': expect.stringContaining('PATCH'),
      });
      expect(allowed.headers).not.toHaveProperty('access-control-allow-credentials');
      const other = await app.inject({
        method: 'OPTIONS',
        url: '/api/query',
        headers: { ...preflight, origin: 'https://evil.example' },
      });
      expect(other.headers).not.toHaveProperty('access-control-allow-origin');
      const actual = await app.inject({
        method: 'GET',
        url: '/api/me',
        headers: { ...server.acme.viewer.headers, origin: 'https://app.example.com' },
      });
      expect(String(actual.headers['vary'])).toMatch(/Authorization.*Origin|Origin.*Authorization/);
    });
  });
});

describe('rates', () => {
  it('are told on every answer, in both forms', async () => {
    const { headers } = await server.inject({ method: 'GET', url: '/api/me', headers: server.acme.viewer.headers });
    const remaining = String(headers['x-ratelimit-remaining-requests']);
    expect(headers).toMatchObject({
      'x-ratelimit-limit-requests': '3000',
      'x-ratelimit-remaining-requests': expect.stringMatching(/^29\d\d$/),
      'x-ratelimit-reset-requests': expect.stringMatching(/^\d+ms$/),
      'x-ratelimit-limit-tokens': '1000000',
      'x-ratelimit-remaining-tokens': '1000000',
      'ratelimit-policy': '"requests";q=3000;w=60, "tokens";q=1000000;w=60',
      ratelimit: expect.stringMatching(new RegExp(`^"requests";r=${remaining};t=\\d+, "tokens";r=1000000;t=0$`)),
    });
  });

  it('of a tenant that are used up give 429 with the time to wait, whoever of the tenant asks', async () => {
    const { viewer, admin } = server.globex;
    const answers = await Promise.all(
      Array.from({ length: 61 }, () => server.inject({ method: 'GET', url: '/api/me', headers: viewer.headers })),
    );
    expect(answers.filter(({ statusCode }) => statusCode === 429)).toHaveLength(1);
    const refused = await server.inject({ method: 'GET', url: '/api/me', headers: admin.headers });
    expect(refused.statusCode).toBe(429);
    expect(refused.json()).toMatchObject({
      code: 'rate_limit_exceeded',
      detail: 'The limit of requests per minute of your tenant is reached.',
    });
    expect(refused.headers).toMatchObject({
      'retry-after': '1',
      'retry-after-ms': expect.stringMatching(/^\d+$/),
      'x-should-retry': 'true',
      'x-ratelimit-limit-requests': '60',
      'x-ratelimit-remaining-requests': '0',
      ratelimit: expect.stringContaining('"requests";r=0;'),
    });
    expect((await server.services.metrics.exposition()).body).toMatch(/genai_rate_limited_total\{tier="free"\} \d/);
    expect(
      (await server.inject({ method: 'GET', url: '/api/me', headers: server.acme.viewer.headers })).statusCode,
    ).toBe(200);
  });

  it('of an address without credential hold for logins and for guessed credentials alike', async () => {
    const remoteAddress = '192.0.2.1';
    const guess = () =>
      server.inject({ method: 'GET', url: '/api/me', remoteAddress, headers: { authorization: 'Bearer guess' } });
    const statuses = (await Promise.all(Array.from({ length: 31 }, guess))).map(({ statusCode }) => statusCode);
    expect(statuses.filter((status) => status === 401)).toHaveLength(30);
    expect(statuses.filter((status) => status === 429)).toHaveLength(1);
    const payload = { email: 'a@b.example', password: 'whatever it is' };
    expect((await server.inject({ method: 'POST', url: '/api/auth/login', remoteAddress, payload })).statusCode).toBe(
      429,
    );
    expect((await server.inject({ method: 'GET', url: '/health', remoteAddress })).statusCode).toBe(200);
    expect((await server.inject({ method: 'GET', url: '/metrics', remoteAddress })).statusCode).toBe(200);
    expect((await server.inject({ method: 'GET', url: '/api/me', remoteAddress: '192.0.2.2' })).statusCode).toBe(401);
  });

  it('go by the address that the proxy saw, never by one that the client claims', async () => {
    const once = (app: HttpServer['app'], forwarded: string) =>
      app.inject({
        method: 'GET',
        url: '/api/me',
        remoteAddress: '198.51.100.9',
        headers: { 'x-forwarded-for': forwarded },
      });
    await withSettings({ trustProxy: true }, async ({ app }) => {
      const claims = await Promise.all(
        Array.from({ length: 31 }, (_, index) => once(app, `203.0.113.${index}, 192.0.2.77`)),
      );
      expect(claims.filter(({ statusCode }) => statusCode === 429)).toHaveLength(1);
      expect((await once(app, '192.0.2.77, 192.0.2.78')).statusCode).toBe(401);
    });
    await withSettings({ trustProxy: false }, async ({ app }) => {
      const claims = await Promise.all(Array.from({ length: 31 }, (_, index) => once(app, `203.0.113.${index}`)));
      expect(claims.filter(({ statusCode }) => statusCode === 429)).toHaveLength(1);
    });
  });

  it.each([
    [0, '0ms'],
    [12, '12ms'],
    [999.2, '1s'],
    [1500, '1.5s'],
    [60_000, '1m0s'],
    [72_172, '1m12.172s'],
  ])('write %d milliseconds as %s, like the OpenAI API', (ms, text) => {
    expect(durationText(ms)).toBe(text);
  });
});

describe('the log of a request', () => {
  it('has id, tenant, operation, status and duration, and neither address nor query', async () => {
    const url = '/api/documents?limit=5&collection=merger-plans';
    const { headers } = await server.inject({ method: 'GET', url, headers: server.acme.viewer.headers });
    const line = server.logLines.find(
      (entry) => entry.includes(String(headers['x-request-id'])) && entry.includes('"msg":"request"'),
    );
    expect(JSON.parse(line ?? '{}')).toMatchObject({
      level: 'info',
      tenantId: server.acme.id,
      method: 'GET',
      route: '/api/documents',
      status: expect.any(Number),
      durationMs: expect.any(Number),
    });
    expect(server.logLines.join('')).not.toContain('merger-plans');
  });
});
