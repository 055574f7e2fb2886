/**
 * What a tenant is, reduced to what decides who sees what: the reference that the server is held against.
 *
 * Pure, and written from the documentation, not from the code: its tables of permissions are its own. A state knows one
 * tenant only, so whatever another tenant could change in an answer cannot be explained by it.
 */

/** Lowest first. */
export const labels = ['public', 'internal', 'confidential', 'restricted'] as const;
export type Label = (typeof labels)[number];
export const roles = ['admin', 'analyst', 'viewer'] as const;
export type Role = (typeof roles)[number];

/** Names a thing of a sequence: `acme.ana`, `acme.7`. Ids of the server are mapped to it, and back. */
export type Name = string;

/** Somebody who may read a collection. */
export type Grant =
  | { readonly kind: 'everyone' }
  | { readonly kind: 'role'; readonly role: Role }
  | { readonly kind: 'user'; readonly user: Name };

interface User {
  readonly role: Role;
  readonly clearance: Label;
  readonly isActive: boolean;
}
interface Key {
  readonly user: Name;
  readonly scopes: readonly string[] | null;
}
interface Collection {
  readonly title: string;
  readonly grants: readonly Grant[];
}
interface Document {
  readonly collection: Name;
  readonly label: Label;
  readonly text: string;
  /** Differs with every title. */
  readonly edition: number;
  readonly isIndexed: boolean;
}

/** A tenant. Keys that were revoked, and things that were deleted, are not in it. */
export interface Tenant {
  readonly users: Readonly<Record<Name, User>>;
  readonly keys: Readonly<Record<Name, Key>>;
  readonly collections: Readonly<Record<Name, Collection>>;
  readonly documents: Readonly<Record<Name, Document>>;
  /** Questions by user. */
  readonly questions: Readonly<Record<Name, number>>;
  /** Audit events by action. */
  readonly events: Readonly<Record<string, number>>;
}

/** What is done. Names of things that the tenant does not have stand for foreign and for absent ids alike. */
export type Action =
  | { readonly do: 'upload'; readonly name: Name; readonly text: string; readonly into: Name; readonly label?: Label }
  | {
      readonly do: 'change';
      readonly document: Name;
      readonly label?: Label;
      readonly into?: Name;
      readonly edition?: number;
    }
  | { readonly do: 'delete' | 'look up' | 'read' | 'download'; readonly document: Name }
  | { readonly do: 'create collection'; readonly name: Name; readonly title: string; readonly grants: readonly Grant[] }
  | { readonly do: 'share'; readonly collection: Name; readonly grants: readonly Grant[] }
  | { readonly do: 'remove collection'; readonly collection: Name }
  | { readonly do: 'create key'; readonly name: Name; readonly user: Name; readonly scopes: readonly string[] | null }
  | { readonly do: 'revoke key'; readonly key: Name }
  | {
      readonly do: 'change user';
      readonly user: Name;
      readonly role?: Role;
      readonly clearance?: Label;
      readonly isActive?: boolean;
    }
  | { readonly do: 'ask'; readonly of?: Name }
  | { readonly do: 'list documents' | 'list collections' | 'list keys' | 'list users' | 'audit' | 'usage' }
  | { readonly do: 'name the other tenant' };

/** An answer: a refusal by its code, or what was shown, as sorted lines. */
export type Answer =
  | { readonly refused: string }
  | { readonly shown: readonly string[] }
  /** Passages that were found, and documents that were cited. */
  | { readonly passages: number; readonly cited: readonly string[] };

/** What the model expects; several documents with the same bytes are all right as the answer to another upload of them. */
export type Expected = Answer | { readonly oneOf: readonly string[] } | { readonly found: readonly string[] };

/** Who acts, as authentication saw them. */
export interface Principal {
  readonly user: Name;
  readonly role: Role;
  readonly clearance: Label;
  readonly scopes: readonly string[] | null;
}

const readers = ['query:ask', 'documents:read', 'collections:read', 'keys:read', 'usage:read'];
const authors = ['documents:write', 'documents:relabel', 'documents:delete', 'collections:write', 'keys:write'];
const admins = ['collections:read_all', 'users:read', 'users:write', 'keys:manage', 'usage:read_all', 'audit:read'];
const held: Readonly<Record<Role, ReadonlySet<string>>> = {
  viewer: new Set(readers),
  analyst: new Set([...readers, ...authors]),
  admin: new Set([...readers, ...authors, ...admins]),
};

