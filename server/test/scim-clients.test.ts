/**
 * Provisioning in the very requests of Entra ID and Okta, as their documentation shows them, and of clients that read the
 * standard in their own ways: values in other cases, lists as single values, texts for truth values.
 */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from './support/app.ts';
import { anyTestDatabase } from './support/database.ts';
import { extension, groupSchema, patchOf, provisioningKey, scimClient, userSchema } from './support/scim.ts';

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';

let server: TestApp;
let scim: ReturnType<typeof scimClient>;
let number = 0;
let userName: string;

beforeAll(async () => {
  server = await startTestApp(anyTestDatabase(), { RATE_LIMIT_KEY_REQUESTS_PER_MINUTE: '100000' });
  scim = scimClient(server.baseUrl, await provisioningKey(server, 'acme'));
}, 120_000);
afterAll(() => server?.close());
beforeEach(() => {
  number += 1;
  userName = `user-${number}@acme.example`;
});

/** Sends something that must succeed, and gives the body. */
async function ok(method: string, path: string, body?: unknown) {
  const answer = await scim(method, path, body);
  expect(answer.status, `${method} ${path} → ${JSON.stringify(answer.body)}`).toBeLessThan(300);
  return answer.body;
}
const found = (kind: string, filter: string, more = '') =>
  ok('GET', `/${kind}?filter=${encodeURIComponent(filter)}${more}`);

