/**
 * Hostile input to SCIM: no 5xx, no change of anything that was not named, nothing told of other tenants, and no time that grows
 * faster than the text.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from './support/app.ts';
import { anyTestDatabase } from './support/database.ts';
import { errorSchema, extension, patchOf, provisioningKey, scimClient } from './support/scim.ts';

let server: TestApp;
let scim: ReturnType<typeof scimClient>;
let user: { id: string };
let group: { id: string };

beforeAll(async () => {
  server = await startTestApp(anyTestDatabase(), { RATE_LIMIT_KEY_REQUESTS_PER_MINUTE: '100000' });
  scim = scimClient(server.baseUrl, await provisioningKey(server, 'acme'));
  user = (await scim('POST', '/Users', { userName: 'victim@acme.example', name: { givenName: 'V' } })).body;
  group = (await scim('POST', '/Groups', { displayName: 'Victims', members: [{ value: user.id }] })).body;
}, 120_000);
afterAll(() => server?.close());

const ownPropertiesOfPrototypes = () =>
  [Object.prototype, Array.prototype, Function.prototype, String.prototype].map((one) => Reflect.ownKeys(one).length);

/** Sends something that must be refused, and sees that nothing came of it. */
async function refused(method: string, path: string, body?: unknown) {
  const before = [await scim('GET', `/Users/${user.id}`), await scim('GET', `/Groups/${group.id}`)];
  const prototypes = ownPropertiesOfPrototypes();
  const answer = await scim(method, path, body);
  expect(answer.status, `${path} ${JSON.stringify(body)?.slice(0, 300)} → ${JSON.stringify(answer.body)}`).toBe(400);
  expect(answer.body).toMatchObject({ schemas: [errorSchema], status: '400', scimType: expect.any(String) });
  expect(ownPropertiesOfPrototypes()).toEqual(prototypes);
  const after = [await scim('GET', `/Users/${user.id}`), await scim('GET', `/Groups/${group.id}`)];
  expect(after.map((one) => one.body)).toEqual(before.map((one) => one.body));
  return answer.body.scimType as string;
}

const nested = (levels: number) => `${'('.repeat(levels)}userName pr${')'.repeat(levels)}`;
const hostileNames = [
  ...['__proto__', '__proto__.polluted', 'constructor', 'constructor.prototype.polluted', 'prototype', 'toString.x'],
  ...[
    'hasOwnProperty',
    'name.__proto__',
    'name.constructor.prototype',
    `${extension}:__proto__`,
    `${extension}:constructor`,
  ],
  ...[
    'members.__proto__.x',
    '$where',
    'tenantId',
    'tenant_id',
    'password_hash_sealed',
    'users.email',
    'status',
    'is_admin',
  ],
];

