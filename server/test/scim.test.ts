/**
 * Provisioning from outside, as a directory does it: users come, change, are suspended and go, and with them their sessions
 * and keys; groups are teams, to which collections are granted. The same suite on every database.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from './support/app.ts';
import { testDatabases } from './support/database.ts';
import {
  errorSchema,
  extension,
  groupSchema,
  patchOf,
  provisioningKey,
  type ScimReply,
  scimClient,
  userSchema,
} from './support/scim.ts';

describe.each(testDatabases)('provisioning on $name', (database) => {
  let server: TestApp;
  let acme: ReturnType<typeof scimClient>;
  let globex: ReturnType<typeof scimClient>;
  let made = 0;

  beforeAll(async () => {
    server = await startTestApp(database, { RATE_LIMIT_KEY_REQUESTS_PER_MINUTE: '100000' });
    acme = scimClient(server.baseUrl, await provisioningKey(server, 'acme'));
    globex = scimClient(server.baseUrl, await provisioningKey(server, 'globex'));
  }, 120_000);
  afterAll(() => server?.close());

  /** A new user of acme, with an address of their own. */
  async function newUser(more: object = {}): Promise<{ id: string; userName: string }> {
    made += 1;
    const userName = `person-${made}@acme.example`;
    const { status, body } = await acme('POST', '/Users', { schemas: [userSchema], userName, ...more });
    expect(status, JSON.stringify(body)).toBe(201);
    return { id: body.id, userName };
  }
  const expectError = ({ status, headers, body }: ScimReply, wanted: number, scimType?: string) => {
    expect([status, body.scimType], JSON.stringify(body)).toEqual([wanted, scimType]);
    expect(headers.get('content-type')).toBe('application/scim+json; charset=utf-8');
    expect(body).toMatchObject({ schemas: [errorSchema], status: String(wanted), detail: expect.any(String) });
  };

  it('brings a user, who is then found, changed, suspended, brought back and erased', async () => {
    const created = await acme('POST', '/Users', {
      schemas: [userSchema, extension],
      userName: 'Nora@Acme.example',
      externalId: '00u1',
      name: { givenName: 'Nora', familyName: 'Nilsen' },
      emails: [{ value: 'nora@private.example', type: 'home' }],
      active: true,
      roles: [{ value: 'analyst' }],
      [extension]: { clearance: 'confidential' },
    });
    const { id } = created.body;
    expect(created).toMatchObject({ status: 201 });
    expect(created.headers.get('content-type')).toBe('application/scim+json; charset=utf-8');
    expect(created.headers.get('location')).toBe(`/scim/v2/Users/${id}`);
    expect(created.headers.get('etag')).toBe(created.body.meta.version);
    expect(created.body).toEqual({
      schemas: [userSchema, extension],
      id: expect.stringMatching(/^usr_/),
      externalId: '00u1',
      userName: 'nora@acme.example',
      name: { givenName: 'Nora', familyName: 'Nilsen' },
      displayName: 'Nora Nilsen',
      emails: [{ value: 'nora@private.example', type: 'home' }],
      active: true,
      roles: [{ value: 'analyst', primary: true }],
      [extension]: { clearance: 'confidential' },
      meta: {
        resourceType: 'User',
        created: expect.stringMatching(/Z$/),
        lastModified: created.body.meta.created,
        location: `/scim/v2/Users/${id}`,
        version: expect.stringMatching(/^W\/"/),
      },
    });
    expect((await acme('GET', `/Users/${id}`)).body).toEqual(created.body);
    for (const filter of [
      'userName eq "NORA@acme.example"',
      'externalId eq "00u1"',
      `id eq "${id}" and active eq true`,
    ]) {
      const { body } = await acme('GET', `/Users?filter=${encodeURIComponent(filter)}`);
      expect(body, filter).toMatchObject({
        totalResults: 1,
        startIndex: 1,
        itemsPerPage: 1,
        Resources: [created.body],
      });
    }

    const { body: key } = await server.call(server.user('acme', 'admin'), 'POST', '/api/keys', {
      name: 'nora',
      user_id: id,
    });
    const me = async () => (await server.call(String(key['key']), 'GET', '/api/me')).status;
    expect(await me()).toBe(200);
    const suspended = await acme('PATCH', `/Users/${id}`, patchOf({ op: 'replace', value: { active: false } }));
    expect(suspended).toMatchObject({ status: 200, body: { active: false } });
    expect(await me()).toBe(401);
    await acme('PATCH', `/Users/${id}`, patchOf({ op: 'Replace', path: 'active', value: 'True' }));
    expect(await me()).toBe(200);

    const replaced = await acme('PUT', `/Users/${id}`, { userName: 'nora@acme.example', displayName: 'Nora N.' });
    expect(replaced.body).toMatchObject({
      displayName: 'Nora N.',
      externalId: '00u1',
      roles: [{ value: 'analyst' }],
      [extension]: { clearance: 'confidential' },
    });
    for (const name of ['name', 'emails']) expect(replaced.body).not.toHaveProperty(name);

    expect((await acme('DELETE', `/Users/${id}`)).status).toBe(204);
    expect(await me()).toBe(401);
    expectError(await acme('GET', `/Users/${id}`), 404);
    expectError(await acme('DELETE', `/Users/${id}`), 404);
    expect((await acme('GET', '/Users?filter=externalId%20eq%20%2200u1%22')).body).toMatchObject({ totalResults: 0 });
    const again = await acme('POST', '/Users', { userName: 'nora@acme.example', externalId: '00u1' });
    expect(again.status).toBe(201);
    expect(again.body.id).not.toBe(id);
    expect(again.body).toMatchObject({ roles: [{ value: 'viewer' }], [extension]: { clearance: 'internal' } });
  });

  it('brings a group, whose members read what is granted to it', async () => {
    const admin = server.user('acme', 'admin');
    const nils = await newUser({ displayName: 'Nils' });
    const group = await acme('POST', '/Groups', {
      schemas: [groupSchema],
      displayName: 'Researchers',
      externalId: 'g-1',
      members: [{ value: nils.id }],
    });
    const { id } = group.body;
    expect(group).toMatchObject({ status: 201 });
    expect(group.body).toEqual({
      schemas: [groupSchema],
      id: expect.stringMatching(/^tem_/),
      externalId: 'g-1',
      displayName: 'Researchers',
      members: [{ value: nils.id, display: 'Nils', type: 'User', $ref: `/scim/v2/Users/${nils.id}` }],
      meta: expect.objectContaining({ resourceType: 'Group', location: `/scim/v2/Groups/${id}` }),
    });
    expect((await acme('GET', `/Users/${nils.id}`)).body.groups).toEqual([
      { value: id, display: 'Researchers', $ref: `/scim/v2/Groups/${id}` },
    ]);

    const grants = [{ kind: 'team', id }];
    await server.call(admin, 'POST', '/api/collections', { name: 'lab', grants });
    const { body: key } = await server.call(admin, 'POST', '/api/keys', { name: 'nils', user_id: nils.id });
    const names = async () => {
      const { body } = await server.call(String(key['key']), 'GET', '/api/collections');
      return (body['data'] as { name: string }[]).map(({ name }) => name);
    };
    expect(await names()).toContain('lab');
    const path = `members[value eq "${nils.id}"]`;
    const left = await acme('PATCH', `/Groups/${id}`, patchOf({ op: 'Remove', path }));
    expect(left.status, JSON.stringify(left.body)).toBe(204);
    expect(await names()).not.toContain('lab');
    expect((await acme('GET', `/Groups/${id}`)).body).not.toHaveProperty('members');
    for (const op of ['Add', 'add'])
      await acme('PATCH', `/Groups/${id}`, patchOf({ op, path: 'members', value: [{ value: nils.id }] }));
    expect((await acme('GET', `/Groups/${id}`)).body.members).toHaveLength(1);
    expect(await names()).toContain('lab');
    expect((await acme('DELETE', `/Groups/${id}`)).status).toBe(204);
    expect(await names()).not.toContain('lab');
    expectError(await acme('GET', `/Groups/${id}`), 404);
  });

  it('refuses a second user or group of the same name or external id, and says nothing of those of others', async () => {
    const { userName } = await newUser({ externalId: 'twice' });
    expectError(await acme('POST', '/Users', { userName: userName.toUpperCase() }), 409, 'uniqueness');
    expectError(
      await acme('POST', '/Users', { userName: 'other@acme.example', externalId: 'twice' }),
      409,
      'uniqueness',
    );
    const other = await newUser();
    expectError(await acme('PUT', `/Users/${other.id}`, { userName }), 409, 'uniqueness');
    const change = patchOf({ op: 'replace', path: 'externalId', value: 'twice' });
    expectError(await acme('PATCH', `/Users/${other.id}`, change), 409, 'uniqueness');
    expect((await globex('POST', '/Users', { userName, externalId: 'twice' })).status).toBe(201);

    const group = { displayName: 'Twins', externalId: 'twins' };
    expect((await acme('POST', '/Groups', group)).status).toBe(201);
    expectError(await acme('POST', '/Groups', { displayName: 'Twins' }), 409, 'uniqueness');
    expectError(await acme('POST', '/Groups', { displayName: 'Others', externalId: 'twins' }), 409, 'uniqueness');
    expect((await globex('POST', '/Groups', group)).status).toBe(201);
  });

  it('gives nobody what the user of the key does not hold, whatever the key is scoped for', async () => {
    const admin = server.user('acme', 'admin');
    const role = { name: 'provisioner', description: 'Provisions.', permissions: ['users:provision', 'query:ask'] };
    const madeRole = await server.call(admin, 'POST', '/api/roles', role);
    if (madeRole.status === 404) return;
    const { id } = await newUser({ roles: [{ value: 'provisioner' }] });
    const scopes = ['users:provision'];
    const { body: key } = await server.call(admin, 'POST', '/api/keys', { name: 'small', user_id: id, scopes });
    const small = scimClient(server.baseUrl, String(key['key']));
    const attempt = { userName: 'rise@acme.example', roles: [{ value: 'admin' }] };
    expectError(await small('POST', '/Users', attempt), 403);
    expectError(
      await small('POST', '/Users', { ...attempt, roles: [], [extension]: { clearance: 'restricted' } }),
      403,
    );
    const victim = await newUser();
    for (const value of [{ roles: [{ value: 'admin' }] }, { [extension]: { clearance: 'restricted' } }])
      expectError(await small('PATCH', `/Users/${victim.id}`, patchOf({ op: 'replace', value })), 403);
  });

  it('answers for what belongs to another tenant exactly as for what never was', async () => {
    const theirs = await globex('POST', '/Users', { userName: 'theirs@globex.example', externalId: 'theirs' });
    const team = await globex('POST', '/Groups', { displayName: 'Theirs', members: [{ value: theirs.body.id }] });
    const change = patchOf({ op: 'replace', path: 'active', value: false });
    for (const [kind, foreign, absent] of [
      ['Users', theirs.body.id, `usr_${'0'.repeat(32)}`],
      ['Groups', team.body.id, `tem_${'0'.repeat(32)}`],
    ]) {
      for (const [method, body] of [
        ['GET'],
        ['DELETE'],
        ['PUT', { userName: 'a@b.example', displayName: 'x' }],
        ['PATCH', change],
      ] as const) {
        const answers = [];
        for (const id of [foreign, absent, 'nonsense']) answers.push(await acme(method, `/${kind}/${id}`, body));
        for (const answer of answers) expectError(answer, 404);
        expect(answers[0]?.body).toEqual(answers[1]?.body);
        expect(answers[0]?.body).toEqual(answers[2]?.body);
      }
    }
    const group = await acme('POST', '/Groups', { displayName: 'Mixed' });
    for (const value of [theirs.body.id, `usr_${'0'.repeat(32)}`, 'nobody']) {
      const answer = await acme(
        'PATCH',
        `/Groups/${group.body.id}`,
        patchOf({ op: 'add', path: 'members', value: [{ value }] }),
      );
      expectError(answer, 400, 'invalidValue');
      expect(answer.body.detail).toContain('names somebody who is no user');
    }
    for (const filter of [
      'externalId eq "theirs"',
      'userName co "globex"',
      'not (userName eq "x")',
      `id eq "${theirs.body.id}" or id pr`,
    ]) {
      const { body } = await acme('GET', `/Users?count=200&filter=${encodeURIComponent(filter)}`);
      expect(JSON.stringify(body), filter).not.toContain('globex');
    }
    expect((await globex('GET', `/Users/${theirs.body.id}`)).body).toMatchObject({
      active: true,
      groups: [{ display: 'Theirs' }],
    });
  });

  it('is for keys that are scoped for it, and writes down who did what', async () => {
    const { id } = await newUser({ externalId: 'audited' });
    await acme('PATCH', `/Users/${id}`, patchOf({ op: 'replace', path: 'externalId', value: 'audited again' }));
    const { body } = await server.call(server.user('acme', 'admin'), 'GET', '/api/audit?limit=2');
    const events = (body['data'] as { event: object }[]).map(({ event }) => event);
    expect(events).toMatchObject([
      { action: 'user.updated', actor: { kind: 'api_key' }, details: { changed: ['external_id'] } },
      { action: 'user.created', actor: { kind: 'api_key' }, details: { role: 'viewer', clearance: 'internal' } },
    ]);
    expect(JSON.stringify(events)).not.toContain('audited');
    for (const role of ['analyst', 'viewer'] as const) {
      const unscoped = scimClient(server.baseUrl, server.user('acme', role).api_key);
      expectError(await unscoped('GET', '/Users'), 403);
    }
    expectError(await scimClient(server.baseUrl, 'sk-gen-nonsense')('GET', '/Users'), 401);
    const scoped = await provisioningKey(server, 'acme');
    expect((await server.call(scoped, 'GET', '/api/users')).status).toBe(403);
  });
});