const needed: Readonly<Record<Action['do'], string | undefined>> = {
  upload: 'documents:write',
  change: 'documents:write',
  delete: 'documents:delete',
  'look up': 'documents:read',
  read: 'documents:read',
  download: 'documents:read',
  'create collection': 'collections:write',
  share: 'collections:write',
  'remove collection': 'collections:write',
  'create key': 'keys:write',
  'revoke key': 'keys:write',
  'change user': 'users:write',
  ask: 'query:ask',
  'list documents': 'documents:read',
  'list collections': 'collections:read',
  'list keys': 'keys:read',
  'list users': 'users:read',
  audit: 'audit:read',
  usage: 'usage:read',
  'name the other tenant': undefined,
};

/** A step that was taken: what the tenant is then, and what is answered. */
export interface Step {
  readonly tenant: Tenant;
  readonly expected: Expected;
}

/** Whose key this is now; nobody's when it was revoked or its user is suspended. */
export function authenticate(tenant: Tenant, key: Name): Principal | undefined {
  const { user, scopes } = tenant.keys[key] ?? {};
  const owner = user === undefined ? undefined : tenant.users[user];
  if (user === undefined || owner?.isActive !== true) return undefined;
  return { user, role: owner.role, clearance: owner.clearance, scopes: scopes ?? null };
}

/** Does an action as somebody. */
export function act(tenant: Tenant, who: Principal, action: Action): Step {
  const refuse = (code: string): Step => ({ tenant, expected: { refused: code } });
  if (action.do === 'name the other tenant') return refuse('cross_tenant_access');
  const permission = needed[action.do];
  if (permission !== undefined && !may(who, permission)) return refuse('permission_denied');
  switch (action.do) {
    case 'upload':
      return upload(tenant, who, action);
    case 'change':
      return change(tenant, who, action);
    case 'delete':
    case 'look up':
    case 'read':
    case 'download':
      return useDocument(tenant, who, action);
    case 'create collection':
    case 'share':
    case 'remove collection':
      return changeCollection(tenant, who, action);
    case 'create key':
    case 'revoke key':
      return changeKeys(tenant, who, action);
    case 'change user':
      return changeUser(tenant, who, action);
    case 'ask': {
      const of = action.of === undefined ? undefined : collectionNamed(tenant, who, action.of);
      const next = { ...tenant, questions: more(tenant.questions, who.user) };
      if (action.of !== undefined && of === undefined)
        return { tenant: audited(next, 'query.refused'), expected: { refused: 'request_invalid' } };
      const found = visible(tenant, who).filter((name) => {
        const { collection, isIndexed } = tenant.documents[name] ?? {};
        return isIndexed === true && (of === undefined || collection === of);
      });
      return { tenant: audited(next, 'query.answered'), expected: { found } };
    }
    case 'list documents':
      return show(
        tenant,
        visible(tenant, who).map((name) => documentLine(tenant, name)),
      );
    case 'list collections': {
      const names = Object.keys(tenant.collections).filter((name) => reads(tenant, who, name));
      return show(tenant, names);
    }
    case 'list keys': {
      const names = Object.keys(tenant.keys);
      return show(
        tenant,
        may(who, 'keys:manage') ? names : names.filter((name) => tenant.keys[name]?.user === who.user),
      );
    }
    case 'list users':
      return show(
        tenant,
        Object.entries(tenant.users).map(([name, user]) => userLine(name, user)),
      );
    case 'audit':
      return show(
        tenant,
        Object.entries(tenant.events).map(([event, times]) => `${event} ${times}`),
      );
    case 'usage': {
      const asked = may(who, 'usage:read_all')
        ? Object.entries(tenant.questions)
        : [[who.user, tenant.questions[who.user]] as const];
      return show(
        tenant,
        asked.filter(([, times]) => times !== undefined).map(([user, times]) => `${user} ${times}`),
      );
    }
  }
}

/** What an action may leave behind whose answer was lost. A question is on record also when it failed. */
export function remains(tenant: Tenant, who: Principal, action: Action): readonly Tenant[] {
  const done = act(tenant, who, action).tenant;
  if (action.do !== 'ask' || done === tenant) return [done];
  return [done, audited({ ...tenant, questions: done.questions }, 'query.refused')];
}

/** The platform's own work on a document: whatever its labels are then, it can be found and read. */
export function index(tenant: Tenant, document: Name): Tenant {
  const found = tenant.documents[document];
  return found === undefined ? tenant : withDocument(tenant, document, { ...found, isIndexed: true });
}

