/**
 * No field of any body gives a caller, or anybody by a caller, more than the caller holds.
 *
 * Every operation that writes is called by every role with every kind of credential, with a valid body into which each
 * privileged field is put in turn, at the top and in every object inside, with values that would raise somebody. After
 * each call that succeeds, the rows say what everybody may do: nothing may be new to them that the caller did not hold.
 * Operations come from the list of routes and bodies from their schemas, so that a new route is covered by itself.
 */

import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { builtInRole, permissionNames } from '../src/access/index.ts';
import { AppError } from '../src/errors.ts';
import type { Operation } from '../src/http/operation.ts';
import { operations } from '../src/http/routes/index.ts';
import { openTestServer, type TestServer } from './support/http.ts';
import { gained, rightsNow, within } from './support/rights.ts';
import { type JsonSchema, sampleOf } from './support/sample-values.ts';

const roles = ['admin', 'analyst', 'viewer', 'helpdesk'] as const;
type Role = (typeof roles)[number];
const credentialKinds = ['session', 'key', 'narrow key'] as const;
type CredentialKind = (typeof credentialKinds)[number];
type Credential = Readonly<Record<'authorization', string>>;

/** What a role of the tenant's own permits that changes people, but not everything. */
const helpdeskPermissions = [
  ...['users:read', 'users:write', 'keys:read', 'keys:write', 'keys:manage', 'roles:write', 'sessions:write'],
  ...[
    'users:provision',
    'identity_provider:write',
    'query:ask',
    'documents:read',
    'documents:write',
    'collections:read',
    'collections:write',
    'account:write',
  ],
];
/** The roles that the tenant makes. */
const permissionsOfRoles: Readonly<Record<string, readonly string[]>> = {
  helpdesk: helpdeskPermissions,
  everything: permissionNames,
  held: ['query:ask'],
};
const narrowScopes = ['users:write', 'users:read', 'keys:write', 'roles:write', 'collections:write'];

interface Caller {
  readonly id: string;
  readonly role: Role;
  readonly email: string;
  readonly keys: Readonly<Record<Exclude<CredentialKind, 'session'>, Credential>>;
}

/** What an operation is called with; a sample is valid, the others are samples with something put into them. */
interface Attempt {
  readonly url: string;
  readonly body: unknown;
  readonly isSample: boolean;
}

const writing = operations.filter(({ method }) => method !== 'GET' && method !== 'DELETE');
let server: TestServer;
let callers: Readonly<Record<Role, Caller>>;
/** Values for what schemas name, and targets that no schema knows. */
let things: Readonly<Record<string, string>>;
let count = 0;
/** The best status of each operation with a sample. */
const statuses = new Map<string, number>();

beforeAll(async () => {
  const noModel = async (): Promise<never> => {
    throw new AppError('upstream_unavailable');
  };
  const environment = {
    RATE_LIMIT_ANONYMOUS_REQUESTS_PER_MINUTE: '1000000',
    RATE_LIMIT_KEY_REQUESTS_PER_MINUTE: '1000000',
  };
  server = await openTestServer({ environment, services: { answer: noModel, chat: noModel } });
  const { admin } = server.acme;
  const made = async (path: string, body: object) =>
    (await server.as<{ id: string }>(admin, 'POST', path, body)).body.id;
  for (const [name, permissions] of Object.entries(permissionsOfRoles)) await made('/api/roles', { name, permissions });
  const person = { name: 'P', clearance: 'internal', role: 'held' };
  const powers = { role: 'everything', clearance: 'restricted' };
  const suspended = await made('/api/users', { ...person, ...powers, email: 'suspended@acme.example' });
  const team = await made('/api/teams', { name: 'Secret team' });
  things = {
    suspended,
    secret: await made('/api/collections', { name: 'secret', grants: [{ kind: 'team', id: team }] }),
    'team.id': team,
    'user.id': await made('/api/users', { ...person, email: 'victim@acme.example' }),
    'collection.id': await made('/api/collections', { name: 'shared', grants: [{ kind: 'everyone' }] }),
    'tenant.id': server.acme.id,
  };
  callers = {
    admin: await callerOf('admin'),
    analyst: await callerOf('analyst'),
    viewer: await callerOf('viewer'),
    helpdesk: await callerOf('helpdesk'),
  };
});
afterAll(() => server.stop());

