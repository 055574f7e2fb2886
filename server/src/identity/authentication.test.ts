import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type TestDatabase, testDatabases } from '../../test/support/database.ts';
import { contextOf, identityOn, type TestIdentity, testPassword } from '../../test/support/identity.ts';
import { permissionNames } from '../access/index.ts';
import { newId } from '../db/index.ts';
import { AppError, isAppError } from '../errors.ts';

/** Credentials that attack whoever parses, stores or compares them. */
const hostile = [
  '',
  ' ',
  '\u0000',
  '\uFEFF',
  '\uD800',
  'null',
  'undefined',
  '[object Object]',
  '{}',
  '%00',
  '../../etc/passwd',
  "' or '1'='1",
  "'; drop table genai.users; --",
  '$1',
  '#{7*7}',
  '\\u0000',
  'Bearer Bearer x',
  '🔑'.repeat(20),
  'ſk-gen-x',
  `sk-gen-${'0'.repeat(32)}-' or 1=1 --`,
  `sk-gen-${'0'.repeat(32)}-${'A'.repeat(43)}`,
  `sk-gen-${'0'.repeat(32)}-${'A'.repeat(10_000)}`,
  `sk-gen-${'0'.repeat(31)}\u0000-${'A'.repeat(43)}`,
  `op-gen-${'0'.repeat(32)}-${'A'.repeat(43)}`,
  `op-gen-${'f'.repeat(32)}-' --`,
  `rt-gen-${'0'.repeat(32)}-${'0'.repeat(32)}-${'A'.repeat(43)}-${'A'.repeat(43)}`,
  'A'.repeat(10_000),
  'é'.repeat(10_000),
  `${'A'.repeat(4000)}.${'B'.repeat(4000)}.${'C'.repeat(2000)}`,
  '..',
  'a.b.c',
  'eyJhbGciOiJub25lIn0.e30.',
];