describe('Entra ID', () => {
  const entraUser = () => ({
    schemas: [userSchema, enterprise],
    externalId: `0a21f0f2-${number}`,
    userName,
    active: true,
    displayName: 'Ryan Leenay',
    emails: [{ primary: true, type: 'work', value: userName }],
    meta: { resourceType: 'User' },
    name: { formatted: 'Ryan Leenay', familyName: 'Leenay', givenName: 'Ryan' },
    roles: [],
    [enterprise]: { department: 'Sales', employeeNumber: '17' },
    title: 'Manager',
  });

  it('looks for a user, adds and reads them', async () => {
    expect(await found('Users', `userName eq "${userName}"`)).toMatchObject({ totalResults: 0, Resources: [] });
    const made = await ok('POST', '/Users', entraUser());
    expect(made).toMatchObject({
      userName,
      displayName: 'Ryan Leenay',
      name: { formatted: 'Ryan Leenay', familyName: 'Leenay', givenName: 'Ryan' },
      emails: [{ primary: true, type: 'work', value: userName }],
      active: true,
      roles: [{ value: 'viewer' }],
    });
    expect(made).not.toHaveProperty('title');
    expect(made).not.toHaveProperty(enterprise);
    expect(await ok('GET', `/Users/${made.id}`)).toEqual(made);
    expect(await found('Users', `externalId eq "0a21f0f2-${number}"`)).toMatchObject({ Resources: [made] });
  });

  it('changes parts by paths, with operations in capitals and truth values as texts', async () => {
    const { id } = await ok('POST', '/Users', entraUser());
    const patch = (...operations: object[]) => ok('PATCH', `/Users/${id}`, patchOf(...operations));
    expect(
      await patch(
        { op: 'Replace', path: 'emails[type eq "work"].value', value: 'ryan@work.example' },
        { op: 'Replace', path: 'name.familyName', value: 'Lee' },
        { op: 'Add', path: `${enterprise}:department`, value: 'Research' },
        { op: 'Replace', path: 'title', value: 'Head' },
        { op: 'Add', path: 'addresses[type eq "work"].country', value: 'NO' },
        { op: 'Add', path: 'phoneNumbers[type eq "mobile"].value', value: '+47 1' },
        { op: 'Add', path: `${enterprise}:manager`, value: [{ value: id }] },
      ),
    ).toMatchObject({
      emails: [{ value: 'ryan@work.example', type: 'work' }],
      name: { familyName: 'Lee', givenName: 'Ryan' },
    });
    expect(
      await patch({ op: 'Add', path: 'emails[type eq "other"].value', value: 'ryan@other.example' }),
    ).toMatchObject({
      emails: [{ type: 'work' }, { type: 'other', value: 'ryan@other.example' }],
    });
    expect(await patch({ op: 'Replace', path: 'active', value: 'False' })).toMatchObject({ active: false });
    expect(await patch({ op: 'Replace', path: 'active', value: 'True' })).toMatchObject({ active: true });
    expect(await patch({ op: 'Replace', path: 'userName', value: `renamed-${userName}` })).toMatchObject({
      userName: `renamed-${userName}`,
    });
    expect(
      await patch({
        op: 'Replace',
        value: { displayName: 'R. Lee', 'name.givenName': 'R.', active: false, [`${enterprise}:division`]: 'x' },
      }),
    ).toMatchObject({ displayName: 'R. Lee', name: { givenName: 'R.', familyName: 'Lee' }, active: false });
  });

  it('assigns roles in each of its three ways', async () => {
    const type = 'WindowsAzureActiveDirectoryRole';
    const single = await ok('POST', '/Users', { ...entraUser(), roles: [{ primary: 'True', type, value: 'analyst' }] });
    expect(single.roles).toEqual([{ value: 'analyst', primary: true }]);
    const patch = (...operations: object[]) => ok('PATCH', `/Users/${single.id}`, patchOf(...operations));
    expect(await patch({ op: 'Replace', path: 'roles[primary eq "True"].value', value: 'viewer' })).toMatchObject({
      roles: [{ value: 'viewer' }],
    });
    expect(
      await patch({ op: 'Add', path: 'roles', value: [{ primary: 'False', type, value: 'Analyst' }] }),
    ).toMatchObject({
      roles: [{ value: 'analyst' }],
    });
    expect(await patch({ op: 'Remove', path: 'roles[value eq "analyst"]' })).toMatchObject({
      roles: [{ value: 'viewer' }],
    });
    expect(await patch({ op: 'Add', path: `${extension}:clearance`, value: 'confidential' })).toMatchObject({
      [extension]: { clearance: 'confidential' },
    });
  });

  it('keeps groups', async () => {
    const one = await ok('POST', '/Users', entraUser());
    userName = `second-${userName}`;
    const two = await ok('POST', '/Users', { ...entraUser(), externalId: `${number}-b` });
    const displayName = `Group ${number}`;
    const group = await ok('POST', '/Groups', {
      schemas: [groupSchema, 'http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group'],
      externalId: `8aa1a0c0-${number}`,
      displayName,
      meta: { resourceType: 'Group' },
    });
    const patch = (...operations: object[]) => scim('PATCH', `/Groups/${group.id}`, patchOf(...operations));
    const members = async () => {
      const { body } = await scim('GET', `/Groups/${group.id}`);
      return ((body.members ?? []) as { value: string }[]).map(({ value }) => value).toSorted();
    };
    expect(await found('Groups', `displayName eq "${displayName}"`, '&excludedAttributes=members')).toMatchObject({
      Resources: [{ id: group.id }],
    });
    const both = [
      { $ref: null, value: one.id },
      { $ref: null, value: two.id },
    ];
    expect((await patch({ op: 'Add', path: 'members', value: both })).status).toBe(204);
    expect(await members()).toEqual([one.id, two.id].toSorted());
    const isMember = (id: string) =>
      found('Groups', `id eq "${group.id}" and members eq "${id}"`, '&excludedAttributes=members');
    expect(await isMember(one.id)).toMatchObject({ totalResults: 1 });
    expect((await isMember(one.id)).Resources[0]).not.toHaveProperty('members');
    await patch({ op: 'Remove', path: 'members', value: [{ $ref: null, value: one.id }] });
    expect(await members()).toEqual([two.id]);
    expect(await isMember(one.id)).toMatchObject({ totalResults: 0 });
    await patch({ op: 'Remove', path: `members[value eq "${two.id}"]` });
    expect(await members()).toEqual([]);
    expect((await patch({ op: 'Remove', path: `members[value eq "${two.id}"]` })).status).toBe(204);
    await patch({ op: 'Replace', path: 'displayName', value: `${displayName} renamed` });
    const read = await ok('GET', `/Groups/${group.id}?excludedAttributes=members`);
    expect(read).toMatchObject({ displayName: `${displayName} renamed`, externalId: `8aa1a0c0-${number}` });
    expect((await scim('DELETE', `/Groups/${group.id}`)).status).toBe(204);
  });
});

