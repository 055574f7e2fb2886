import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../../test/support/database.ts';
import { contextOf, identityOn, type TestIdentity, testPassword } from '../../../test/support/identity.ts';
import { builtInRoles, classifications } from '../../context.ts';
import { newId } from '../../db/index.ts';
import { isAppError } from '../../errors.ts';
import type { UserChange } from '../index.ts';

const codeIs = (code: Parameters<typeof isAppError>[1]) => (error: unknown) => isAppError(error, code);
const page = { limit: 100, cursor: undefined };

describe.each(testDatabases)('users on $name', ({ open }) => {
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

  /** A tenant with two admins, one cleared to `confidential`, one to `restricted`, and a viewer. */
  async function furnish() {
    const tenant = await platform.addTenant();
    const admin = await platform.addUser(tenant, {
      email: 'ada@example.com',
      role: 'admin',
      clearance: 'confidential',
    });
    const chief = await platform.addUser(tenant, {
      email: 'chief@example.com',
      role: 'admin',
      clearance: 'restricted',
    });
    const viewer = await platform.addUser(tenant, { email: 'vi@example.com' });
    return { tenant, admin, chief, viewer, setUp: platform.setUp(tenant.id) };
  }
  const newcomer = { email: 'new@example.com', name: 'New', role: 'viewer', clearance: 'internal' } as const;

  it('adds a user with the columns it knows and nothing else that came along', async () => {
    const { tenant, admin } = await furnish();
    const smuggled = {
      ...newcomer,
      id: newId('user'),
      tenantId: newId('tenant'),
      status: 'deleted',
      passwordHashSealed: 'x',
      createdAt: new Date(0),
    };
    const user = await platform.identity.createUser(admin.ctx, smuggled);
    expect(user).toMatchObject({ ...newcomer, status: 'active' });
    expect(user.id).not.toBe(smuggled.id);
    const rows = await test.superuser('select tenant_id, password_hash_sealed from genai.users where id = $1', [
      user.id,
    ]);
    expect(rows).toEqual([{ tenant_id: tenant.id, password_hash_sealed: null }]);
  });

  it.each([
    ['email', { email: 'nobody' }],
    ['email', { email: 'a b@example.com' }],
    ['email', { email: 'nul\u0000@example.com' }],
    ['email', { email: `${'a'.repeat(250)}@example.com` }],
    ['name', { name: '  ' }],
    ['role', { role: 'owner' as never }],
    ['clearance', { clearance: 'secret' as never }],
    ['password', { password: 'short' }],
  ])('names the field when %s is wrong, and adds nobody', async (field, wrong) => {
    const { admin } = await furnish();
    const error = await platform.identity
      .createUser(admin.ctx, { ...newcomer, ...wrong })
      .catch((caught: unknown) => caught);
    expect(isAppError(error, 'request_invalid') && error.errors?.[0]?.pointer).toBe(`/${field}`);
    expect((await platform.identity.listUsers(admin.ctx, page)).data).toHaveLength(3);
  });

  it('takes letters of any script in an address, without two spellings of one', async () => {
    const { admin } = await furnish();
    for (const [email, again] of [
      ['İpek@exämple.com', 'i̇pek@exämple.com'],
      ['Straẞe@example.com', 'straße@example.com'],
    ] as const) {
      const user = await platform.identity.createUser(admin.ctx, { ...newcomer, email });
      expect(user.email).toBe(again.normalize('NFC'));
      await expect(platform.identity.createUser(admin.ctx, { ...newcomer, email: again })).rejects.toSatisfy(
        codeIs('state_conflict'),
      );
    }
  });

  it('lets nobody change their own role, clearance or status, up or down, by any credential', async () => {
    const { admin, tenant } = await furnish();
    const { key } = await platform.identity.createApiKey(admin.ctx, { name: 'k' });
    const byKey = contextOf(await platform.identity.authenticate(key));
    const changes: UserChange[] = [
      ...builtInRoles.map((role) => ({ role })),
      ...classifications.map((clearance) => ({ clearance })),
      { status: 'suspended' },
      { name: 'New name', clearance: 'restricted' },
    ];
    for (const ctx of [admin.ctx, byKey]) {
      for (const change of changes) {
        await expect(platform.identity.updateUser(ctx, admin.user.id, change)).rejects.toSatisfy(
          codeIs('permission_denied'),
        );
      }
    }
    const renamed = await platform.identity.updateUser(admin.ctx, admin.user.id, { name: 'Ada L.' });
    expect(renamed).toMatchObject({ name: 'Ada L.', role: 'admin', clearance: 'confidential' });
    expect(await platform.identity.me(admin.ctx)).toEqual(renamed);
    expect(tenant.id).toBe(admin.ctx.tenantId);
  });

  it('lets nobody give a clearance above their own, or take over somebody who has it', async () => {
    const { admin, chief, viewer, setUp } = await furnish();
    const denied = codeIs('classification_denied');
    await expect(platform.identity.createUser(admin.ctx, { ...newcomer, clearance: 'restricted' })).rejects.toSatisfy(
      denied,
    );
    await expect(
      platform.identity.updateUser(admin.ctx, viewer.user.id, { clearance: 'restricted' }),
    ).rejects.toSatisfy(denied);
    await expect(
      platform.identity.updateUser(admin.ctx, chief.user.id, { password: 'a password I know' }),
    ).rejects.toSatisfy(denied);
    await expect(
      platform.identity.createApiKey(admin.ctx, { name: 'theirs', userId: chief.user.id }),
    ).rejects.toSatisfy(denied);
    expect(await platform.identity.updateUser(admin.ctx, viewer.user.id, { clearance: 'confidential' })).toMatchObject({
      clearance: 'confidential',
    });
    expect(await platform.identity.updateUser(setUp, viewer.user.id, { clearance: 'restricted' })).toMatchObject({
      clearance: 'restricted',
    });
  });

  it('lets a scoped key of an admin give no more than its scopes hold', async () => {
    const { admin, viewer } = await furnish();
    const { key } = await platform.identity.createApiKey(admin.ctx, {
      name: 'provisioning',
      scopes: ['users:read', 'users:write'],
    });
    const byKey = contextOf(await platform.identity.authenticate(key));
    const denied = codeIs('permission_denied');
    await expect(platform.identity.createUser(byKey, { ...newcomer, role: 'admin' })).rejects.toSatisfy(denied);
    await expect(platform.identity.createUser(byKey, newcomer)).rejects.toSatisfy(denied);
    await expect(platform.identity.updateUser(byKey, viewer.user.id, { role: 'admin' })).rejects.toSatisfy(denied);
    await expect(
      platform.identity.updateUser(byKey, viewer.user.id, { password: 'a password I know' }),
    ).rejects.toSatisfy(denied);
    await expect(
      platform.identity.updateUser(byKey, admin.user.id, { password: 'a password I know' }),
    ).rejects.toSatisfy(denied);
    expect(await platform.identity.updateUser(byKey, viewer.user.id, { status: 'suspended' })).toMatchObject({
      status: 'suspended',
    });
  });

  it.each(['analyst', 'viewer'] as const)('lets a user of role %s do none of it', async (role) => {
    const { tenant, viewer } = await furnish();
    const { ctx, user } = await platform.addUser(tenant, {
      email: `${role}@example.com`,
      role,
      clearance: 'restricted',
    });
    const denied = codeIs('permission_denied');
    await expect(platform.identity.listUsers(ctx, page)).rejects.toSatisfy(denied);
    await expect(platform.identity.createUser(ctx, newcomer)).rejects.toSatisfy(denied);
    await expect(platform.identity.updateUser(ctx, viewer.user.id, { name: 'X' })).rejects.toSatisfy(denied);
    await expect(platform.identity.updateUser(ctx, user.id, { role: 'admin' })).rejects.toSatisfy(denied);
    expect(await platform.identity.me(ctx)).toEqual(user);
  });

  it('answers the same for an absent user, one of another tenant, a deleted one and nonsense', async () => {
    const { admin, viewer } = await furnish();
    const foreign = await furnish();
    await platform.identity.updateUser(admin.ctx, viewer.user.id, { status: 'deleted' });
    for (const id of [
      newId('user'),
      foreign.viewer.user.id,
      viewer.user.id,
      "' or 1=1 --",
      '\u0000',
      'x'.repeat(10_000),
    ]) {
      const error = await platform.identity.updateUser(admin.ctx, id, { name: 'X' }).catch((caught: unknown) => caught);
      expect(isAppError(error, 'resource_not_found')).toBe(true);
      expect(error).toMatchObject({ message: 'There is no such resource.', detail: undefined });
    }
    expect(await platform.identity.me(foreign.viewer.ctx)).toEqual(foreign.viewer.user);
  });

  it('keeps the last active admin, also from an operator', async () => {
    const { admin, chief, setUp } = await furnish();
    await platform.identity.updateUser(chief.ctx, admin.user.id, { status: 'suspended' });
    for (const change of [{ role: 'viewer' }, { status: 'suspended' }, { status: 'deleted' }] as const) {
      await expect(platform.identity.updateUser(setUp, chief.user.id, change)).rejects.toSatisfy(
        codeIs('state_conflict'),
      );
    }
    await platform.identity.updateUser(setUp, admin.user.id, { status: 'active' });
    expect(await platform.identity.updateUser(setUp, chief.user.id, { role: 'viewer' })).toMatchObject({
      role: 'viewer',
    });
  });

  it('lets exactly one of two admins who demote each other at once succeed', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { tenant, admin, chief, setUp } = await furnish();
      await platform.identity.updateUser(setUp, admin.user.id, { clearance: 'restricted' });
      const results = await Promise.allSettled([
        platform.identity.updateUser(admin.ctx, chief.user.id, { role: 'viewer' }),
        platform.identity.updateUser(chief.ctx, admin.user.id, { status: 'suspended' }),
      ]);
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(
        results
          .filter((result) => result.status === 'rejected')
          .map(({ reason }) => isAppError(reason, 'state_conflict')),
      ).toEqual([true]);
      const rows = await test.superuser(
        `select id from genai.users where tenant_id = $1 and role = 'admin' and status = 'active'`,
        [tenant.id],
      );
      expect(rows).toHaveLength(1);
    }
  });

  it('ends the sessions of a user whose password is set, and takes the new one only', async () => {
    const { tenant, admin, viewer } = await furnish();
    await platform.identity.updateUser(admin.ctx, viewer.user.id, { password: 'a new long password' });
    await expect(platform.identity.authenticate(viewer.tokens.accessToken)).rejects.toSatisfy(
      codeIs('authentication_required'),
    );
    const login = { tenant: tenant.slug, email: 'vi@example.com' };
    await expect(platform.identity.login({ ...login, password: testPassword })).rejects.toSatisfy(
      codeIs('login_failed'),
    );
    await platform.identity.login({ ...login, password: 'a new long password' });
  });

  it('erases who a deleted user was, for good, and frees the address', async () => {
    const { tenant, admin, viewer } = await furnish();
    const { key } = await platform.identity.createApiKey(admin.ctx, { name: 'k', userId: viewer.user.id });
    await platform.identity.updateUser(admin.ctx, viewer.user.id, { status: 'deleted' });
    const rows = await test.superuser('select * from genai.users where id = $1', [viewer.user.id]);
    expect(JSON.stringify(rows)).not.toMatch(/vi@example\.com|Somebody/);
    expect(rows[0]).toMatchObject({ password_hash_sealed: null });
    expect((await platform.identity.listUsers(admin.ctx, page)).data.map(({ id }) => id)).not.toContain(viewer.user.id);
    await expect(platform.identity.authenticate(key)).rejects.toSatisfy(codeIs('authentication_required'));
    expect((await platform.identity.listApiKeys(admin.ctx, page)).data).toEqual([]);
    const again = await platform.addUser(tenant, { email: 'vi@example.com' });
    expect(again.user.id).not.toBe(viewer.user.id);
  });

  it('writes a change and its audit row together or not at all, without personal values in the text', async () => {
    const { tenant, admin, viewer } = await furnish();
    await platform.identity.updateUser(admin.ctx, viewer.user.id, { role: 'analyst', password: 'a new long password' });
    const { data } = await platform.audit.list(admin.ctx, { limit: 1, cursor: undefined });
    expect(data[0]?.event).toMatchObject({
      action: 'user.updated',
      actor: { kind: 'user', id: admin.user.id },
      resource: { kind: 'user', id: viewer.user.id },
      details: { changed: ['role', 'password'], role: 'analyst' },
    });
    const bodies = JSON.stringify(
      await test.superuser('select body from genai.audit_events where tenant_id = $1', [tenant.id]),
    );
    expect(bodies).not.toMatch(/example\.com|long password|Somebody/);

    await test.superuser(
      'alter table genai.audit_events add constraint broken check (action <> $$user.updated$$) not valid',
    );
    await expect(platform.identity.updateUser(admin.ctx, viewer.user.id, { role: 'viewer' })).rejects.toThrow();
    await test.superuser('alter table genai.audit_events drop constraint broken');
    expect(await platform.identity.me(viewer.ctx)).toMatchObject({ role: 'analyst' });
  });

  it('pages through the users of the own tenant once each', async () => {
    const { admin, chief, viewer } = await furnish();
    const first = await platform.identity.listUsers(admin.ctx, { limit: 2, cursor: undefined });
    const rest = await platform.identity.listUsers(admin.ctx, { limit: 2, cursor: first.nextCursor ?? undefined });
    expect([...first.data, ...rest.data]).toEqual([admin.user, chief.user, viewer.user]);
    expect(rest.nextCursor).toBeNull();
    await expect(platform.identity.listUsers(admin.ctx, { limit: 2, cursor: '\u0000' })).rejects.toSatisfy(
      codeIs('request_invalid'),
    );
  });
});
