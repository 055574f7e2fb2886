/**
 * The two tenants of a verification: one that owns what others try to reach, and one that tries.
 *
 * Making them takes three operations by name; everything else that they come to hold is made by walking the description.
 */

import { randomBytes } from 'node:crypto';
import { ApiError, CommandError } from '../../failures.ts';
import type { Description } from '../api/description.ts';
import { type Answer, jsonOf, requestFrom, type Wire } from '../api/exchange.ts';
import type { Input } from '../api/places.ts';
import type { Canaries, CanaryKind } from '../evidence/canaries.ts';
import { createThings, type Things } from './things.ts';

/** Roles that every tenant has. */
export const roles = ['admin', 'analyst', 'viewer'] as const;
export type Role = (typeof roles)[number];

/** Headers by name. */
export type Headers = Readonly<Record<string, string>>;

/** Somebody of a tenant. */
export interface Person {
  readonly id: string;
  readonly email: string;
  readonly password: string;
  readonly role: Role;
}

/** One of the two tenants. */
export interface Side {
  readonly name: 'owner' | 'prober';
  readonly tenant: { readonly id: string; readonly slug: string };
  readonly things: Things;
  readonly people: Readonly<{ [R in Role]: Person }>;
  /** Keys of the people, without scopes. */
  readonly keys: Readonly<{ [R in Role]: string }>;
  /** A word for a free text; that of the owner is looked for in all that others see. */
  readonly word: (what: string, kind?: CanaryKind) => string;
  /** Somebody new, whom nothing else of the verification needs. */
  readonly newPerson: (role: Role) => Promise<Person>;
  /** The tokens of a new session. */
  readonly login: (person: Person) => Promise<Tokens>;
}

/** What a login gives. */
export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

/** Calls operations by name, for what a verification must do whatever it finds. */
export type Call = <T>(operationId: string, input: Partial<Input>, headers: Headers) => Promise<T>;

/** The caller. Its calls reject with {ApiError} for an error answer, {CommandError} where there is no such operation. */
export function createCall(description: Description, wire: Wire): Call {
  return async <T>(operationId: string, input: Partial<Input>, headers: Headers) => {
    const operation = description.operations.find(({ id }) => id === operationId);
    if (operation === undefined)
      throw new CommandError('server', `The server has no operation ${operationId}, which a verification needs.`);
    const answer = await wire.send(requestFrom(operation, { path: {}, query: {}, header: {}, ...input }, headers));
    if (answer.status >= 400) throw errorFrom(answer, operationId);
    return jsonOf(answer) as T;
  };
}

function errorFrom(answer: Answer, operationId: string): ApiError {
  const problem = jsonOf(answer) as ConstructorParameters<typeof ApiError>[0] | undefined;
  const { status } = answer;
  const isProblem = typeof problem?.title === 'string';
  return new ApiError(isProblem ? problem : { status, code: `http_${status}`, title: `${operationId}: ${status}.` });
}

/** What making a side needs. */
export interface SideOptions {
  readonly call: Call;
  readonly operatorHeaders: Headers;
  /** Names the run, so that two at once do not meet. */
  readonly runId: string;
  /** Planted in the tenant of the owner; none for the prober. */
  readonly canaries: Canaries | undefined;
  /** Told of the tenant before anything else can fail. */
  readonly onTenant: (id: string) => void;
}

/** The highest service level and clearance, so that limits and labels hide nothing. */
const tier = 'enterprise';
const clearance = 'restricted';

/** The header of a bearer token. */
export function bearer(token: string): Headers {
  return { authorization: `Bearer ${token}` };
}

/** A password that any rule about passwords takes. */
export function newPassword(): string {
  return `Aa1-${randomBytes(18).toString('base64url')}`;
}

/** Makes a tenant with one person of each role and a key of each. */
export async function makeSide(name: Side['name'], options: SideOptions): Promise<Side> {
  const { call, operatorHeaders, runId, canaries, onTenant } = options;
  const slug = `isolation-${runId}-${name}`;
  const body = { slug, name: `Isolation check ${runId}, ${name}`, tier };
  const tenant = await call<{ id: string; name: string }>('createTenant', { body }, operatorHeaders);
  onTenant(tenant.id);
  const things = createThings();
  for (const text of [tenant.id, slug, tenant.name]) canaries?.add({ text, kind: 'tenant', what: 'the tenant' });
  const word: Side['word'] = (what, kind) => canaries?.word(what, kind) ?? `own${randomBytes(9).toString('hex')}`;

  async function newPerson(role: Role): Promise<Person> {
    const given = { email: `${word(`the address of the ${role}`)}@example.com`, password: newPassword() };
    const user = { ...given, name: word(`the name of the ${role}`), role, clearance };
    const path = { id: tenant.id };
    const { id } = await call<{ id: string }>('createTenantUser', { path, body: user }, operatorHeaders);
    canaries?.add({ text: id, kind: 'id', what: `the id of the ${role}` });
    things.add('user', { id, email: given.email });
    return { id, ...given, role };
  }
  const login = ({ email, password }: Person) => call<Tokens>('login', { body: { tenant: slug, email, password } }, {});

  const [admin, analyst, viewer] = [await newPerson('admin'), await newPerson('analyst'), await newPerson('viewer')];
  const session = bearer((await login(admin)).access_token);
  // An admin makes the keys of the others, who may not hold the right to.
  async function keyOf({ id, role }: Person): Promise<string> {
    const keyBody = { name: word(`the name of a key of the ${role}`), user_id: id };
    const made = await call<{ id: string; key: string }>('createKey', { body: keyBody }, session);
    things.add('api_key', { id: made.id });
    canaries?.add({ text: made.id, kind: 'id', what: `the id of a key of the ${role}` });
    canaries?.add({ text: made.key, kind: 'secret', what: `a key of the ${role}` });
    return made.key;
  }
  const keys = { admin: await keyOf(admin), analyst: await keyOf(analyst), viewer: await keyOf(viewer) };
  const people = { admin, analyst, viewer };
  return { name, tenant: { id: tenant.id, slug }, things, people, keys, word, newPerson, login };
}