/** Whether an answer is the one expected. */
export function isExpected(expected: Expected, answer: Answer): boolean {
  if ('found' in expected) {
    const isWithin = 'cited' in answer && answer.cited.every((name) => expected.found.includes(name));
    return isWithin && answer.passages === expected.found.length;
  }
  if ('oneOf' in expected) return 'shown' in answer && answer.shown.some((line) => expected.oneOf.includes(line));
  return JSON.stringify(expected) === JSON.stringify(answer);
}

function upload(tenant: Tenant, who: Principal, action: Action & { do: 'upload' }): Step {
  const { name, text, into, label = 'internal' } = action;
  const collection = collectionNamed(tenant, who, into);
  if (collection === undefined) return { tenant, expected: { refused: 'request_invalid' } };
  if (!isWithin(label, who.clearance)) return { tenant, expected: { refused: 'classification_denied' } };
  const same = Object.entries(tenant.documents).filter(
    ([, known]) => known.collection === collection && known.text === text && known.label === label,
  );
  if (same.length > 0) return { tenant, expected: { oneOf: same.map(([known]) => documentLine(tenant, known)) } };
  const document = { collection, label, text, edition: 0, isIndexed: false };
  const next = audited(withDocument(tenant, name, document), 'document.uploaded');
  return show(next, [documentLine(next, name)]);
}

function change(tenant: Tenant, who: Principal, action: Action & { do: 'change' }): Step {
  const { document: name, label, into, edition } = action;
  const document = visible(tenant, who).includes(name) ? tenant.documents[name] : undefined;
  const refuse = (code: string): Step => ({ tenant, expected: { refused: code } });
  if (document === undefined) return refuse('resource_not_found');
  if ((label !== undefined || into !== undefined) && !may(who, 'documents:relabel')) return refuse('permission_denied');
  if (label !== undefined && !isWithin(label, who.clearance)) return refuse('classification_denied');
  const collection = into === undefined ? document.collection : collectionNamed(tenant, who, into);
  if (collection === undefined) return refuse('request_invalid');
  const changed = { ...document, label: label ?? document.label, collection, edition: edition ?? document.edition };
  const next = audited(withDocument(tenant, name, changed), 'document.updated');
  return show(next, [documentLine(next, name)]);
}

function useDocument(
  tenant: Tenant,
  who: Principal,
  action: Action & { do: 'delete' | 'look up' | 'read' | 'download' },
): Step {
  const name = action.document;
  const document = visible(tenant, who).includes(name) ? tenant.documents[name] : undefined;
  if (document === undefined) return { tenant, expected: { refused: 'resource_not_found' } };
  if (action.do === 'look up') return show(tenant, [documentLine(tenant, name)]);
  if (action.do === 'download') return show(tenant, [document.text]);
  if (action.do === 'read') {
    return document.isIndexed ? show(tenant, [document.text]) : { tenant, expected: { refused: 'state_conflict' } };
  }
  return show(audited({ ...tenant, documents: without(tenant.documents, name) }, 'document.deleted'), []);
}

function changeCollection(
  tenant: Tenant,
  who: Principal,
  action: Action & { do: 'create collection' | 'share' | 'remove collection' },
): Step {
  const refuse = (code: string): Step => ({ tenant, expected: { refused: code } });
  const { collections } = tenant;
  if (action.do === 'create collection') {
    const isTaken = Object.values(collections).some(({ title }) => title === action.title);
    if (isTaken) return refuse('state_conflict');
    const made = { title: action.title, grants: action.grants };
    const next = { ...tenant, collections: { ...collections, [action.name]: made } };
    const isSound = areKnown(tenant, action.grants) && reads(next, who, action.name);
    return isSound ? show(audited(next, 'collection.created'), [action.name]) : refuse('request_invalid');
  }
  const name = action.collection;
  const collection = collections[name];
  if (collection === undefined || !reads(tenant, who, name)) return refuse('resource_not_found');
  if (action.do === 'share') {
    const next = { ...tenant, collections: { ...collections, [name]: { ...collection, grants: action.grants } } };
    const isSound = areKnown(tenant, action.grants) && reads(next, who, name);
    return isSound ? show(audited(next, 'collection.grants_changed'), [name]) : refuse('request_invalid');
  }
  if (Object.values(tenant.documents).some((document) => document.collection === name)) return refuse('state_conflict');
  return show(audited({ ...tenant, collections: without(collections, name) }, 'collection.deleted'), []);
}