describe('Okta', () => {
  const oktaUser = () => ({
    schemas: [userSchema],
    userName,
    name: { givenName: 'Test', familyName: 'User' },
    emails: [{ primary: true, value: userName, type: 'work' }],
    displayName: 'Test User',
    locale: 'en-US',
    externalId: `00ujl29u0le5T6Aj10h${number}`,
    groups: [],
    password: '1mz050nq',
    active: true,
  });

  it('tests the connection, looks for a user and adds them', async () => {
    expect(await ok('GET', '/Users?startIndex=1&count=2')).toMatchObject({
      schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
      totalResults: expect.any(Number),
      startIndex: 1,
      itemsPerPage: 2,
    });
    expect(await found('Users', `userName eq "${userName}"`, '&startIndex=1&count=100')).toMatchObject({
      Resources: [],
    });
    const made = await ok('POST', '/Users', oktaUser());
    expect(made).toMatchObject({ userName, name: { givenName: 'Test', familyName: 'User' }, active: true });
    expect(JSON.stringify(made)).not.toContain('1mz050nq');
    const again = await scim('POST', '/Users', oktaUser());
    expect(again).toMatchObject({ status: 409, body: { scimType: 'uniqueness' } });
  });

  it('replaces whole users, and takes nobody their role by it', async () => {
    const made = await ok('POST', '/Users', { ...oktaUser(), roles: [{ value: 'analyst' }] });
    const { roles: _, [extension]: __, ...sent } = made;
    const replaced = await ok('PUT', `/Users/${made.id}`, {
      ...sent,
      name: { ...made.name, familyName: 'Changed' },
      displayName: 'Test Changed',
      title: 'Boss',
    });
    expect(replaced).toMatchObject({
      displayName: 'Test Changed',
      name: { familyName: 'Changed' },
      roles: [{ value: 'analyst' }],
    });
    expect(await ok('PUT', `/Users/${made.id}`, { ...replaced })).toEqual(replaced);
    expect(await ok('PUT', `/Users/${made.id}`, { ...replaced, active: false })).toMatchObject({ active: false });
    expect(await ok('PATCH', `/Users/${made.id}`, patchOf({ op: 'replace', value: { active: true } }))).toMatchObject({
      active: true,
    });
  });

  it('pushes groups', async () => {
    const user = await ok('POST', '/Users', oktaUser());
    const displayName = `Push ${number}`;
    const group = await ok('POST', '/Groups', { schemas: [groupSchema], displayName, members: [] });
    await ok(
      'PATCH',
      `/Groups/${group.id}`,
      patchOf({ op: 'replace', value: { id: group.id, displayName: `${displayName}!` } }),
    );
    await ok(
      'PATCH',
      `/Groups/${group.id}`,
      patchOf({ op: 'add', path: 'members', value: [{ value: user.id, display: userName }] }),
    );
    expect(await ok('GET', `/Groups/${group.id}`)).toMatchObject({
      displayName: `${displayName}!`,
      members: [{ value: user.id }],
    });
    await ok('PATCH', `/Groups/${group.id}`, patchOf({ op: 'remove', path: `members[value eq "${user.id}"]` }));
    expect(await ok('GET', `/Groups/${group.id}`)).not.toHaveProperty('members');
    const members = [{ value: user.id, display: userName }];
    expect(await ok('PUT', `/Groups/${group.id}`, { ...group, displayName, members })).toMatchObject({
      members: [{ value: user.id }],
    });
    await ok('PATCH', `/Groups/${group.id}`, patchOf({ op: 'replace', path: 'members', value: [] }));
    expect(await ok('GET', '/Groups?startIndex=1&count=100')).toMatchObject({ startIndex: 1 });
  });
});

