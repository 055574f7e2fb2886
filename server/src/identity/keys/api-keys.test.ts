import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../../test/support/database.ts';
import { contextOf, identityOn, type TestIdentity } from '../../../test/support/identity.ts';
import { can, permissionNames, roleHolds } from '../../access/index.ts';
import { newId } from '../../db/index.ts';
import { isAppError } from '../../errors.ts';

const codeIs = (code: Parameters<typeof isAppError>[1]) => (error: unknown) => isAppError(error, code);
const page = { limit: 100, cursor: undefined };

describe.each(testDatabases)('API keys on $name', ({ open }) => {
  let test: TestDatabase;
  let platform: TestIdentity;
  beforeAll(async () => {
    test = await open();
    platform = identityOn(test);
  });
  afterAll(async () => {
    platform.close();
    await test.close();
  });

  async function furnish() {
    const tenant = await platform.addTenant();
    const admin = await platform.addUser(tenant, { email: 'ada@example.com', role: 'admin', clearance: 'restricted' });
    const analyst = await platform.addUser(tenant, { email: 'ana@example.com', role: 'analyst' });
    const viewer = await platform.addUser(tenant, { email: 'vi@example.com' });
    return { tenant, admin, analyst, viewer, setUp: platform.setUp(tenant.id) };
  }
  const contextBy = async (key: string) => contextOf(await platform.identity.authenticate(key));

  it('shows a key once and stores nothing that lets anyone in', async () => {
    const { analyst } = await furnish();
    const smuggled = {
      name: 'ci',
      id: newId('apiKey'),
      tenantId: newId('tenant'),
      secretHash: 'x',
      revokedAt: null,
      createdBy: 'me',
    };
    const { key, ...view } = await platform.identity.createApiKey(analyst.ctx, smuggled);
    expect(view).toEqual({
      id: expect.stringMatching(/^key_/),
      userId: analyst.user.id,
      name: 'ci',
      hint: `sk-gen-…${key.slice(-4)}`,
      scopes: null,
      expiresAt: new Date(platform.clock.nowMs + 90 * 86_400_000),
      lastUsedAt: null,
      createdBy: analyst.user.id,
      createdAt: expect.any(Date),
    });
    expect(view.id).not.toBe(smuggled.id);
    expect((await platform.identity.listApiKeys(analyst.ctx, page)).data).toEqual([view]);
    const secret = key.slice(-43);
    for (const table of ['api_keys', 'audit_events']) {
      expect(JSON.stringify(await test.superuser(`select * from genai.${table}`))).not.toContain(secret);
    }
  });

  it('never lets a key, or a key made by a key, do more than its maker', async () => {
    const { analyst } = await furnish();
    const scopes = ['keys:write', 'keys:read', 'query:ask'];
    const first = await platform.identity.createApiKey(analyst.ctx, { name: 'first', scopes });
    const byFirst = await contextBy(first.key);
    const inherited = await platform.identity.createApiKey(byFirst, { name: 'inherits' });
    expect(inherited.scopes).toEqual(scopes);
    const narrower = await platform.identity.createApiKey(byFirst, {
      name: 'narrower',
      scopes: ['query:ask', 'query:ask'],
    });
    expect(narrower.scopes).toEqual(['query:ask']);
    for (const permission of permissionNames) {
      const attempt = platform.identity.createApiKey(byFirst, { name: 'wider', scopes: [permission] });
      if (scopes.includes(permission)) await attempt;
      else await expect(attempt).rejects.toSatisfy(codeIs('permission_denied'));
    }
    await expect(platform.identity.createApiKey(await contextBy(narrower.key), { name: 'x' })).rejects.toSatisfy(
      codeIs('permission_denied'),
    );
  });

  it('gives each role no scope that the role does not hold', async () => {
    const { admin, analyst, viewer, setUp } = await furnish();
    for (const permission of permissionNames) {
      const own = platform.identity.createApiKey(analyst.ctx, { name: permission, scopes: [permission] });
      if (roleHolds('analyst', permission)) await own;
      else await expect(own).rejects.toSatisfy(codeIs('permission_denied'));
      for (const maker of [admin.ctx, setUp]) {
        const forViewer = platform.identity.createApiKey(maker, {
          name: permission,
          userId: viewer.user.id,
          scopes: [permission],
        });
        if (roleHolds('viewer', permission)) await forViewer;
        else await expect(forViewer).rejects.toSatisfy(codeIs('request_invalid'));
      }
    }
    await expect(platform.identity.createApiKey(viewer.ctx, { name: 'x' })).rejects.toSatisfy(
      codeIs('permission_denied'),
    );
  });

  it('lets a key lose what its user loses, and never win what its scopes leave out', async () => {
    const { admin, analyst } = await furnish();
    const { key } = await platform.identity.createApiKey(analyst.ctx, {
      name: 'k',
      scopes: ['documents:write', 'query:ask'],
    });
    await platform.identity.updateUser(admin.ctx, analyst.user.id, { role: 'viewer' });
    const demoted = (await platform.identity.authenticate(key)).principal;
    expect([can(demoted, 'documents:write').allowed, can(demoted, 'query:ask').allowed]).toEqual([false, true]);
    await platform.identity.updateUser(admin.ctx, analyst.user.id, { role: 'admin' });
    const promoted = (await platform.identity.authenticate(key)).principal;
    expect(permissionNames.filter((name) => can(promoted, name).allowed).toSorted()).toEqual([
      'documents:write',
      'query:ask',
    ]);
  });

  it('needs keys:manage for the keys of others, to make, see and revoke them', async () => {
    const { admin, analyst, viewer, setUp } = await furnish();
    const theirs = await platform.identity.createApiKey(admin.ctx, { name: 'viewer’s', userId: viewer.user.id });
    expect(theirs).toMatchObject({ userId: viewer.user.id, createdBy: admin.user.id });
    await expect(platform.identity.createApiKey(analyst.ctx, { name: 'x', userId: viewer.user.id })).rejects.toSatisfy(
      codeIs('permission_denied'),
    );
    expect((await platform.identity.listApiKeys(viewer.ctx, page)).data).toHaveLength(1);
    expect((await platform.identity.listApiKeys(analyst.ctx, page)).data).toHaveLength(0);
    for (const acting of [admin.ctx, setUp])
      expect((await platform.identity.listApiKeys(acting, page)).data).toHaveLength(1);
    await expect(platform.identity.revokeApiKey(analyst.ctx, theirs.id)).rejects.toSatisfy(
      codeIs('resource_not_found'),
    );
    await platform.identity.authenticate(theirs.key);
    await platform.identity.revokeApiKey(admin.ctx, theirs.id);
    await expect(platform.identity.authenticate(theirs.key)).rejects.toSatisfy(codeIs('authentication_required'));
  });

  it('answers the same for an absent key, one of another tenant, a revoked one and nonsense', async () => {
    const { admin } = await furnish();
    const foreign = await furnish();
    const [own, theirs] = await Promise.all(
      [admin, foreign.admin].map(({ ctx }) => platform.identity.createApiKey(ctx, { name: 'k' })),
    );
    await platform.identity.revokeApiKey(admin.ctx, own?.id ?? '');
    for (const id of [own?.id ?? '', theirs?.id ?? '', newId('apiKey'), "' or 1=1", '\u0000', 'x'.repeat(10_000)]) {
      const error = await platform.identity.revokeApiKey(admin.ctx, id).catch((caught: unknown) => caught);
      expect(isAppError(error, 'resource_not_found')).toBe(true);
      expect(error).toMatchObject({ detail: undefined, errors: undefined });
    }
    await platform.identity.authenticate(theirs?.key ?? '');
    const forForeigner = platform.identity.createApiKey(admin.ctx, { name: 'x', userId: foreign.viewer.user.id });
    await expect(forForeigner).rejects.toSatisfy(codeIs('resource_not_found'));
  });

  it.each([
    ['/scopes', { scopes: [] }],
    ['/scopes/1', { scopes: ['query:ask', 'query:*'] }],
    ['/scopes/0', { scopes: ['__proto__'] }],
    ['/name', { name: '' }],
    ['/expires_in_days', { expiresInDays: 0 }],
    ['/expires_in_days', { expiresInDays: 1.5 }],
    ['/expires_in_days', { expiresInDays: Number.NaN }],
    ['/expires_in_days', { expiresInDays: 3651 }],
  ])('names the field %s when it is wrong', async (pointer, wrong) => {
    const { admin } = await furnish();
    const error = await platform.identity
      .createApiKey(admin.ctx, { name: 'k', ...wrong })
      .catch((caught: unknown) => caught);
    expect(isAppError(error, 'request_invalid') && error.errors?.[0]?.pointer).toBe(pointer);
    expect((await platform.identity.listApiKeys(admin.ctx, page)).data).toHaveLength(0);
  });

  it('makes no key for a suspended user, and asks an operator whose it is', async () => {
    const { admin, viewer, setUp } = await furnish();
    await platform.identity.updateUser(admin.ctx, viewer.user.id, { status: 'suspended' });
    await expect(platform.identity.createApiKey(setUp, { name: 'k', userId: viewer.user.id })).rejects.toSatisfy(
      codeIs('state_conflict'),
    );
    await expect(platform.identity.createApiKey(setUp, { name: 'k' })).rejects.toSatisfy(codeIs('request_invalid'));
  });

  it('keeps at most 100 keys of a user, also when they are made at once', async () => {
    const { analyst, tenant } = await furnish();
    await test.superuser(
      `insert into genai.api_keys (tenant_id, id, user_id, name, secret_hash, hint, expires_at, created_by)
       select $1, 'key_' || lpad(n::text, 32, '0') , $2, 'k', '', '', now(), '' from generate_series(1, 97) as n`,
      [tenant.id, analyst.user.id],
    );
    // The pool opens its connections before, so that the attempts meet in the database and not at its door.
    await Promise.all(Array.from({ length: 5 }, () => platform.database.ping()));
    const attempts = Array.from({ length: 8 }, () => platform.identity.createApiKey(analyst.ctx, { name: 'k' }));
    const results = await Promise.allSettled(attempts);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(
      results
        .filter((result) => result.status === 'rejected')
        .every(({ reason }) => isAppError(reason, 'state_conflict')),
    ).toBe(true);
  });
});
