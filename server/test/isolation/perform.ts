/** Does an action of the model on the real server, over HTTP, and reduces the answer to what the model speaks of. */

import type { Action, Answer, Grant, Name } from './model.ts';
import { type Arena, bearer, learn, type Side } from './world.ts';

/** Something of the other tenant came back. */
class LeakError extends Error {}

/** Who does it. */
export interface Performer {
  readonly arena: Arena;
  readonly side: Side;
  readonly other: Side;
}

interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly json?: object;
  readonly form?: FormData;
  readonly headers?: Record<string, string>;
}

type Body = Record<string, unknown>;

/** What a client is told while the database is away or the client itself is leaving; what happened is not known then. */
const lost = new Set(['dependency_unavailable', 'request_cancelled', 'request_timeout']);

/** An id that nobody has, for names that were never made. */
const absentId = (kind: string) => `${kind}_${'0'.repeat(32)}`;

/**
 * Does an action with a key.
 * @param signal leaves before the answer when it aborts.
 * @returns `undefined` when there was no answer, or none that tells what happened.
 * @throws {LeakError} when an answer holds anything of the other tenant.
 */
export async function perform(
  { arena, side, other }: Performer,
  key: Name,
  action: Action,
  signal?: AbortSignal,
): Promise<Answer | undefined> {
  const { method, url, json, form, headers } = requestOf(side, other, action);
  const encoded = form === undefined ? undefined : new Response(form);
  const payload = encoded === undefined ? json : Buffer.from(await encoded.arrayBuffer());
  const response = await arena
    .inject({
      method,
      url,
      headers: {
        ...bearer(side, key).headers,
        ...(encoded === undefined ? {} : { 'content-type': encoded.headers.get('content-type') ?? '' }),
        ...headers,
      },
      ...(payload === undefined ? {} : { payload }),
      ...(signal === undefined ? {} : { signal }),
    })
    .catch((error: unknown) => {
      if (signal?.aborted === true) return undefined;
      throw error;
    });
  if (response === undefined) return undefined;
  const { statusCode, body, headers: answered } = response;
  const text = JSON.stringify(answered) + body;
  for (const secret of [other.canary, other.id, ...other.nameOf.keys()]) {
    const wasAsked = `${url}${JSON.stringify(json ?? {})}${JSON.stringify(headers ?? {})}`.includes(secret);
    if (!wasAsked && text.includes(secret)) throw new LeakError(`${action.do} of ${key} shows ${secret}: ${text}`);
  }
  if (statusCode >= 400) {
    const code = String((JSON.parse(body) as Body)['code']);
    if (code === 'internal_error') throw new Error(`${action.do} failed: ${body}`);
    return lost.has(code) ? undefined : { refused: code };
  }
  return shownBy(side, action, body);
}

/** The request that does an action. Names of the other side become its ids, and names of nobody ids of nothing. */
function requestOf(side: Side, other: Side, action: Action): Request {
  const id = (name: Name, kind: string) => side.idOf.get(name) ?? other.idOf.get(name) ?? absentId(kind);
  const collection = (given: Name) => (given.startsWith('#') ? given.slice(1) : id(given, 'col'));
  const document = (name: Name) => `/api/documents/${id(name, 'doc')}`;
  const wire = (grants: readonly Grant[]) =>
    grants.map((grant) => {
      if (grant.kind === 'everyone') return { kind: 'everyone' };
      return grant.kind === 'role' ? { kind: 'role', id: grant.role } : { kind: 'user', id: id(grant.user, 'usr') };
    });
  const list = (path: string): Request => ({ method: 'GET', url: `${path}?limit=200` });
  switch (action.do) {
    case 'upload': {
      const form = new FormData();
      form.append('title', titleOf(side, action.name, 0));
      form.append('collection', collection(action.into));
      if (action.label !== undefined) form.append('classification', action.label);
      form.append('file', new Blob([action.text], { type: 'text/plain' }), `${side.canary}.txt`);
      return { method: 'POST', url: '/api/documents', form };
    }
    case 'change':
      return {
        method: 'PATCH',
        url: document(action.document),
        json: {
          ...(action.label === undefined ? {} : { classification: action.label }),
          ...(action.into === undefined ? {} : { collection: collection(action.into) }),
          ...(action.edition === undefined ? {} : { title: titleOf(side, action.document, action.edition) }),
        },
      };
    case 'delete':
      return { method: 'DELETE', url: document(action.document) };
    case 'look up':
      return { method: 'GET', url: document(action.document) };
    case 'read':
      return { method: 'GET', url: `${document(action.document)}/text` };
    case 'download':
      return { method: 'GET', url: `${document(action.document)}/content` };
    case 'create collection':
      return { method: 'POST', url: '/api/collections', json: { name: action.title, grants: wire(action.grants) } };
    case 'share': {
      const url = `/api/collections/${id(action.collection, 'col')}/grants`;
      return { method: 'PUT', url, json: { grants: wire(action.grants) } };
    }
    case 'remove collection':
      return { method: 'DELETE', url: `/api/collections/${id(action.collection, 'col')}` };
    case 'create key': {
      const scopes = action.scopes === null ? {} : { scopes: action.scopes };
      return {
        method: 'POST',
        url: '/api/keys',
        json: { name: action.name, user_id: id(action.user, 'usr'), ...scopes },
      };
    }
    case 'revoke key':
      return { method: 'DELETE', url: `/api/keys/${id(action.key, 'key')}` };
    case 'change user':
      return {
        method: 'PATCH',
        url: `/api/users/${id(action.user, 'usr')}`,
        json: {
          ...(action.role === undefined ? {} : { role: action.role }),
          ...(action.clearance === undefined ? {} : { clearance: action.clearance }),
          ...(action.isActive === undefined ? {} : { status: action.isActive ? 'active' : 'suspended' }),
        },
      };
    case 'ask': {
      const of = action.of === undefined ? {} : { collections: [collection(action.of)] };
      return { method: 'POST', url: '/api/query', json: { question, top_k: 100, stream: true, ...of } };
    }
    case 'list documents':
      return list('/api/documents');
    case 'list collections':
      return { method: 'GET', url: '/api/collections' };
    case 'list keys':
      return list('/api/keys');
    case 'list users':
      return list('/api/users');
    case 'audit':
      return list('/api/audit');
    case 'usage':
      return { method: 'GET', url: '/api/usage?group_by=user' };
    case 'name the other tenant':
      return { method: 'GET', url: '/api/documents', headers: { 'x-tenant-id': other.slug } };
  }
}

