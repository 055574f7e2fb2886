import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../../test/support/database.ts';
import { contextOf, identityOn, type TestIdentity } from '../../../test/support/identity.ts';
import type { RequestContext } from '../../context.ts';
import type { Database } from '../../db/index.ts';
import { isAppError } from '../../errors.ts';
import type { Complex } from '../scim/attributes.ts';
import { userExtensionId } from './user-type.ts';

const codeIs = (code: Parameters<typeof isAppError>[1]) => (error: unknown) => isAppError(error, code);
const all = { filter: undefined, startIndex: 1, count: 200, selection: {} };
const any = (id: unknown) => ({ id: String(id), ifMatch: undefined, selection: {} });

/** A database that counts statements within transactions. */
function counting(database: Database): { readonly database: Database; readonly statements: () => number } {
  let statements = 0;
  const verbs = new Set(['select', 'insert', 'update', 'delete', 'execute']);
  const watched = <T extends object>(tx: T) =>
    new Proxy(tx, {
      get(target, key) {
        if (verbs.has(String(key))) statements += 1;
        const value: unknown = Reflect.get(target, key);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  return {
    database: { ...database, withTenant: (scope, fn) => database.withTenant(scope, (tx) => fn(watched(tx))) },
    statements: () => statements,
  };
}

describe.each(testDatabases)('provisioning on $name', ({ open }) => {
  let test: TestDatabase;
  let platform: TestIdentity;
  let statements: () => number;
  beforeAll(async () => {
    test = await open();
    const counted = counting(test.database);
    statements = counted.statements;
    platform = identityOn({ ...test, database: counted.database });
  });
  afterAll(async () => {
    platform.close();
    await test.close();
  });

  /** A tenant and a directory that acts for its admin with a key for provisioning alone. */
  async function furnish() {
    const tenant = await platform.addTenant();
    const admin = await platform.addUser(tenant, {
      email: 'ada@example.com',
      role: 'admin',
      clearance: 'confidential',
    });
    const { key } = await platform.identity.createApiKey(admin.ctx, { name: 'k', scopes: ['users:provision'] });
    const ctx = contextOf(await platform.identity.authenticate(key));
    return { tenant, admin, ctx, ...platform.identity.provisioning };
  }
  const countOf = async (fn: () => Promise<unknown>) => {
    const before = statements();
    await fn();
    return statements() - before;
  };

  it('lists a thousand users and fifty teams in a few statements a page, each once', async () => {
    const { tenant, ctx, users, groups } = await furnish();
    await test.superuser(
      `insert into genai.users (tenant_id, id, email, name, role, clearance)
       select $1, 'usr_' || lpad(n::text, 32, '0'), n || '@example.com', 'User ' || n, 'viewer', 'public' from generate_series(1, 1000) as n`,
      [tenant.id],
    );
    await test.superuser(
      `insert into genai.teams (tenant_id, id, name) select $1, 'tem_' || lpad(n::text, 32, '0'), 'Team ' || n from generate_series(1, 50) as n`,
      [tenant.id],
    );
    await test.superuser(
      `insert into genai.team_members (tenant_id, team_id, user_id)
       select $1, 'tem_' || lpad((n % 50 + 1)::text, 32, '0'), 'usr_' || lpad(n::text, 32, '0') from generate_series(1, 1000) as n`,
      [tenant.id],
    );
    const seen: unknown[] = [];
    for (let startIndex = 1; startIndex <= 1001; startIndex += 200) {
      const spent = await countOf(async () => {
        const { resources, total } = await users.list(ctx, { ...all, startIndex });
        expect(total).toBe(1001);
        seen.push(...resources.map(({ id }) => id));
        if (startIndex === 1) expect(resources[0]?.['groups']).toHaveLength(1);
      });
      expect(spent).toBeLessThanOrEqual(3);
    }
    expect([seen.length, new Set(seen).size]).toEqual([1001, 1001]);
    const spent = await countOf(async () => {
      const { resources } = await groups.list(ctx, all);
      expect(resources.map(({ members }) => (members as readonly Complex[]).length)).toEqual(
        Array.from({ length: 50 }, () => 20),
      );
    });
    expect(spent).toBeLessThanOrEqual(3);
    expect(await countOf(() => groups.list(ctx, { ...all, selection: { excluded: ['members'] } }))).toBeLessThanOrEqual(
      2,
    );
    const change = [{ op: 'add', path: 'members', value: [{ value: seen[0] }] }] as const;
    expect(await countOf(() => groups.patch(ctx, any(`tem_${'50'.padStart(32, '0')}`), change))).toBeLessThanOrEqual(
      10,
    );
  });

  it('ends a page of groups before its members are too many', async () => {
    const { tenant, ctx, groups } = await furnish();
    await test.superuser(
      `insert into genai.users (tenant_id, id, email, name, role, clearance)
       select $1, 'usr_' || lpad(n::text, 32, 'a'), n || '@example.com', 'User', 'viewer', 'public' from generate_series(1, 9000) as n`,
      [tenant.id],
    );
    await test.superuser(
      `insert into genai.teams (tenant_id, id, name)
       select $1, 'tem_' || lpad(n::text, 32, 'a'), 'Team ' || n from generate_series(1, 3) as n`,
      [tenant.id],
    );
    await test.superuser(
      `insert into genai.team_members (tenant_id, team_id, user_id)
       select $1, t.id, u.id from genai.teams as t join genai.users as u using (tenant_id)
       where tenant_id = $1 and u.id like 'usr_a%'`,
      [tenant.id],
    );
    const first = await groups.list(ctx, all);
    expect([first.total, first.resources.length]).toEqual([3, 2]);
    const rest = await groups.list(ctx, { ...all, startIndex: 3 });
    expect(rest.resources).toHaveLength(1);
    expect((await groups.list(ctx, { ...all, selection: { excluded: ['members'] } })).resources).toHaveLength(3);
    const id = String(first.resources[0]?.['id']);
    const value = Array.from({ length: 1001 }, (_, n) => ({ value: `usr_${String(n + 1).padStart(32, 'b')}` }));
    await expect(groups.patch(ctx, any(id), [{ op: 'add', path: 'members', value }])).rejects.toSatisfy(
      codeIs('request_invalid'),
    );
  });

  it('stores what a directory says of a person sealed, and erases it with the person', async () => {
    const { ctx, users } = await furnish();
    const body = {
      userName: 'secret@example.com',
      externalId: 'directory-number-7',
      name: { givenName: 'Wilhelmina', familyName: 'Quux' },
      displayName: 'W.',
      emails: [{ value: 'private@elsewhere.example' }],
    };
    const { id } = await users.create(ctx, body, {});
    const row = async () => (await test.superuser('select * from genai.users where id = $1', [id]))[0] ?? {};
    const plain = Object.values(await row())
      .map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value)))
      .join('\n');
    for (const text of ['directory-number-7', 'Wilhelmina', 'Quux', 'private@elsewhere'])
      expect(plain).not.toContain(text);
    expect(await users.read(ctx, String(id), {})).toMatchObject({ externalId: 'directory-number-7', name: body.name });
    await users.remove(ctx, String(id), undefined);
    expect(await row()).toMatchObject({
      email: `${id}@deleted.invalid`,
      external_id_hash: null,
      external_id_sealed: null,
      profile_sealed: null,
    });
    const audit = JSON.stringify(await test.superuser('select body from genai.audit_events'));
    for (const text of ['secret@example.com', 'directory-number-7', 'Quux']) expect(audit).not.toContain(text);
  });

  it('lets one of two succeed who add the same user or team at once', async () => {
    const { ctx, users, groups } = await furnish();
    for (let round = 0; round < 5; round += 1) {
      const attempts = await Promise.allSettled([
        users.create(ctx, { userName: `twin-${round}@example.com`, externalId: `${round}` }, {}),
        users.create(ctx, { userName: `twin-${round}@example.com`, externalId: `${round}` }, {}),
        groups.create(ctx, { displayName: `Twins ${round}` }, {}),
        groups.create(ctx, { displayName: `Twins ${round}` }, {}),
      ]);
      const failures = attempts
        .filter((attempt) => attempt.status === 'rejected')
        .map(({ reason }) => reason as unknown);
      expect(failures.map((failure) => isAppError(failure, 'value_taken'))).toEqual([true, true]);
    }
  });

  it('loses no member when many are added at once', async () => {
    const { ctx, users, groups } = await furnish();
    const { id } = await groups.create(ctx, { displayName: 'Crowd' }, {});
    const people: Complex[] = [];
    for (let n = 0; n < 8; n += 1) people.push(await users.create(ctx, { userName: `${n}@crowd.example` }, {}));
    await Promise.all(
      people.map((one) => groups.patch(ctx, any(id), [{ op: 'add', path: 'members', value: [{ value: one['id'] }] }])),
    );
    const { members } = await groups.read(ctx, String(id), {});
    expect((members as readonly Complex[]).map(({ value }) => value).toSorted()).toEqual(
      people.map((one) => one['id']).toSorted(),
    );
  });

  it('gives by the rights of the user of the key, and never to that user', async () => {
    const { admin, ctx, users } = await furnish();
    const { id } = await users.create(ctx, { userName: 'b@example.com', roles: [{ value: 'admin' }] }, {});
    const clearance = { op: 'replace', path: `${userExtensionId}:clearance`, value: 'restricted' } as const;
    await expect(users.patch(ctx, any(id), [clearance])).rejects.toSatisfy(codeIs('classification_denied'));
    await users.patch(ctx, any(id), [{ ...clearance, value: 'confidential' }]);
    for (const change of [
      { op: 'replace', path: 'active', value: false },
      { op: 'replace', path: 'roles', value: [{ value: 'viewer' }] },
    ] as const)
      await expect(users.patch(ctx, any(admin.user.id), [change])).rejects.toSatisfy(codeIs('permission_denied'));
    await expect(users.remove(ctx, admin.user.id, undefined)).rejects.toSatisfy(codeIs('permission_denied'));
    await platform.identity.updateUser(platform.setUp(ctx.tenantId), admin.user.id, { role: 'analyst' });
    const demoted: RequestContext = {
      ...ctx,
      principal: { ...ctx.principal, permissions: new Set(['users:provision']) },
    };
    for (const attempt of [
      () => users.create(demoted, { userName: 'c@example.com' }, {}),
      // An address leads to all that its user may do.
      () => users.patch(demoted, any(id), [{ op: 'replace', path: 'userName', value: 'mine@example.com' }]),
      () => users.patch(demoted, any(id), [{ op: 'replace', path: 'roles', value: [{ value: 'analyst' }] }]),
    ])
      await expect(attempt()).rejects.toSatisfy(codeIs('permission_denied'));
    await expect(users.remove(ctx, String(id), undefined)).rejects.toSatisfy(codeIs('state_conflict'));
  });

  it('makes the shown name of the parts until it is chosen apart from them', async () => {
    const { ctx, users } = await furnish();
    const { id } = await users.create(
      ctx,
      { userName: 'n@example.com', name: { givenName: 'Nora', familyName: 'N.' } },
      {},
    );
    const shown = async (...operations: { op: 'add' | 'replace' | 'remove'; path: string; value?: unknown }[]) =>
      (await users.patch(ctx, any(id), operations))['displayName'];
    expect(await shown({ op: 'replace', path: 'name.familyName', value: 'Nilsen' })).toBe('Nora Nilsen');
    expect(await shown({ op: 'add', path: 'name.formatted', value: 'Dr. Nora Nilsen' })).toBe('Dr. Nora Nilsen');
    expect(await shown({ op: 'replace', path: 'displayName', value: 'Nono' })).toBe('Nono');
    expect(await shown({ op: 'replace', path: 'name.familyName', value: 'Olsen' })).toBe('Nono');
    expect(await shown({ op: 'remove', path: 'displayName' })).toBe('Dr. Nora Nilsen');
    expect(await shown({ op: 'remove', path: 'name' })).toBe('Dr. Nora Nilsen');
    await platform.identity.updateUser(platform.setUp(ctx.tenantId), String(id), { name: 'By an admin' });
    expect((await users.read(ctx, String(id), {}))['displayName']).toBe('By an admin');
  });

  it('writes nothing where nothing changes', async () => {
    const { ctx, users, groups } = await furnish();
    const user = await users.create(ctx, { userName: 's@example.com', name: { givenName: 'S', familyName: 'T' } }, {});
    const group = await groups.create(ctx, { displayName: 'Same', members: [{ value: user['id'] }] }, {});
    const before = await users.read(ctx, String(user['id']), {});
    const events = async () => (await test.superuser('select count(*)::int as n from genai.audit_events'))[0]?.['n'];
    const written = await events();
    expect(await users.replace(ctx, any(user['id']), { ...before, name: { familyName: 'T', givenName: 'S' } })).toEqual(
      before,
    );
    expect(await users.patch(ctx, any(user['id']), [{ op: 'replace', path: 'active', value: 'True' }])).toEqual(before);
    expect(await groups.replace(ctx, any(group['id']), { ...group })).toEqual(group);
    expect(await events()).toBe(written);
  });
});