async function callerOf(role: Role): Promise<Caller> {
  const { admin } = server.acme;
  const email = `caller-${role}@acme.example`;
  const input = { email, name: role, role, clearance: 'internal', password: server.password };
  const { id } = (await server.as<{ id: string }>(admin, 'POST', '/api/users', input)).body;
  const keyWith = async (limits: object) => {
    const input = { name: 'k', user_id: id, ...limits };
    const { body } = await server.as<{ key: string }>(admin, 'POST', '/api/keys', input);
    return { authorization: `Bearer ${body.key}` };
  };
  const keys = { key: await keyWith({}), 'narrow key': await keyWith({ scopes: narrowScopesOf(role) }) };
  return { id, role, email, keys };
}

function permissionsOf(role: Role): readonly string[] {
  return role === 'helpdesk' ? helpdeskPermissions : [...(builtInRole(role)?.permissions ?? [])];
}

function narrowScopesOf(role: Role): readonly string[] {
  const narrow = narrowScopes.filter((scope) => permissionsOf(role).includes(scope));
  return narrow.length === 0 ? ['query:ask'] : narrow;
}

/** A session is begun for each operation, since some end it. */
async function credentialOf({ email, keys }: Caller, kind: CredentialKind): Promise<Credential> {
  if (kind !== 'session') return keys[kind];
  const login = { email, password: server.password };
  const { body } = await server.as<{ access_token: string }>(undefined, 'POST', '/api/auth/login', login);
  return { authorization: `Bearer ${body.access_token}` };
}

/** The privileged fields of all schemas, and those that a schema might one day have, with values that would raise. */
function privilegedFields(caller: Caller): Readonly<Record<string, readonly unknown[]>> {
  return {
    role: ['admin', 'everything'],
    roles: [['admin']],
    permissions: [permissionNames],
    scopes: [permissionNames, null],
    clearance: ['restricted'],
    tenant_id: [server.globex.id],
    tenant: ['globex'],
    user_id: [server.acme.admin.userId, server.globex.admin.userId],
    id: [server.acme.admin.userId],
    status: ['active'],
    tier: ['enterprise'],
    created_by: [server.acme.admin.userId],
    is_admin: [true],
    is_built_in: [true],
    team_ids: [[things['team.id']]],
    password: [server.password],
    grants: [[{ kind: 'user', id: caller.id }]],
    collection: [things['secret']],
    email: [caller.email],
  };
}

/** A body with each privileged field put into each object of it, the outermost included or not. */
function raisedBodies(body: unknown, caller: Caller, isOuterIncluded: boolean): unknown[] {
  if (typeof body !== 'object' || body === null) return [];
  const fields = isOuterIncluded && !Array.isArray(body) ? Object.entries(privilegedFields(caller)) : [];
  const here = fields.flatMap(([name, values]) => values.map((value) => ({ ...body, [name]: value })));
  const inside = Object.entries(body).flatMap(([name, value]) =>
    raisedBodies(value, caller, true).map((raised) => (Array.isArray(body) ? [raised] : { ...body, [name]: raised })),
  );
  return [...here, ...inside];
}