describe('a client of its own mind', () => {
  it('writes names and schemas in whatever case, and values where lists belong', async () => {
    const made = await ok('POST', '/Users', {
      USERNAME: userName,
      Name: { GivenName: 'Ada', FAMILYNAME: 'L.' },
      Emails: 'ada@home.example',
      Active: 'true',
      roles: ['ANALYST'],
      [extension.toUpperCase()]: { Clearance: 'PUBLIC' },
    });
    expect(made).toMatchObject({
      name: { givenName: 'Ada', familyName: 'L.' },
      displayName: 'Ada L.',
      emails: [{ value: 'ada@home.example' }],
      roles: [{ value: 'analyst' }],
      [extension]: { clearance: 'public' },
    });
    const path = `${userSchema.toUpperCase()}:NAME.familyname`;
    expect(await ok('PATCH', `/Users/${made.id}`, patchOf({ op: 'REPLACE', path, value: 'Lovelace' }))).toMatchObject({
      displayName: 'Ada Lovelace',
    });
    expect(
      await found(
        'Users',
        `URN:ietf:params:scim:schemas:core:2.0:User:USERNAME EQ "${userName.toUpperCase()}" AND ACTIVE eq TRUE`,
      ),
    ).toMatchObject({
      totalResults: 1,
    });
    expect(
      await found(
        'Users',
        `${extension}:clearance eq "public" and roles[value eq "analyst"] and not (active eq false)`,
      ),
    ).toMatchObject({
      Resources: [{ id: made.id }],
    });
    expect(await found('Users', `meta.created gt "2020-01-01T00:00:00Z" and userName sw "${userName}"`)).toMatchObject({
      totalResults: 1,
    });
    expect(await found('Users', `userName eq "${userName}" and externalId eq null and groups pr`)).toMatchObject({
      totalResults: 0,
    });
  });

  it('chooses what it is sent', async () => {
    const made = await ok('POST', '/Users?attributes=userName,name.givenName', {
      userName,
      name: { givenName: 'A', familyName: 'B' },
    });
    expect(made).toEqual({ schemas: expect.any(Array), id: expect.any(String), userName, name: { givenName: 'A' } });
    const rest = await ok('GET', `/Users/${made.id}?excludedAttributes=name.givenName,emails,groups,${extension}`);
    expect(rest).toMatchObject({ userName, name: { familyName: 'B' } });
    for (const name of ['emails', 'groups', extension]) expect(rest).not.toHaveProperty([name]);
  });

  it('sends JSON as JSON', async () => {
    const answer = await scim('POST', '/Users', { userName }, { 'content-type': 'application/json' });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([201, 'application/scim+json; charset=utf-8']);
    const wrong = await fetch(`${server.baseUrl}/api/users`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${server.user('acme', 'admin').api_key}`,
        'content-type': 'application/scim+json',
      },
      body: '{}',
    });
    expect(wrong.status).toBe(415);
  });

  it('changes only the version that it has read', async () => {
    const made = await ok('POST', '/Users', { userName });
    const path = `/Users/${made.id}`;
    const change = (displayName: string) => patchOf({ op: 'replace', value: { displayName } });
    const first = await scim('PATCH', path, change('One'), { 'if-match': made.meta.version });
    expect(first.status).toBe(200);
    expect(first.body.meta.version).not.toBe(made.meta.version);
    for (const [method, body] of [
      ['PATCH', change('Two')],
      ['PUT', { userName }],
      ['DELETE', undefined],
    ] as const) {
      expect((await scim(method, path, body, { 'if-match': made.meta.version })).status).toBe(412);
    }
    expect((await scim('GET', path, undefined, { 'if-none-match': first.body.meta.version })).status).toBe(304);
    const unchanged = await scim('PATCH', path, change('One'), { 'if-match': `"x", ${first.body.meta.version}` });
    expect(unchanged.body).toEqual(first.body);
    expect((await scim('DELETE', path, undefined, { 'if-match': '*' })).status).toBe(204);
  });

  it('learns what there is', async () => {
    expect(await ok('GET', '/ServiceProviderConfig')).toMatchObject({
      patch: { supported: true },
      bulk: { supported: false },
      filter: { supported: true, maxResults: 200 },
      changePassword: { supported: false },
      sort: { supported: false },
      etag: { supported: true },
    });
    const types = await ok('GET', '/ResourceTypes');
    expect(types.Resources.map(({ name, schema }: { name: string; schema: string }) => [name, schema])).toEqual([
      ['User', userSchema],
      ['Group', groupSchema],
    ]);
    const schemas = await ok('GET', '/Schemas');
    expect(schemas.Resources.map(({ id }: { id: string }) => id)).toEqual([userSchema, extension, groupSchema]);
    for (const { meta, ...rest } of [...types.Resources, ...schemas.Resources]) {
      expect(await ok('GET', meta.location.slice('/scim/v2'.length))).toEqual({ meta, ...rest });
    }
    for (const path of [
      '/Schemas/urn:nonsense',
      '/Schemas/__proto__',
      '/ResourceTypes/user',
      '/ResourceTypes/constructor',
    ])
      expect(await scim('GET', path)).toMatchObject({ status: 404, body: { status: '404' } });
    for (const path of ['/Bulk', '/Me', '/nonsense']) {
      expect(await scim('GET', path)).toMatchObject({ status: 404, body: { status: '404' } });
    }
  });
});
