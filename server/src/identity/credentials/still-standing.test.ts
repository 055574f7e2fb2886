import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../../test/support/database.ts';
import { contextOf, identityOn, type TestIdentity } from '../../../test/support/identity.ts';
import type { RequestContext } from '../../context.ts';
import type { Authenticated } from '../index.ts';

describe.each(testDatabases)('callers under way on $name', ({ open }) => {
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

  /** An admin, and an analyst by session, by key and by narrow key. */
  async function furnish() {
    const { identity } = platform;
    const tenant = await platform.addTenant();
    const admin = await platform.addUser(tenant, {
      email: 'admin@example.com',
      role: 'admin',
      clearance: 'restricted',
    });
    const member = await platform.addUser(tenant, {
      email: 'ada@example.com',
      role: 'analyst',
      clearance: 'confidential',
    });
    const keyed = async (more: object): Promise<RequestContext> =>
      contextOf(await identity.authenticate((await identity.createApiKey(member.ctx, { name: 'key', ...more })).key));
    const [byKey, byNarrowKey] = [
      await keyed({ expiresInDays: 1 }),
      await keyed({ scopes: ['query:ask'], expiresInDays: 30 }),
    ];
    const callers = { admin: admin.ctx, session: member.ctx, byKey, byNarrowKey };
    /** The names of those that stand. */
    const standing = async () => {
      const found = await identity.stillStanding(Object.values(callers));
      return Object.entries(callers).flatMap(([name, caller]) => (found.has(caller as Authenticated) ? [name] : []));
    };
    return { tenant, admin: admin.ctx, memberId: member.user.id, callers, standing };
  }
  const everybody = ['admin', 'session', 'byKey', 'byNarrowKey'];

  it('stand as long as nothing was taken from them', async () => {
    const { admin, memberId, standing } = await furnish();
    expect(await standing()).toEqual(everybody);
    await platform.identity.updateUser(admin, memberId, { role: 'admin', clearance: 'restricted', name: 'Ada' });
    expect(await standing()).toEqual(everybody);
    expect((await platform.identity.stillStanding([])).size).toBe(0);
  });

  it('fall with their session or key, and nobody else does', async () => {
    const { admin, callers, standing } = await furnish();
    await platform.identity.logout(callers.session);
    expect(await standing()).toEqual(['admin', 'byKey', 'byNarrowKey']);
    await platform.identity.revokeApiKey(admin, callers.byNarrowKey.principal.credential.id);
    expect(await standing()).toEqual(['admin', 'byKey']);
  });

  it('fall when their key or session runs out', async () => {
    const { standing } = await furnish();
    const before = platform.clock.nowMs;
    platform.clock.nowMs += 86_400_000;
    expect(await standing()).toEqual(['admin', 'session', 'byNarrowKey']);
    platform.clock.nowMs += 13 * 86_400_000;
    expect(await standing()).toEqual(['byNarrowKey']);
    platform.clock.nowMs = before;
  });

  it('fall with their user and their tenant', async () => {
    const { admin, tenant, memberId, standing } = await furnish();
    await platform.identity.updateUser(admin, memberId, { status: 'suspended' });
    expect(await standing()).toEqual(['admin']);
    await platform.tenants.update(tenant.id, { status: 'suspended' }, { actor: platform.actor });
    expect(await standing()).toEqual([]);
  });

  it('fall when rights that they had are gone, also rights that they are not using; a narrow key keeps what it needs', async () => {
    const { admin, memberId, standing } = await furnish();
    await platform.identity.updateUser(admin, memberId, { role: 'viewer' });
    expect(await standing()).toEqual(['admin', 'byNarrowKey']);
    await platform.identity.updateUser(admin, memberId, { clearance: 'public' });
    expect(await standing()).toEqual(['admin']);
  });

  it('are not confused with a credential of the same id in another tenant', async () => {
    const { callers } = await furnish();
    const elsewhere = { ...callers.session, tenantId: (await platform.addTenant()).id };
    expect((await platform.identity.stillStanding([elsewhere])).size).toBe(0);
    const other = {
      ...callers.byKey,
      principal: { ...callers.byKey.principal, userId: callers.admin.principal.userId },
    };
    expect((await platform.identity.stillStanding([other])).size).toBe(0);
  });
});
