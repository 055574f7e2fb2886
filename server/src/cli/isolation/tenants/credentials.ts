/**
 * Every way to prove who asks, as one table. A way that a server describes and that is not here fails the verification, so
 * that none is forgotten.
 */

import type { Operation } from '../api/description.ts';
import { bearer, type Call, type Headers, type Person, roles, type Side } from './sides.ts';

/** One way to prove who asks. */
export interface Credential {
  /** For people: `key of the analyst`. */
  readonly name: string;
  /** How the server calls it; `undefined` when nobody in particular asks. */
  readonly scheme: string | undefined;
  /** Whether whoever asks is of a tenant. */
  readonly isOfTenant: boolean;
  /** The headers that carry it; `undefined` when it cannot be had for this operation. */
  readonly headersFor: (operation: Operation) => Promise<Headers | undefined>;
  /** Makes it anew after something ended it. */
  readonly renew: () => void;
}

/** The ways that this table knows, as servers call them. */
export const knownSchemes: readonly string[] = ['bearer', 'apiKeyHeader', 'operatorKey', 'metricsToken'];

/** What the table is made of. */
export interface CredentialSources {
  readonly side: Side;
  readonly call: Call;
  readonly operatorHeaders: Headers;
  readonly metricsToken: string | undefined;
}

/** All ways of one tenant, and those that belong to none. The strongest come first. */
export function credentialsFor({
  side,
  call,
  operatorHeaders,
  metricsToken,
}: CredentialSources): readonly Credential[] {
  const steady = (name: string, scheme: string | undefined, headers: Headers, isOfTenant = true): Credential => ({
    ...{ name, scheme, isOfTenant, headersFor: async () => headers, renew: () => {} },
  });
  return [
    ...roles.map((role) => renewable(`session of the ${role}`, sessionOf(side.people[role], side))),
    ...roles.map((role) => steady(`key of the ${role}`, 'bearer', bearer(side.keys[role]))),
    ...roles.map((role) => steady(`x-api-key of the ${role}`, 'apiKeyHeader', { 'x-api-key': side.keys[role] })),
    narrowKey(side, call),
    renewable('key for SCIM', async () => keyWith(side, call, 'users:provision')),
    renewable('break-glass token', breakGlassOf(side, call, operatorHeaders)),
    steady('operator key', 'operatorKey', operatorHeaders, false),
    steady('metrics token', 'metricsToken', metricsToken === undefined ? {} : bearer(metricsToken), false),
    steady('nobody', undefined, {}, false),
  ];
}

function renewable(name: string, make: () => Promise<string>): Credential {
  let token: Promise<string> | undefined;
  return {
    ...{ name, scheme: 'bearer', isOfTenant: true },
    async headersFor() {
      token ??= make();
      return bearer(await token);
    },
    renew() {
      token = undefined;
    },
  };
}

function sessionOf(person: Person, side: Side): () => Promise<string> {
  return async () => (await side.login(person)).access_token;
}

async function keyWith({ keys, word }: Side, call: Call, scope: string): Promise<string> {
  const body = { name: word('the name of a scoped key'), scopes: [scope] };
  return (await call<{ key: string }>('createKey', { body }, bearer(keys.admin))).key;
}

function breakGlassOf({ tenant, keys }: Side, call: Call, operatorHeaders: Headers): () => Promise<string> {
  const body = { reason: 'Verification of isolation, of its own tenant.', clearance: 'restricted' };
  const input = { path: { id: tenant.id }, body };
  return async () => {
    await call('setBreakGlassConsent', { body: { hours: 1 } }, bearer(keys.admin));
    return (await call<{ token: string }>('openBreakGlass', input, operatorHeaders)).token;
  };
}

/** The narrowest key with which an operation can be called: scoped for what it demands and nothing else. */
function narrowKey(side: Side, call: Call): Credential {
  const keys = new Map<string, Promise<string>>();
  return {
    ...{ name: 'key scoped for just this', scheme: 'bearer', isOfTenant: true, renew: () => {} },
    async headersFor({ access }) {
      if (!access.includes(':')) return undefined;
      const key = keys.get(access) ?? keyWith(side, call, access);
      keys.set(access, key);
      return bearer(await key);
    },
  };
}

/** The ways that are tried on an operation; what proves nothing there is the same as nothing. */
export function triedOn(operation: Operation, credentials: readonly Credential[]): readonly Credential[] {
  return credentials.filter(({ scheme, name }) => {
    if (scheme === undefined) return true;
    if (operation.schemes.includes('metricsToken')) return scheme === 'metricsToken';
    // Nobody needs to prove anything; a key must change nothing about that.
    if (operation.schemes.length === 0) return name === 'key of the admin';
    return scheme === 'bearer' || scheme === 'operatorKey' || operation.schemes.includes(scheme);
  });
}

/** One credential of each kind. Whose it is of those who have one takes turns. */
export function oneOfEachKind(credentials: readonly Credential[], turn: number): readonly Credential[] {
  const kinds = Map.groupBy(credentials, ({ name }) => name.split(' of the ')[0]);
  return [...kinds.values()].flatMap((alike) => alike[turn % alike.length] ?? []);
}

/** The ways in which an operation is likely to be allowed, likeliest first. */
export function likelyFor(operation: Operation, credentials: readonly Credential[]): readonly Credential[] {
  return credentials.filter(({ scheme, name }) => {
    if (operation.schemes.length === 0) return scheme === undefined;
    return scheme !== undefined && operation.schemes.includes(scheme) && !name.startsWith('break-glass');
  });
}

/** Whether a credential is of no use for an operation whatever is asked, as nobody's or an operator's is in a tenant. */
export function isStranger({ scheme }: Credential, { schemes }: Operation): boolean {
  return schemes.length > 0 && (scheme === undefined || !schemes.includes(scheme));
}