/** Every document speaks of this, so that a search finds all that may be seen. */
export const topic = 'harvest';
const question = `What is said of the ${topic}?`;

/** Says which document it is also to who never got its id. */
function titleOf({ canary }: Side, name: Name, edition: number): string {
  return `${name} ${edition} ${canary}`;
}

function shownBy(side: Side, action: Action, body: string): Answer {
  if (action.do === 'download') return { shown: [body] };
  if (action.do === 'ask') return answerFrom(side, body);
  const value = body === '' ? {} : (JSON.parse(body) as Body);
  switch (action.do) {
    case 'upload':
      learn(side, 'document', nameIn(value), String(value['id']));
      return { shown: [documentLine(side, value)] };
    case 'change':
    case 'look up':
      return { shown: [documentLine(side, value)] };
    case 'read':
      return { shown: [String(value['text'])] };
    case 'create collection':
      learn(side, 'collection', action.name, String(value['id']));
      return { shown: [action.name] };
    case 'share':
      return { shown: [nameOf(side, value['id'])] };
    case 'create key':
      learn(side, 'key', action.name, String(value['id']));
      side.secrets.set(action.name, String(value['key']));
      return { shown: [action.name] };
    case 'change user':
      return { shown: [userLine(side, value)] };
    case 'audit':
      return { shown: eventLines(rowsOf(value)) };
    default:
      return {
        shown: rowsOf(value)
          .flatMap((row) => lineOf(side, action, row))
          .sort(),
      };
  }
}

function lineOf(side: Side, action: Action, row: Body): string {
  switch (action.do) {
    case 'list documents':
      return documentLine(side, row);
    case 'list users':
      return userLine(side, row);
    case 'usage':
      return `${nameOf(side, row['key'])} ${row['requests']}`;
    default:
      return nameOf(side, row['id']);
  }
}

/** How many passages were found, and the documents that were cited, of an answer as a stream. */
function answerFrom(side: Side, stream: string): Answer {
  const data = (event: string) =>
    [...stream.matchAll(new RegExp(`^event: ${event}\\ndata: (.*)$`, 'gm'))].map(
      ([, json = '']) => JSON.parse(json) as Body,
    );
  const [failure] = data('error');
  if (failure !== undefined) return { refused: String(failure['code']) };
  const cited = data('citation').map((citation) => nameOf(side, citation['document_id']));
  return { passages: Number(data('retrieval')[0]?.['passages']), cited: [...new Set(cited)].sort() };
}

/** How often each action stands in the audit log. */
function eventLines(rows: readonly Body[]): string[] {
  const events = Map.groupBy(rows, ({ event }) => String((event as Body)['action']));
  return [...events].map(([action, { length }]) => `${action} ${length}`).sort();
}

function rowsOf(value: Body): Body[] {
  return (value['data'] as Body[] | undefined) ?? [];
}

function nameIn({ title }: Body): Name {
  return String(title).split(' ')[0] ?? '';
}

function documentLine(side: Side, row: Body): string {
  const [name, edition] = String(row['title']).split(' ');
  return `${name} ${edition} ${row['classification']} ${nameOf(side, row['collection_id'])}`;
}

function userLine(side: Side, row: Body): string {
  return `${nameOf(side, row['id'])} ${row['role']} ${row['clearance']} ${row['status']}`;
}

function nameOf(side: Side, id: unknown): Name {
  return side.nameOf.get(String(id)) ?? `unknown ${String(id)}`;
}