/** A valid body: all that is needed, or all that there is. Names are new each time, lest one refuses the next. */
function sampleBody({ body, operationId }: Operation, caller: Caller, isComplete: boolean): unknown {
  if (body === undefined) return {};
  count += 1;
  const values: Readonly<Record<string, unknown>> = {
    ...things,
    'user.id': operationId === 'createKey' ? caller.id : things['user.id'],
    'user.email': `fuzz-${count}@acme.example`,
    'user.password': server.password,
    'role.name': operationId === 'createRole' ? `role-${count}` : 'held',
    'team.name': `Team ${count}`,
    'collection.name': `Collection ${count}`,
  };
  const schema = z.toJSONSchema(body, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  const sample = sampleOf(schema, (reference) => values[reference], isComplete);
  return { ...(sample as object), ...correctionsFor(caller)[operationId] };
}

/** What a schema does not say. */
function correctionsFor(caller: Caller): Readonly<Record<string, object>> {
  return {
    setIdentityProvider: { issuer: 'https://login.acme.example' },
    patchScimUser: { Operations: [{ op: 'replace', value: { displayName: 'Another name' } }] },
    patchScimGroup: { Operations: [{ op: 'add', path: 'members', value: [{ value: caller.id }] }] },
  };
}

/** The addresses of an operation: of others, of the caller, of the other tenant. */
function urlsOf({ path, params }: Operation, caller: Caller): readonly string[] {
  const { admin } = server.acme;
  const userIds = [things['user.id'], things['suspended'], caller.id, admin.userId, server.globex.viewer.userId];
  const references = Object.entries(params?.shape ?? {}).map(([name, schema]) => {
    const { 'x-names': named } = z.toJSONSchema(schema as z.ZodType, { unrepresentable: 'any' }) as JsonSchema;
    return [`{${name}}`, named?.[0] ?? ''] as const;
  });
  const filled = (values: Readonly<Record<string, string | undefined>>) =>
    references.reduce(
      (url, [place, reference]) => url.replace(place, values[reference] ?? `doc_${'0'.repeat(32)}`),
      path,
    );
  const names = ['held', caller.role];
  return [
    ...new Set(userIds.flatMap((id) => names.map((role) => filled({ ...things, 'user.id': id, 'role.name': role })))),
  ];
}

/** Whatever an operation is called with by somebody. */
function* attemptsOf(operation: Operation, caller: Caller, isRefused: boolean): Generator<Attempt> {
  for (const url of urlsOf(operation, caller)) {
    for (const isComplete of [false, true]) {
      const sample = () => sampleBody(operation, caller, isComplete);
      const raised = (body: unknown) => raisedBodies(body, caller, !isComplete);
      const all = raised(sample());
      // Who may not call at all is refused unread; one body with everything in it shows that.
      if (isRefused) {
        yield { url, body: Object.assign({}, ...all), isSample: false };
        continue;
      }
      yield { url, body: sample(), isSample: true };
      for (const index of all.keys()) yield { url, body: raised(sample())[index], isSample: false };
    }
  }
}

/** Calls an operation, with a form where it takes one. */
function call({ method, bodyMediaType }: Operation, { url, body }: Attempt, credential: Credential) {
  if (bodyMediaType !== 'multipart/form-data') {
    return server.inject({ method, url, headers: credential, payload: body as object });
  }
  const part = (name: string, value: string) =>
    `--x\r\ncontent-disposition: form-data; name=${name}\r\n\r\n${value}\r\n`;
  const fields = Object.entries(body as object).filter(([name]) => name !== 'file');
  const payload = [
    ...fields.map(([name, value]) => part(`"${name}"`, String(value))),
    part('"file"; filename="a.txt"', `text ${count}`),
    '--x--\r\n',
  ].join('');
  const headers = { ...credential, 'content-type': 'multipart/form-data; boundary=x' };
  return server.inject({ method, url, headers, payload });
}

/** Everybody and everything as at first: what one operation changed must not keep the next from being tried. */
async function restore(): Promise<void> {
  const { acme, superuser } = server;
  const people: readonly (readonly [id: string, email: string, role: string, clearance: string, status: string])[] = [
    [acme.admin.userId, acme.admin.email, 'admin', 'restricted', 'active'],
    [things['suspended'] ?? '', 'suspended@acme.example', 'everything', 'restricted', 'suspended'],
    [things['user.id'] ?? '', 'victim@acme.example', 'held', 'internal', 'active'],
    ...Object.values(callers).map(({ id, email, role }) => [id, email, role, 'internal', 'active'] as const),
  ];
  await superuser(`update genai.users set status = 'deleted' where email like 'fuzz-%'`);
  await superuser(
    `update genai.users set email = p->>1, role = p->>2, clearance = (p->>3)::genai.classification_tier,
       status = (p->>4)::genai.user_status
     from jsonb_array_elements($1::jsonb) as p where id = p->>0`,
    [JSON.stringify(people)],
  );
  for (const [name, permissions] of Object.entries(permissionsOfRoles)) {
    await superuser('update genai.roles set permissions = $2 where name = $1', [name, permissions]);
  }
  await superuser(`delete from genai.api_keys where name like 'sample%'`);
  await superuser('delete from genai.team_members');
  await superuser(`delete from genai.roles where name like 'role-%'`);
  const ids = [acme.id, things['team.id'], things['user.id']];
  await superuser('insert into genai.team_members (tenant_id, team_id, user_id) values ($1, $2, $3)', ids);
  await superuser('delete from genai.collection_grants where collection_id = $1', [things['collection.id']]);
  await superuser(`insert into genai.collection_grants values ($1, $2, 'everyone', '')`, [
    acme.id,
    things['collection.id'],
  ]);
}

async function tryAll(caller: Caller, kind: CredentialKind): Promise<void> {
  const scopes = kind === 'narrow key' ? narrowScopesOf(caller.role) : undefined;
  for (const operation of writing) {
    await restore();
    const unchanged = await forgeries();
    let rights = await rightsNow(server.superuser);
    const { access, operationId } = operation;
    const isHeld = (name: string) => permissionsOf(caller.role).includes(name) && (scopes?.includes(name) ?? true);
    const isRefused = access === 'operator' || (typeof access === 'object' && !isHeld(access.permission));
    const credential = await credentialOf(caller, kind);
    for (const attempt of attemptsOf(operation, caller, isRefused)) {
      const about = `${operationId} ${attempt.url} ${JSON.stringify(attempt.body)}`;
      const { statusCode } = await call(operation, attempt, credential);
      if (attempt.isSample) statuses.set(operationId, Math.min(statuses.get(operationId) ?? 999, statusCode));
      expect(statusCode, about).not.toBe(500);
      if (isRefused) expect(statusCode, about).toBe(403);
      if (statusCode >= 300) continue;
      const after = await rightsNow(server.superuser);
      expect(gained(rights, after, within(rights.get(caller.id), scopes)), about).toEqual([]);
      rights = after;
    }
    expect(await forgeries(), operationId).toEqual(unchanged);
  }
}

/** How many rows there are of the other tenant, and how many say that they were made by somebody who makes none here. */
async function forgeries(): Promise<unknown> {
  const rowsOf = (table: string, condition: string) => `(select count(*)::int from genai.${table} where ${condition})`;
  const tables = ['users', 'api_keys', 'collections', 'roles', 'teams', 'documents'].map((table) =>
    rowsOf(table, 'tenant_id = $1'),
  );
  const makers = ['api_keys', 'collections', 'documents'].map((table) => rowsOf(table, 'created_by = $2'));
  const ids = [server.globex.id, server.acme.admin.userId];
  const [row] = await server.superuser(`select array[${[...tables, ...makers].join(', ')}] as counts`, ids);
  return row;
}

describe('no field of a body raises anybody beyond the caller', () => {
  // A key without scopes may do what a session may; that it is so for every field is for runs that have the time.
  const kinds = credentialKinds.filter((kind) => kind !== 'key' || inject('isLong'));
  const cases = roles.flatMap((role) => kinds.map((kind) => [role, kind] as const));
  it.each(cases)('who is %s by %s', (role, kind) => tryAll(callers[role], kind), 600_000);

  it('was tried with valid bodies, on every operation that a tenant may call', () => {
    // A new password must differ from the old one, and a code is good for half a minute.
    const unguessable = ['changePassword', 'confirmSecondFactor'];
    const called = writing.filter(
      ({ access, operationId }) => access !== 'operator' && !unguessable.includes(operationId),
    );
    const invalid = called.filter(({ operationId }) => [undefined, 400].includes(statuses.get(operationId)));
    expect(invalid.map(({ operationId }) => operationId)).toEqual([]);
  });
});
