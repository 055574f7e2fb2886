import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../../test/support/database.ts';
import { contextOf, identityOn, type TestIdentity } from '../../../test/support/identity.ts';
import { newId } from '../../db/index.ts';
import { isAppError } from '../../errors.ts';

const codeIs = (code: Parameters<typeof isAppError>[1]) => (error: unknown) => isAppError(error, code);
const page = { limit: 100, cursor: undefined };

describe.each(testDatabases)('teams on $name', ({ open }) => {
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
    const viewer = await platform.addUser(tenant, { email: 'vi@example.com' });
    const red = await platform.identity.teams.create(admin.ctx, 'Red');
    return { tenant, admin, viewer, red };
  }
  const teamIdsOf = async (accessToken: string) =>
    (await platform.identity.authenticate(accessToken)).principal.teamIds;
  const memberIdsOf = async (ctx: Parameters<TestIdentity['identity']['teams']['list']>[0], id: string) =>
    (await platform.identity.teams.listMembers(ctx, id, page)).data.map((user) => user.id);

  it('are made, renamed, listed page by page and removed', async () => {
    const { admin, red } = await furnish();
    const { teams } = platform.identity;
    expect(red).toEqual({
      id: expect.stringMatching(/^tem_/),
      name: 'Red',
      externalId: null,
      createdAt: expect.any(Date),
      updatedAt: expect.any(Date),
    });
    const blue = await teams.create(admin.ctx, ' Blue ');
    expect(await teams.rename(admin.ctx, blue.id, 'Navy')).toMatchObject({ id: blue.id, name: 'Navy' });
    const first = await teams.list(admin.ctx, { limit: 1, cursor: undefined });
    const rest = await teams.list(admin.ctx, { limit: 1, cursor: first.nextCursor ?? undefined });
    expect([...first.data, ...rest.data].map(({ name }) => name)).toEqual(['Red', 'Navy']);
    expect(rest.nextCursor).toBeNull();
    await teams.remove(admin.ctx, blue.id);
    await expect(teams.remove(admin.ctx, blue.id)).rejects.toSatisfy(codeIs('resource_not_found'));
    expect((await teams.list(admin.ctx, page)).data.map(({ id }) => id)).toEqual([red.id]);
  });

  it('have names of their own within the tenant, and only there', async () => {
    const { admin } = await furnish();
    await furnish();
    const { teams } = platform.identity;
    await expect(teams.create(admin.ctx, 'Red')).rejects.toSatisfy(codeIs('state_conflict'));
    const blue = await teams.create(admin.ctx, 'Blue');
    await expect(teams.rename(admin.ctx, blue.id, 'Red')).rejects.toSatisfy(codeIs('state_conflict'));
    expect(await teams.rename(admin.ctx, blue.id, 'Blue')).toMatchObject({ name: 'Blue' });
    for (const name of ['', '  ', 'a\u0000b', 'x'.repeat(201)])
      await expect(teams.create(admin.ctx, name)).rejects.toSatisfy(codeIs('request_invalid'));
  });

  it('tell with the next request who joined and who left', async () => {
    const { admin, viewer, red } = await furnish();
    const { teams } = platform.identity;
    const blue = await teams.create(admin.ctx, 'Blue');
    for (const id of [red.id, blue.id, red.id]) await teams.addMember(admin.ctx, id, viewer.user.id);
    expect(await teamIdsOf(viewer.tokens.accessToken)).toEqual([red.id, blue.id].toSorted());
    const { key } = await platform.identity.createApiKey(admin.ctx, { name: 'k', userId: viewer.user.id });
    expect(await teamIdsOf(key)).toEqual([red.id, blue.id].toSorted());
    const before = await platform.identity.authenticate(key);
    expect((await platform.identity.stillStanding([before])).size).toBe(1);

    await teams.removeMember(admin.ctx, red.id, viewer.user.id);
    await teams.removeMember(admin.ctx, red.id, viewer.user.id);
    expect(await teamIdsOf(key)).toEqual([blue.id]);
    expect((await platform.identity.stillStanding([before])).size).toBe(0);
    await teams.remove(admin.ctx, blue.id);
    expect(await teamIdsOf(key)).toEqual([]);
  });

  it('keep suspended members and lose deleted ones', async () => {
    const { admin, viewer, red } = await furnish();
    await platform.identity.teams.addMember(admin.ctx, red.id, viewer.user.id);
    await platform.identity.updateUser(admin.ctx, viewer.user.id, { status: 'suspended' });
    expect(await memberIdsOf(admin.ctx, red.id)).toEqual([viewer.user.id]);
    await platform.identity.updateUser(admin.ctx, viewer.user.id, { status: 'deleted' });
    expect(await memberIdsOf(admin.ctx, red.id)).toEqual([]);
    await expect(platform.identity.teams.addMember(admin.ctx, red.id, viewer.user.id)).rejects.toSatisfy(
      codeIs('resource_not_found'),
    );
  });

  it('take what was granted to them along when they are removed', async () => {
    const { tenant, admin, red } = await furnish();
    const collection = newId('collection');
    await test.superuser(
      `insert into genai.collections (tenant_id, id, name, created_by) values ($1, $2, 'papers', 'x')`,
      [tenant.id, collection],
    );
    await test.superuser(
      `insert into genai.collection_grants (tenant_id, collection_id, subject_kind, subject_id)
       values ($1, $2, 'team', $3), ($1, $2, 'user', $4)`,
      [tenant.id, collection, red.id, admin.user.id],
    );
    await platform.identity.teams.remove(admin.ctx, red.id);
    const kept = await test.superuser('select subject_kind from genai.collection_grants where collection_id = $1', [
      collection,
    ]);
    expect(kept).toEqual([{ subject_kind: 'user' }]);
  });

  it('answer the same for an absent team or user, one of another tenant, and nonsense', async () => {
    const { admin, red } = await furnish();
    const foreign = await furnish();
    await platform.identity.teams.addMember(foreign.admin.ctx, foreign.red.id, foreign.viewer.user.id);
    const { teams } = platform.identity;
    const attempts = [foreign.red.id, newId('team'), "' or 1=1 --", '\u0000', 'x'.repeat(10_000)].flatMap((id) => [
      () => teams.rename(admin.ctx, id, 'Mine'),
      () => teams.remove(admin.ctx, id),
      () => teams.listMembers(admin.ctx, id, page),
      () => teams.addMember(admin.ctx, id, admin.user.id),
      () => teams.removeMember(admin.ctx, id, admin.user.id),
    ]);
    for (const userId of [foreign.viewer.user.id, newId('user'), 'nobody']) {
      attempts.push(() => teams.addMember(admin.ctx, red.id, userId));
      attempts.push(() => teams.removeMember(admin.ctx, red.id, userId));
    }
    for (const attempt of attempts) {
      const error = await Promise.resolve(attempt()).catch((caught: unknown) => caught);
      expect(isAppError(error, 'resource_not_found')).toBe(true);
      expect(error).toMatchObject({ detail: undefined, errors: undefined });
    }
    expect(await memberIdsOf(foreign.admin.ctx, foreign.red.id)).toEqual([foreign.viewer.user.id]);
  });

  it('are for those who may read and write users', async () => {
    const { admin, viewer, red } = await furnish();
    const denied = codeIs('permission_denied');
    const { teams } = platform.identity;
    const { key } = await platform.identity.createApiKey(admin.ctx, { name: 'reader', scopes: ['users:read'] });
    const reader = contextOf(await platform.identity.authenticate(key));
    for (const ctx of [viewer.ctx, reader]) {
      await expect(teams.create(ctx, 'Mine')).rejects.toSatisfy(denied);
      await expect(teams.rename(ctx, red.id, 'Mine')).rejects.toSatisfy(denied);
      await expect(teams.remove(ctx, red.id)).rejects.toSatisfy(denied);
      await expect(teams.addMember(ctx, red.id, viewer.user.id)).rejects.toSatisfy(denied);
      await expect(teams.removeMember(ctx, red.id, viewer.user.id)).rejects.toSatisfy(denied);
    }
    await expect(teams.list(viewer.ctx, page)).rejects.toSatisfy(denied);
    await expect(teams.listMembers(viewer.ctx, red.id, page)).rejects.toSatisfy(denied);
    expect((await teams.list(reader, page)).data).toHaveLength(1);
  });

  it('have every change in the audit log', async () => {
    const { admin, viewer, red } = await furnish();
    const { teams } = platform.identity;
    await teams.addMember(admin.ctx, red.id, viewer.user.id);
    await teams.rename(admin.ctx, red.id, 'Crimson');
    await teams.removeMember(admin.ctx, red.id, viewer.user.id);
    await teams.remove(admin.ctx, red.id);
    const { data } = await platform.audit.list(admin.ctx, { limit: 5, cursor: undefined });
    const events = data.map(({ event }) => event as { action: string; details: object });
    expect(events.map(({ action, details }) => [action, details]).toReversed()).toEqual([
      ['team.created', { name: 'Red' }],
      ['team.members_changed', { added: [viewer.user.id], removed: [] }],
      ['team.updated', { changed: ['name'], name: 'Crimson' }],
      ['team.members_changed', { added: [], removed: [viewer.user.id] }],
      ['team.deleted', { name: 'Crimson' }],
    ]);
  });
});