function changeKeys(tenant: Tenant, who: Principal, action: Action & { do: 'create key' | 'revoke key' }): Step {
  const refuse = (code: string): Step => ({ tenant, expected: { refused: code } });
  if (action.do === 'revoke key') {
    const key = tenant.keys[action.key];
    if (key === undefined || (key.user !== who.user && !may(who, 'keys:manage'))) return refuse('resource_not_found');
    return show(audited({ ...tenant, keys: without(tenant.keys, action.key) }, 'api_key.revoked'), []);
  }
  const isForAnother = action.user !== who.user;
  if (isForAnother && !may(who, 'keys:manage')) return refuse('permission_denied');
  const owner = tenant.users[action.user];
  if (owner === undefined) return refuse('resource_not_found');
  if (!owner.isActive) return refuse('state_conflict');
  if (isForAnother && !isWithin(owner.clearance, who.clearance)) return refuse('classification_denied');
  const scopes = action.scopes ?? who.scopes;
  if (scopes?.some((scope) => !may(who, scope))) return refuse('permission_denied');
  if (scopes?.some((scope) => !held[owner.role].has(scope))) return refuse('request_invalid');
  const keys = { ...tenant.keys, [action.name]: { user: action.user, scopes } };
  return show(audited({ ...tenant, keys }, 'api_key.created'), [action.name]);
}

function changeUser(tenant: Tenant, who: Principal, action: Action & { do: 'change user' }): Step {
  const { user: name, role, clearance, isActive } = action;
  const refuse = (code: string): Step => ({ tenant, expected: { refused: code } });
  const user = tenant.users[name];
  if (user === undefined) return refuse('resource_not_found');
  if (name === who.user) return refuse('permission_denied');
  if (clearance !== undefined && !isWithin(clearance, who.clearance)) return refuse('classification_denied');
  const changed = {
    role: role ?? user.role,
    clearance: clearance ?? user.clearance,
    isActive: isActive ?? user.isActive,
  };
  const next = audited({ ...tenant, users: { ...tenant.users, [name]: changed } }, 'user.updated');
  return show(next, [userLine(name, changed)]);
}

function may(who: Principal, permission: string): boolean {
  return held[who.role].has(permission) && (who.scopes === null || who.scopes.includes(permission));
}

function isWithin(label: Label, clearance: Label): boolean {
  return labels.indexOf(label) <= labels.indexOf(clearance);
}

function reads(tenant: Tenant, who: Principal, collection: Name): boolean {
  const grants = tenant.collections[collection]?.grants;
  if (grants === undefined || may(who, 'collections:read_all')) return grants !== undefined;
  return grants.some(
    (grant) =>
      grant.kind === 'everyone' ||
      (grant.kind === 'role' && grant.role === who.role) ||
      (grant.kind === 'user' && grant.user === who.user),
  );
}

function visible(tenant: Tenant, who: Principal): Name[] {
  return Object.keys(tenant.documents).filter((name) => {
    const document = tenant.documents[name];
    return document && isWithin(document.label, who.clearance) && reads(tenant, who, document.collection);
  });
}

/** A collection that is given by its name, or by its title behind a `#`. */
function collectionNamed(tenant: Tenant, who: Principal, given: string): Name | undefined {
  return Object.keys(tenant.collections).find((name) => {
    const isMeant = given === name || given === `#${tenant.collections[name]?.title}`;
    return isMeant && reads(tenant, who, name);
  });
}

function areKnown(tenant: Tenant, grants: readonly Grant[]): boolean {
  return grants.every((grant) => grant.kind !== 'user' || tenant.users[grant.user] !== undefined);
}

function documentLine(tenant: Tenant, name: Name): string {
  const { edition, label, collection } = tenant.documents[name] ?? {};
  return `${name} ${edition} ${label} ${collection}`;
}

function userLine(name: Name, { role, clearance, isActive }: User): string {
  return `${name} ${role} ${clearance} ${isActive ? 'active' : 'suspended'}`;
}

function show(tenant: Tenant, lines: readonly string[]): Step {
  return { tenant, expected: { shown: [...lines].sort() } };
}

function audited(tenant: Tenant, event: string): Tenant {
  return { ...tenant, events: more(tenant.events, event) };
}

function more(counts: Readonly<Record<string, number>>, name: string): Record<string, number> {
  return { ...counts, [name]: (counts[name] ?? 0) + 1 };
}

function withDocument(tenant: Tenant, name: Name, document: Document): Tenant {
  return { ...tenant, documents: { ...tenant.documents, [name]: document } };
}

function without<T>(record: Readonly<Record<Name, T>>, name: Name): Record<Name, T> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => key !== name));
}
