import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../../test/support/database.ts';
import { contextOf, identityOn, type TestIdentity } from '../../../test/support/identity.ts';
import { type Permission, permissionNames } from '../../access/index.ts';
import { builtInRoles, type RequestContext } from '../../context.ts';
import { isAppError } from '../../errors.ts';

const codeIs = (code: Parameters<typeof isAppError>[1]) => (error: unknown) => isAppError(error, code);

describe.each(testDatabases)('roles of a tenant on $name', ({ open }) => {
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
    const { roles } = platform.identity;
    const namesOf = async () => (await roles.list(admin.ctx)).map(({ name }) => name);
    return { tenant, admin, roles, namesOf };
  }

  /** The same person with other permissions, and perhaps scopes. */
  function holding(ctx: RequestContext, permissions: readonly string[], scopes?: readonly string[]): RequestContext {
    return { ...ctx, principal: { ...ctx.principal, permissions: new Set(permissions), scopes } };
  }

  it('are made, listed after the built-in ones, changed and removed, each with its audit event', async () => {
    const { admin, roles, namesOf } = await furnish();
    const made = await roles.create(admin.ctx, {
      name: 'auditor',
      description: ' Reads the log. ',
      permissions: ['audit:read', 'audit:read'],
    });
    expect(made).toEqual({
      name: 'auditor',
      description: 'Reads the log.',
      permissions: ['audit:read'],
      isBuiltIn: false,
    });
    expect(await namesOf()).toEqual([...builtInRoles, 'auditor']);
    const changed = await roles.update(admin.ctx, 'auditor', { permissions: ['usage:read'] });
    expect(changed).toEqual({ ...made, permissions: ['usage:read'] });
    expect(await roles.update(admin.ctx, 'auditor', { description: '' })).toEqual({ ...changed, description: '' });
    await roles.remove(admin.ctx, 'auditor');
    expect(await namesOf()).toEqual(builtInRoles);
    const { data } = await platform.audit.list(admin.ctx, { limit: 4, cursor: undefined });
    expect(data.map(({ event }) => event)).toMatchObject([
      { action: 'role.deleted', resource: { kind: 'role', id: 'auditor' }, details: { permissions: ['usage:read'] } },
      { action: 'role.updated', details: { changed: ['description'] } },
      { action: 'role.updated', details: { permissions: { from: ['audit:read'], to: ['usage:read'] } } },
      { action: 'role.created', details: { permissions: ['audit:read'] } },
    ]);
  });

  it('never permit more than their maker holds, whatever the maker holds and however it is limited', async () => {
    const { admin, roles } = await furnish();
    const anyPermissions = fc.uniqueArray(fc.constantFrom(...permissionNames));
    const anyScopes = fc.option(anyPermissions, { nil: undefined });
    let count = 0;
    await fc.assert(
      fc.asyncProperty(anyPermissions, anyScopes, anyPermissions, async (held, scopes, wanted) => {
        const maker = holding(admin.ctx, [...held, 'roles:write'], scopes && [...scopes, 'roles:write']);
        const isHeld = (name: Permission) =>
          name === 'roles:write' || (held.includes(name) && (scopes?.includes(name) ?? true));
        count += 1;
        const name = `role-${count}`;
        const attempts = [
          () => roles.create(maker, { name, permissions: wanted }),
          async () => {
            await roles.create(admin.ctx, { name: `${name}-changed`, permissions: [] });
            return roles.update(maker, `${name}-changed`, { permissions: wanted });
          },
        ];
        for (const attempt of attempts) {
          if (wanted.every(isHeld)) expect((await attempt()).permissions).toEqual(wanted);
          else await expect(attempt()).rejects.toSatisfy(codeIs('permission_denied'));
        }
        for (const made of [name, `${name}-changed`]) await roles.remove(admin.ctx, made).catch(() => {});
      }),
      { numRuns: 25 },
    );
  });

  it('are given only by who holds all that they permit: to users, old and new, and by keys and passwords for them', async () => {
    const { tenant, admin, roles } = await furnish();
    await roles.create(admin.ctx, { name: 'auditor', permissions: ['audit:read', 'usage:read_all'] });
    const { user } = await platform.addUser(tenant, { email: 'aud@example.com', role: 'auditor', clearance: 'public' });
    const viewer = await platform.addUser(tenant, { email: 'vi@example.com', clearance: 'public' });
    const helpdesk = ['users:read', 'users:write', 'keys:write', 'keys:manage', 'audit:read'];
    const newcomer = { email: 'new@example.com', name: 'New', role: 'auditor', clearance: 'public' } as const;
    const { identity } = platform;
    const attempts: ((ctx: RequestContext) => Promise<unknown>)[] = [
      (ctx) => identity.createUser(ctx, newcomer),
      (ctx) => identity.updateUser(ctx, viewer.user.id, { role: 'auditor' }),
      (ctx) => identity.updateUser(ctx, user.id, { password: 'another good password' }),
      (ctx) => identity.createApiKey(ctx, { name: 'k', userId: user.id }),
    ];
    for (const attempt of attempts) {
      await expect(attempt(holding(admin.ctx, helpdesk))).rejects.toSatisfy(codeIs('permission_denied'));
    }
    // Whoever holds the permissions gives what is granted to the role or the person too, and reads it or may not.
    const permitted = [...helpdesk, 'usage:read_all'];
    for (const attempt of attempts) {
      await expect(attempt(holding(admin.ctx, permitted))).rejects.toThrow('which needs collections:read_all');
    }
    for (const attempt of attempts) await attempt(holding(admin.ctx, [...permitted, 'collections:read_all']));
  });

  it('count from the next request of their holders, and for keys with scopes', async () => {
    const { tenant, admin, roles } = await furnish();
    await roles.create(admin.ctx, { name: 'reader', permissions: ['documents:read', 'query:ask', 'keys:write'] });
    const { tokens, ctx } = await platform.addUser(tenant, { email: 're@example.com', role: 'reader' });
    const narrow = await platform.identity.createApiKey(ctx, { name: 'narrow', scopes: ['documents:read'] });
    await expect(platform.identity.createApiKey(ctx, { name: 'wide', scopes: ['audit:read'] })).rejects.toSatisfy(
      codeIs('permission_denied'),
    );
    const permissionsNow = async (credential: string) =>
      [...(await platform.identity.authenticate(credential)).principal.permissions].sort();
    expect(await permissionsNow(tokens.accessToken)).toEqual(['documents:read', 'keys:write', 'query:ask']);
    await roles.update(admin.ctx, 'reader', { permissions: ['query:ask'] });
    expect(await permissionsNow(tokens.accessToken)).toEqual(['query:ask']);
    expect(await permissionsNow(narrow.key)).toEqual(['query:ask']);
  });

  it('stay while somebody holds them, and take their grants along when they go', async () => {
    const { tenant, admin, roles } = await furnish();
    await roles.create(admin.ctx, { name: 'auditor', permissions: [] });
    const { user } = await platform.addUser(tenant, { email: 'aud@example.com', role: 'auditor' });
    await test.superuser(
      `insert into genai.collections (tenant_id, id, name, created_by) values ($1, 'col_1', 'x', 'x')`,
      [tenant.id],
    );
    await test.superuser(`insert into genai.collection_grants values ($1, 'col_1', 'role', 'auditor')`, [tenant.id]);
    await expect(roles.remove(admin.ctx, 'auditor')).rejects.toThrow('1 user holds the role');
    await platform.identity.updateUser(admin.ctx, user.id, { status: 'suspended' });
    await expect(roles.remove(admin.ctx, 'auditor')).rejects.toSatisfy(codeIs('state_conflict'));
    await platform.identity.updateUser(admin.ctx, user.id, { status: 'deleted' });
    await roles.remove(admin.ctx, 'auditor');
    expect(await test.superuser('select * from genai.collection_grants where tenant_id = $1', [tenant.id])).toEqual([]);
    await expect(
      platform.identity.createUser(admin.ctx, {
        email: 'n@example.com',
        name: 'N',
        role: 'auditor',
        clearance: 'public',
      }),
    ).rejects.toMatchObject({ code: 'request_invalid', errors: [{ pointer: '/role' }] });
  });

  it('are unknown to other tenants', async () => {
    const ours = await furnish();
    const theirs = await furnish();
    await theirs.roles.create(theirs.admin.ctx, { name: 'auditor', permissions: ['audit:read'] });
    expect(await ours.namesOf()).toEqual(builtInRoles);
    const absent = codeIs('resource_not_found');
    for (const name of ['auditor', 'absent', '__proto__', '']) {
      await expect(ours.roles.update(ours.admin.ctx, name, { permissions: [] })).rejects.toSatisfy(absent);
      await expect(ours.roles.remove(ours.admin.ctx, name)).rejects.toSatisfy(absent);
    }
    await expect(
      platform.identity.updateUser(ours.admin.ctx, ours.admin.user.id, { role: 'auditor' }),
    ).rejects.toSatisfy(codeIs('request_invalid'));
    await ours.roles.create(ours.admin.ctx, { name: 'auditor', permissions: [] });
    expect((await theirs.roles.list(theirs.admin.ctx)).at(-1)?.permissions).toEqual(['audit:read']);
  });

  it.each([
    ['/name', { name: 'admin' }],
    ['/name', { name: 'viewer' }],
    ['/name', { name: 'Auditor' }],
    ['/name', { name: 'a' }],
    ['/name', { name: '__proto__' }],
    ['/name', { name: 'x'.repeat(64) }],
    ['/description', { description: 'two\nlines' }],
    ['/description', { description: 'x'.repeat(301) }],
    ['/permissions/1', { permissions: ['audit:read', 'audit:everything'] }],
    ['/permissions/0', { permissions: ['manage'] }],
    ['/permissions/0', { permissions: ['constructor'] }],
  ])('name the field %s when it is wrong', async (pointer, wrong) => {
    const { admin, roles, namesOf } = await furnish();
    await expect(roles.create(admin.ctx, { name: 'auditor', permissions: [], ...wrong })).rejects.toMatchObject({
      code: 'request_invalid',
      errors: [{ pointer }],
    });
    expect(await namesOf()).toEqual(builtInRoles);
  });

  it('leave the built-in ones as they are, and need roles:write', async () => {
    const { admin, roles } = await furnish();
    const refused = codeIs('state_conflict');
    for (const name of builtInRoles) {
      await expect(roles.update(admin.ctx, name, { permissions: [] })).rejects.toSatisfy(refused);
      await expect(roles.remove(admin.ctx, name)).rejects.toSatisfy(refused);
    }
    const lesser = holding(
      admin.ctx,
      permissionNames.filter((name) => name !== 'roles:write'),
    );
    const denied = codeIs('permission_denied');
    await expect(roles.create(lesser, { name: 'own', permissions: [] })).rejects.toSatisfy(denied);
    await expect(roles.list(holding(admin.ctx, ['roles:write']))).rejects.toSatisfy(denied);
  });

  it('are at most a hundred, also when they are made at once', async () => {
    const { tenant, admin, roles, namesOf } = await furnish();
    await test.superuser(
      `insert into genai.roles (tenant_id, name, description, permissions)
       select $1, 'role-' || n, '', '{}' from generate_series(1, 98) as n`,
      [tenant.id],
    );
    const attempts = ['one', 'two', 'three', 'four'].map((name) => roles.create(admin.ctx, { name, permissions: [] }));
    const results = await Promise.allSettled(attempts);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    expect(await namesOf()).toHaveLength(103);
  });

  it('are read for whoever is asked about: by id or address, with a key, and nobody who is not let in', async () => {
    const { tenant, admin, roles } = await furnish();
    const other = await furnish();
    await roles.create(admin.ctx, { name: 'reader', permissions: ['documents:read', 'query:ask'] });
    const { user } = await platform.addUser(tenant, { email: 're@example.com', role: 'reader' });
    const { askedPrincipal, createApiKey, authenticate } = platform.identity;
    const key = await createApiKey(admin.ctx, { name: 'k', userId: user.id, scopes: ['query:ask'] });
    const byLogin = await askedPrincipal(admin.ctx, { user: user.id });
    expect(byLogin).toMatchObject({ userId: user.id, role: 'reader', scopes: undefined });
    expect(await askedPrincipal(admin.ctx, { user: ' RE@example.com' })).toEqual(byLogin);
    const byKey = await askedPrincipal(admin.ctx, { user: user.id, apiKeyId: key.id });
    expect(byKey).toEqual(contextOf(await authenticate(key.key)).principal);

    const absent = codeIs('resource_not_found');
    for (const asked of [
      { user: other.admin.user.id },
      { user: 'nobody@example.com' },
      { user: '' },
      { user: admin.user.id, apiKeyId: key.id },
      { user: user.id, apiKeyId: 'key_1' },
    ]) {
      await expect(askedPrincipal(admin.ctx, asked)).rejects.toSatisfy(absent);
    }
    const refused = codeIs('state_conflict');
    platform.clock.nowMs += 3651 * 86_400_000;
    await expect(askedPrincipal(admin.ctx, { user: user.id, apiKeyId: key.id })).rejects.toSatisfy(refused);
    platform.clock.nowMs -= 3651 * 86_400_000;
    await platform.identity.updateUser(admin.ctx, user.id, { status: 'suspended' });
    await expect(askedPrincipal(admin.ctx, { user: user.id })).rejects.toSatisfy(refused);
    await platform.identity.updateUser(admin.ctx, user.id, { status: 'deleted' });
    await expect(askedPrincipal(admin.ctx, { user: user.id })).rejects.toSatisfy(absent);
  });
});