describe('a filter', () => {
  it.each([
    ...hostileNames.map((name) => `${name} eq "1"`),
    ...[
      '',
      ' ',
      '(',
      ')',
      '[',
      'userName',
      'userName eq',
      'eq "a"',
      'userName eq a',
      'userName eq "a',
      'userName eq "\\"',
    ],
    ...[
      'userName eq "a" or',
      'userName eq "a" garbage',
      'not userName pr',
      'userName foo "a"',
      'userName[value eq "a"]',
    ],
    ...[
      'userName eq "a\\u0000b"',
      'userName eq "\\ud800"',
      'userName eq "\\x41"',
      'userName eq 01',
      'userName eq 1e',
      'userName eq {}',
    ],
    ...[
      'active eq "perhaps"',
      'active gt true',
      'active co "t"',
      'externalId co "a"',
      'userName gt "a"',
      'meta.created sw "2026"',
    ],
    ...[
      'meta.created gt "yesterday"',
      'meta.created gt 5',
      'emails.value eq "a"',
      'title eq "a"',
      'password eq "a"',
      'groups[value eq "a" and value eq "b"]',
    ],
    ...[
      "userName eq 'a'",
      `userName eq "a"; drop table genai.users`,
      'userName eq "a" -- ',
      'userName eq "a" union select',
      '/**/',
      '\u0000',
      '\ud800',
    ],
    ...[nested(11), nested(1000), `not ${nested(11)}`, Array.from({ length: 51 }, () => 'active eq true').join(' or ')],
    ...[
      `userName eq "${'a'.repeat(1001)}"`,
      `userName eq "${'\n'.repeat(1500)}`,
      `a eq "${'\\'.repeat(1000)}`,
      '('.repeat(3999),
    ],
  ])('%j is refused', async (filter) => {
    const started = performance.now();
    const scimType = await refused('GET', `/Users?filter=${encodeURIComponent(filter.toWellFormed())}`);
    expect(['invalidFilter', 'invalidValue']).toContain(scimType);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('is a value when it looks like SQL or a pattern, and finds what it says and nothing else', async () => {
    for (const value of [
      "' or '1'='1",
      '%',
      '_',
      'victim%',
      '\\\\',
      `victim@acme.example' --`,
      '{{7*7}}',
      '$1',
      '\\u0027 or 1=1 --',
    ]) {
      for (const op of ['eq', 'co', 'sw', 'ew']) {
        const filter = `userName ${op} "${value}"`;
        const { status, body } = await scim('GET', `/Users?filter=${encodeURIComponent(filter)}`);
        expect([status, body.totalResults], filter).toEqual([200, 0]);
      }
    }
    const quoted = await scim('POST', '/Groups', { displayName: 'The "A" \\ team %' });
    const filter = encodeURIComponent('displayName eq "the \\"a\\" \\\\ TEAM %"');
    expect((await scim('GET', `/Groups?filter=${filter}`)).body).toMatchObject({ Resources: [{ id: quoted.body.id }] });
  });

  it('may be as large as it may be', async () => {
    const filter = Array.from({ length: 50 }, (_, index) => `(active eq true or id eq "${index}")`);
    for (const text of [nested(10), filter.slice(0, 25).join(' and '), `not (${nested(9)})`]) {
      expect((await scim('GET', `/Users?filter=${encodeURIComponent(text)}`)).status, text).toBe(200);
    }
  });
});

describe('a list', () => {
  it.each([
    'startIndex=a',
    'startIndex=1.5',
    'count=1e3',
    'count=',
    'count=1&count=2',
    'startIndex=9999999999999999',
    'filter=a&filter=b',
  ])('refuses ?%s', async (query) => {
    expect(await refused('GET', `/Users?${query}`)).toMatch(/invalid/);
  });

  it('moves places that are out of bounds to where there are some, and ignores what it does not know', async () => {
    for (const query of [
      'startIndex=0',
      'startIndex=-5',
      'sortBy=userName&sortOrder=sideways',
      'aadOptscim062020',
      '__proto__=1',
    ]) {
      const { status, body } = await scim('GET', `/Users?${query}`);
      expect([status, body.startIndex], query).toEqual([200, 1]);
    }
    expect((await scim('GET', '/Users?count=-1')).body).toMatchObject({ itemsPerPage: 0, Resources: [] });
    expect((await scim('GET', '/Users?count=100000')).status).toBe(200);
    expect((await scim('GET', '/Users?startIndex=2147483647')).body).toMatchObject({ Resources: [] });
    expect((await scim('GET', '/Users?attributes=__proto__,constructor,nonsense')).body.Resources[0]).toEqual({
      schemas: expect.any(Array),
      id: expect.any(String),
    });
    expect((await scim('GET', `/Users/${user.id}?excludedAttributes=id,schemas,__proto__`)).body).toMatchObject({
      id: user.id,
    });
  });
});

describe('a change', () => {
  const value = 'x';
  it.each([
    ...hostileNames.flatMap((path) => [
      { op: 'add', path, value },
      { op: 'replace', path, value: { polluted: true } },
      { op: 'remove', path },
      { op: 'add', value: { [path.startsWith('__proto__') ? `${path}x` : path]: value } },
    ]),
    ...[
      '',
      ' ',
      '.',
      'name.',
      '.name',
      'name..givenName',
      'emails[',
      'emails[]',
      'emails[type]',
      'emails[type eq "work"',
      'emails[type eq "work"]]',
    ].map((path) => ({ op: 'replace', path, value })),
    ...[
      'emails[type eq "work"].nothing',
      'emails[nothing eq "a"].value',
      'userName[value eq "a"]',
      'name[givenName eq "a"]',
      'emails[type eq "work"].value.x',
    ].map((path) => ({ op: 'replace', path, value })),
    { op: 'replace', path: `emails[${nested(11)}]`, value },
    { op: 'replace', path: `emails[type eq "${'a'.repeat(5000)}"]`, value },
    { op: 'replace', path: 'emails[value co "nobody"].value', value },
    { op: 'replace', path: 'id', value: 'usr_1' },
    { op: 'replace', path: 'meta.created', value },
    { op: 'remove', path: 'schemas' },
    { op: 'add', path: 'groups', value: [{ value }] },
    { op: 'remove', path: 'userName' },
    { op: 'replace', path: 'userName', value: 'no address' },
    { op: 'replace', path: 'userName', value: { a: 1 } },
    { op: 'replace', path: 'userName', value: ['a@b.example'] },
    { op: 'replace', path: 'userName', value: 'a\u0000@b.example' },
    { op: 'replace', path: 'displayName', value: 'a\u0007' },
    { op: 'replace', path: 'displayName', value: 'a'.repeat(201) },
    { op: 'replace', path: 'displayName', value: 7 },
    { op: 'replace', path: 'active', value: 'perhaps' },
    { op: 'replace', path: 'active', value: 1 },
    { op: 'replace', path: 'active', value: [true] },
    { op: 'replace', path: 'name', value: 'Nora' },
    { op: 'replace', path: 'name.givenName', value: {} },
    { op: 'replace', path: 'roles', value: [{ value: 'emperor' }] },
    { op: 'replace', path: 'roles', value: [{ value: 'analyst' }, { value: 'admin' }] },
    { op: 'replace', path: 'roles', value: [{ value: '__proto__' }] },
    { op: 'replace', path: `${extension}:clearance`, value: 'cosmic' },
    { op: 'replace', path: 'emails', value: Array.from({ length: 11 }, (_, n) => ({ value: `${n}@b.example` })) },
    { op: 'replace', path: 'externalId', value: 'a'.repeat(1001) },
    { op: 'replace', path: 'externalId', value: '\ud800' },
    { op: 'remove' },
    { op: 'add', value: 'text' },
    { op: 'add', value: [1] },
    { op: 'add' },
    { op: 'move', path: 'name', value },
    { op: 7, path: 'name', value },
    { op: 'add', path: 7, value },
    { op: 'add', path: ['name'], value },
  ])('%j of a user is refused', async (operation) => {
    await refused('PATCH', `/Users/${user.id}`, patchOf(operation));
    // What comes before an operation that is refused is not kept either.
    await refused(
      'PATCH',
      `/Users/${user.id}`,
      patchOf({ op: 'replace', path: 'displayName', value: 'New' }, operation),
    );
  });

  it.each([
    { op: 'add', path: 'members', value: [{ value: 'nobody' }] },
    { op: 'add', path: 'members', value: [{ value: `usr_${'0'.repeat(32)}` }] },
    { op: 'add', path: 'members', value: [{}, { value: '' }, { value: 7 }] },
    { op: 'add', path: 'members', value: [{ value: { $ne: null } }] },
    { op: 'add', path: 'members', value: Array.from({ length: 10_001 }, (_, n) => ({ value: `${n}` })) },
    { op: 'add', path: 'members.display', value: 'x' },
    { op: 'replace', path: 'members[value eq "a"].value', value: 'nobody' },
    { op: 'remove', path: 'displayName' },
    { op: 'replace', path: 'displayName', value: '   ' },
  ])('%j of a group is refused', async (operation) => {
    await refused('PATCH', `/Groups/${group.id}`, patchOf(operation));
  });

  it('has a bounded number of operations, and needs one', async () => {
    const operations = Array.from({ length: 501 }, () => ({ op: 'replace', path: 'displayName', value: 'x' }));
    await refused('PATCH', `/Users/${user.id}`, patchOf(...operations));
    await refused('PATCH', `/Users/${user.id}`, patchOf());
    for (const body of [{}, { Operations: {} }, { Operations: [null] }, { Operations: ['add'] }, [], null, 'text', 7])
      await refused('PATCH', `/Users/${user.id}`, body);
  });
});

describe('a resource', () => {
  it.each([
    {},
    { userName: '' },
    { userName: null },
    { userName: 7 },
    { userName: 'no address' },
    { userName: `${'a'.repeat(250)}@b.example` },
    { userName: 'a@b.example', name: [] },
    { userName: 'a@b.example', emails: {} },
    { userName: 'a@b.example', emails: [[[]]] },
    { userName: 'a@b.example', active: 'yes' },
    { userName: 'a@b.example', roles: [{ value: 'emperor' }] },
    { userName: 'a@b.example', [extension]: { clearance: 'cosmic' } },
    { userName: 'a@b.example', [extension]: [] },
    { userName: 'a@b.example', displayName: 'a'.repeat(201) },
    '{"userName":"a@b.example","__proto__":{"active":false}}',
    '{"userName":"a@b.example","name":{"constructor":{"prototype":{"x":1}}}}',
    '{"userName":"a@b.example"',
    'null',
    '[]',
  ])('%j is no user', async (body) => {
    await refused('POST', '/Users', body);
    await refused('PUT', `/Users/${user.id}`, body);
  });

  it('says in vain what it is, whose it is and who made it', async () => {
    const claims = {
      id: 'usr_1',
      meta: { created: 'x' },
      groups: [{ value: group.id }],
      role: 'admin',
      clearance: 'restricted',
      status: 'deleted',
      password: 'correct horse battery staple',
      schemas: ['urn:nonsense'],
    };
    const made = await scim('POST', '/Users', { userName: 'claims@acme.example', ...claims });
    expect(made).toMatchObject({
      status: 201,
      body: { active: true, roles: [{ value: 'viewer' }], [extension]: { clearance: 'internal' } },
    });
    expect(made.body.id).not.toBe('usr_1');
    expect(made.body).not.toHaveProperty('groups');
    const login = { email: 'claims@acme.example', password: claims.password };
    expect((await server.call(undefined, 'POST', '/api/auth/login', login)).status).toBe(401);
    for (const field of ['tenant', 'tenant_id']) {
      const { status } = await scim('POST', '/Users', { userName: 'other@acme.example', [field]: 'globex' });
      expect(status).toBe(403);
    }
  });
});