describe.each(testDatabases)('credentials on $name', ({ open }) => {
  let test: TestDatabase;
  let platform: TestIdentity;
  beforeAll(async () => {
    test = await open();
    platform = identityOn(test, { loginFailuresMax: 1000 });
  });
  afterAll(async () => {
    platform.close();
    await test.close();
  });
  afterEach(() => void vi.restoreAllMocks());

  /** A tenant with an admin who has a session and an API key. */
  async function furnish() {
    const tenant = await platform.addTenant('professional');
    const person = await platform.addUser(tenant, {
      email: 'ada@example.com',
      role: 'admin',
      clearance: 'confidential',
    });
    const { id, key } = await platform.identity.createApiKey(person.ctx, { name: 'for tests' });
    return { tenant, ...person, keyId: id, key };
  }
  type Furnished = Awaited<ReturnType<typeof furnish>>;

  /** What a client could see of a refusal; equal for every reason. */
  async function refusal(attempt: Promise<unknown>) {
    const error = await attempt.then(
      () => 'accepted',
      (caught: unknown) => caught,
    );
    if (!(error instanceof AppError)) throw new Error(`Expected a refusal, got ${String(error)}`);
    const { code, message, detail, errors, retryAfterMs } = error;
    return { code, message, detail, errors, retryAfterMs };
  }
  const refused = {
    code: 'authentication_required',
    message: 'A valid credential is required.',
    detail: undefined,
    errors: undefined,
    retryAfterMs: undefined,
  };

  it('says whose an access token and an API key is, from the rows as they are now', async () => {
    const { tenant, user, tokens, ctx, key, keyId } = await furnish();
    const byToken = await platform.identity.authenticate(tokens.accessToken);
    const permissions = new Set(permissionNames);
    const rights = {
      tenantId: tenant.id,
      userId: user.id,
      role: 'admin',
      permissions,
      teamIds: [],
      clearance: 'confidential',
    };
    expect(byToken).toEqual({
      tenantId: tenant.id,
      tier: 'professional',
      principal: { ...rights, credential: { kind: 'session', id: expect.stringMatching(/^ses_/) }, scopes: undefined },
    });
    const byKey = await platform.identity.authenticate(key);
    expect(byKey).toEqual({
      ...byToken,
      principal: { ...rights, credential: { kind: 'api_key', id: keyId }, scopes: undefined },
    });
    const narrow = await platform.identity.createApiKey(ctx, { name: 'narrow', scopes: ['query:ask'] });
    expect((await platform.identity.authenticate(narrow.key)).principal.scopes).toEqual(['query:ask']);

    const colleague = await platform.addUser(tenant, { email: 'eve@example.com', role: 'analyst' });
    await platform.tenants.update(tenant.id, { tier: 'free' }, platform);
    await platform.identity.updateUser(ctx, colleague.user.id, { role: 'viewer', clearance: 'public' });
    expect(await platform.identity.authenticate(colleague.tokens.accessToken)).toMatchObject({
      tier: 'free',
      principal: { role: 'viewer', clearance: 'public' },
    });
  });

  it("reads what a role of the tenant's own permits from its row, and nothing that is no permission", async () => {
    const { tenant, ctx } = await furnish();
    const other = await furnish();
    const insert = `insert into genai.roles (tenant_id, name, description, permissions) values ($1, 'auditor', '', $2)`;
    await test.superuser(insert, [tenant.id, ['audit:read', 'audit:everything', '__proto__']]);
    await test.superuser(insert, [other.tenant.id, ['usage:read_all']]);
    const { tokens, user } = await platform.addUser(tenant, { email: 'aud@example.com', role: 'auditor' });
    const { key } = await platform.identity.createApiKey(ctx, { name: 'k', userId: user.id });
    for (const credential of [tokens.accessToken, key]) {
      const { principal } = await platform.identity.authenticate(credential);
      expect(principal).toMatchObject({ role: 'auditor', permissions: new Set(['audit:read']) });
    }
    await test.superuser(`update genai.roles set permissions = '{}' where tenant_id = $1`, [tenant.id]);
    expect((await platform.identity.authenticate(key)).principal.permissions).toEqual(new Set());
  });

  const endings: Record<string, (person: Furnished) => Promise<unknown>> = {
    'the user is suspended': ({ tenant, user }) =>
      platform.identity.updateUser(platform.setUp(tenant.id), user.id, { status: 'suspended' }),
    'the user is deleted': ({ tenant, user }) =>
      platform.identity.updateUser(platform.setUp(tenant.id), user.id, { status: 'deleted' }),
    'the tenant is suspended': ({ tenant }) => platform.tenants.update(tenant.id, { status: 'suspended' }, platform),
    'the tenant is deleted': ({ tenant }) => platform.tenants.update(tenant.id, { status: 'deleted' }, platform),
  };
  it.each(Object.entries(endings))(
    'stops every kind of credential at once when %s, and nobody else’s',
    async (_name, end) => {
      const person = await furnish();
      const colleague = await platform.addUser(person.tenant, { email: 'other@example.com', role: 'admin' });
      const bystander = await furnish();
      await end(person);
      expect(await refusal(platform.identity.authenticate(person.tokens.accessToken))).toEqual(refused);
      expect(await refusal(platform.identity.authenticate(person.key))).toEqual(refused);
      expect(await refusal(platform.identity.refresh(person.tokens.refreshToken))).toEqual(refused);
      const login = { tenant: person.tenant.slug, email: 'ada@example.com', password: testPassword };
      expect(await refusal(platform.identity.login(login))).toMatchObject({ code: 'login_failed', detail: undefined });
      expect(await refusal(platform.identity.login({ ...login, password: 'wrong' }))).toMatchObject({
        code: 'login_failed',
        detail: undefined,
      });
      await platform.identity.authenticate(bystander.tokens.accessToken);
      await platform.identity.authenticate(bystander.key);
      const { status } = (await platform.tenants.find(person.tenant.id)) ?? {};
      if (status === 'active') await platform.identity.authenticate(colleague.tokens.accessToken);
    },
  );

  it('lets the keys of a reinstated user work again, but not the sessions of before', async () => {
    const { tenant, user, key, tokens } = await furnish();
    await platform.addUser(tenant, { email: 'other@example.com', role: 'admin' });
    for (const status of ['suspended', 'active'] as const)
      await platform.identity.updateUser(platform.setUp(tenant.id), user.id, { status });
    await platform.identity.authenticate(key);
    expect(await refusal(platform.identity.authenticate(tokens.accessToken))).toEqual(refused);
    expect(await refusal(platform.identity.refresh(tokens.refreshToken))).toEqual(refused);
  });

  it('refuses in the same words whatever the reason', async () => {
    const { ctx, key, keyId, tokens } = await furnish();
    const secret = key.slice(-43);
    const attempts: Record<string, () => Promise<unknown>> = {
      'wrong secret': () => platform.identity.authenticate(key.replace(secret, 'A'.repeat(43))),
      'unknown id': () => platform.identity.authenticate(`sk-gen-${'0'.repeat(32)}-${secret}`),
      'operator key of the id': () => platform.identity.authenticateOperator(key.replace('sk-gen', 'op-gen')),
      'api key as operator': () => platform.identity.authenticateOperator(key),
      'token as operator': () => platform.identity.authenticateOperator(tokens.accessToken),
      'refresh token as access token': () => platform.identity.authenticate(tokens.refreshToken),
      'access token as refresh token': () => platform.identity.refresh(tokens.accessToken),
      'invented refresh token': () =>
        platform.identity.refresh(`${tokens.refreshToken.slice(0, -43)}${'A'.repeat(43)}`),
    };
    for (const [reason, attempt] of Object.entries(attempts)) expect(await refusal(attempt()), reason).toEqual(refused);
    await platform.identity.authenticate(tokens.accessToken);

    await platform.identity.revokeApiKey(ctx, keyId);
    expect(await refusal(platform.identity.authenticate(key)), 'revoked').toEqual(refused);
    await platform.identity.logout(ctx);
    expect(await refusal(platform.identity.authenticate(tokens.accessToken)), 'logged out').toEqual(refused);
    expect(await refusal(platform.identity.refresh(tokens.refreshToken)), 'logged out, refreshing').toEqual(refused);
  });

  it('lets credentials expire to the second: access token, session, API key', async () => {
    const begin = platform.clock.nowMs;
    const { ctx, tokens } = await furnish();
    const brief = await platform.identity.createApiKey(ctx, { name: 'brief', expiresInDays: 1 });
    const at = (ms: number) => {
      platform.clock.nowMs = begin + ms;
    };
    at(900_000 - 1);
    await platform.identity.authenticate(tokens.accessToken);
    at(900_000);
    expect(await refusal(platform.identity.authenticate(tokens.accessToken))).toEqual(refused);
    at(86_400_000 - 1);
    await platform.identity.authenticate(brief.key);
    at(86_400_000);
    expect(await refusal(platform.identity.authenticate(brief.key))).toEqual(refused);
    at(14 * 86_400_000 - 1);
    const renewed = await platform.identity.refresh(tokens.refreshToken);
    at(14 * 86_400_000);
    expect(await refusal(platform.identity.authenticate(renewed.accessToken))).toEqual(refused);
    expect(await refusal(platform.identity.refresh(renewed.refreshToken))).toEqual(refused);
    at(0);
  });

  it('refuses a well-signed token whose tenant, user and session do not belong together', async () => {
    const [mine, theirs] = [await furnish(), await furnish()];
    const [header = '', body = ''] = mine.tokens.accessToken.split('.');
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown>;
    const forge = (change: object) => {
      const content = `${header}.${Buffer.from(JSON.stringify({ ...claims, ...change })).toString('base64url')}`;
      return `${content}.${createHmac('sha256', platform.settings.jwtSecretKey ?? '')
        .update(content)
        .digest('base64url')}`;
    };
    await platform.identity.authenticate(forge({}));
    const changes = [
      { tenant: theirs.tenant.id },
      { tenant: theirs.tenant.id, sub: theirs.user.id },
      { sub: theirs.user.id },
      { sid: theirs.ctx.principal.credential.id },
      { tenant: newId('tenant') },
      { role: 'admin', sub: newId('user') },
    ];
    for (const change of changes) expect(await refusal(platform.identity.authenticate(forge(change)))).toEqual(refused);
  });

  it('notes the use of a key to the minute', async () => {
    const { keyId, key, ctx } = await furnish();
    const begin = platform.clock.nowMs;
    const lastUsed = async () => {
      await platform.identity.authenticate(key);
      const { data } = await platform.identity.listApiKeys(ctx, { limit: 100, cursor: undefined });
      return data.find(({ id }) => id === keyId)?.lastUsedAt?.getTime();
    };
    expect(await lastUsed()).toBe(begin);
    platform.clock.nowMs = begin + 59_999;
    expect(await lastUsed()).toBe(begin);
    platform.clock.nowMs = begin + 60_000;
    expect(await lastUsed()).toBe(begin + 60_000);
  });

  describe('hostile texts', () => {
    /** The statements that reach the driver while `fn` runs. */
    async function statementsOf(fn: () => Promise<unknown>): Promise<string[]> {
      const query = vi.spyOn(pg.Client.prototype, 'query');
      await fn();
      const texts = query.mock.calls.map(([first]: unknown[]) =>
        typeof first === 'string' ? first : (first as { text: string }).text,
      );
      query.mockRestore();
      return [...new Set(texts)];
    }
    const carriers = {
      authenticate: (text: string) => platform.identity.authenticate(text),
      authenticateOperator: (text: string) => platform.identity.authenticateOperator(text),
      refresh: (text: string) => platform.identity.refresh(text),
    };

    it.each(Object.keys(carriers) as (keyof typeof carriers)[])(
      'get the same refusal from %s, and never become SQL',
      async (name) => {
        const wellFormed = { authenticate: 'sk-gen', authenticateOperator: 'op-gen', refresh: 'rt-gen' }[name];
        const known = await statementsOf(() =>
          refusal(carriers[name](`${wellFormed}-${'1'.repeat(32)}-${'A'.repeat(43)}`)),
        );
        const used = await statementsOf(async () => {
          for (const text of hostile)
            expect(await refusal(carriers[name](text)), JSON.stringify(text.slice(0, 60))).toEqual(refused);
        });
        expect(known).toEqual(expect.arrayContaining(used));
      },
    );

    it('of any make get a refusal', async () => {
      const prefix = fc.constantFrom('', 'sk-gen-', 'op-gen-', 'rt-gen-', `sk-gen-${'0'.repeat(32)}-`);
      const text = fc.tuple(prefix, fc.string({ unit: 'binary' })).map((parts) => parts.join(''));
      const isRefused = fc.asyncProperty(
        text,
        fc.constantFrom(...Object.values(carriers)),
        async (credential, carry) => {
          expect(await refusal(carry(credential))).toEqual(refused);
        },
      );
      await fc.assert(isRefused, { numRuns: 300 });
    });

    it('at login get the same refusal in every field, and never become SQL', async () => {
      const { tenant } = await furnish();
      const right = { tenant: tenant.slug, email: 'ada@example.com', password: testPassword };
      const known = await statementsOf(async () => {
        await refusal(platform.identity.login({ ...right, password: 'wrong' }));
        await refusal(platform.identity.login({ email: 'nobody@example.com', password: 'wrong' }));
      });
      const used = await statementsOf(async () => {
        for (const text of hostile) {
          for (const field of ['tenant', 'email', 'password'] as const) {
            const outcome = await refusal(platform.identity.login({ ...right, [field]: text }));
            expect(outcome, `${field} ${JSON.stringify(text.slice(0, 60))}`).toMatchObject({
              code: 'login_failed',
              detail: undefined,
            });
          }
        }
      });
      expect(known).toEqual(expect.arrayContaining(used));
      const odd = await platform.identity.login({ ...right, origin: { userAgent: '\u0000\u0001\uD800'.repeat(1000) } });
      expect(
        await platform.identity.sessions.list(contextOf(await platform.identity.authenticate(odd.accessToken))),
      ).not.toHaveLength(0);
    });
  });

  it('passes a failing database on as what it is, never as a wrong credential', async () => {
    const broken = await open();
    const elsewhere = identityOn(broken);
    await broken.close();
    const error = await elsewhere.identity
      .authenticate(`sk-gen-${'0'.repeat(32)}-${'A'.repeat(43)}`)
      .catch((caught: unknown) => caught);
    expect(isAppError(error, 'authentication_required')).toBe(false);
    elsewhere.close();
  });
});
