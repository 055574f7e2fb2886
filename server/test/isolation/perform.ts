/** How an action of the model is sent to the server, and what its answer says in the words of the model. */

import { newId } from '../../src/db/index.ts';
import type { Action, Answer, Grant, Name } from './model.ts';
import { type Arena, bearer, type Kind, learn, type Side } from './world.ts';

/** Refusals after which nobody can tell what was done. */
const inconclusive = new Set(['dependency_unavailable', 'request_timeout', 'request_cancelled']);

interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly payload?: object;
}

type Fields = Record<string, unknown>;

/**
 * Does something in a tenant, over HTTP. Nothing comes back when the client left before the answer, or the server lost its
 * database meanwhile.
 * @throws when the answer holds anything of the other tenant, or says that the server is at fault.
 */
export async function perform(
  arena: Arena,
  [side, other]: readonly [own: Side, other: Side],
  key: Name,
  action: Action,
  signal?: AbortSignal,
): Promise<(() => Answer) | undefined> {
  const { method, url, payload } = callOf(side, other, action);
  const { headers } = bearer(side, key);
  const named = action.do === 'name the other tenant' ? { 'x-tenant-id': other.slug } : {};
  const body = payload instanceof FormData ? await encoded(payload) : { payload, headers: {} };
  const response = await arena
    .inject({
      ...{ method, url, headers: { ...headers, ...named, ...body.headers } },
      ...(body.payload === undefined ? {} : { payload: body.payload }),
      ...(signal === undefined ? {} : { signal }),
    })
    .catch((error: unknown) => {
      if (signal?.aborted === true) return undefined;
      throw error;
    });
  if (response === undefined) return undefined;
  const { body: text, statusCode } = response;
  const sent = JSON.stringify([url, named, payload instanceof FormData ? [...payload] : payload]);
  const received = JSON.stringify(response.headers) + text;
  for (const secret of [other.canary, other.id, ...other.nameOf.keys()]) {
    const isEcho = sent.includes(secret);
    if (!isEcho && received.includes(secret))
      throw new Error(`${action.do} shows ${secret} of the other tenant: ${received}`);
  }
  if (statusCode >= 400) {
    const { code } = JSON.parse(text) as { code: string };
    if (inconclusive.has(code)) return undefined;
    if (statusCode >= 500) throw new Error(`${action.do} was answered with ${statusCode}: ${text}`);
    return () => ({ refused: code });
  }
  const failure = /^event: error\ndata: (.*)$/m.exec(text)?.[1];
  if (failure !== undefined) {
    if (inconclusive.has((JSON.parse(failure) as { code: string }).code)) return undefined;
    throw new Error(`${action.do} failed within its stream: ${failure}`);
  }
  if (action.do === 'create key') {
    const { id, key: secret } = JSON.parse(text) as { id: string; key: string };
    learn(side, 'key', action.name, id);
    side.secrets.set(action.name, secret);
  }
  if (action.do === 'create collection') learn(side, 'collection', action.name, idIn(text));
  if (action.do === 'upload') learnDocument(side, JSON.parse(text) as Fields);
  // Later, when the ids are known of everything that was made beside it.
  return () => answerFrom(side, action, text);
}

/** Notes the ids of documents and collections that were made without an answer. */
export async function learnAll(arena: Arena, sides: readonly [Side, Side]): Promise<void> {
  const root = `${sides[0].slug}.root.key`;
  for (const url of ['/api/documents?limit=200', '/api/collections', '/api/keys?limit=200']) {
    const response = await arena.inject({ method: 'GET', url, ...bearer(sides[0], root) });
    if (response.statusCode !== 200) return learnAll(arena, sides);
    for (const item of (JSON.parse(response.body) as { data: Fields[] }).data) {
      if (url.startsWith('/api/documents')) learnDocument(sides[0], item);
      else if (!sides[0].nameOf.has(String(item['id']))) {
        const kind = url.startsWith('/api/keys') ? 'key' : 'collection';
        learn(sides[0], kind, lastWord(item['name']), String(item['id']));
      }
    }
  }
}

function callOf(side: Side, other: Side, action: Action): Call {
  /** The id of a thing of either tenant; one that nobody has for everything else. */
  const idOf = (kind: Kind, name: Name) => side.idOf.get(name) ?? other.idOf.get(name) ?? newId(idKinds[kind]);
  const collectionOf = (given: string) => (given.startsWith('#') ? given.slice(1) : idOf('collection', given));
  const grantsOf = (grants: readonly Grant[]) =>
    grants.map((grant) => {
      if (grant.kind === 'everyone') return grant;
      return { kind: grant.kind, id: grant.kind === 'role' ? grant.role : idOf('user', grant.user) };
    });
  switch (action.do) {
    case 'upload': {
      const form = new FormData();
      form.set('title', `${side.canary} ${action.name} 0`);
      form.set('collection', collectionOf(action.into));
      if (action.label !== undefined) form.set('classification', action.label);
      form.set('file', new File([action.text], `${side.canary}.txt`, { type: 'text/plain' }));
      return { method: 'POST', url: '/api/documents', payload: form };
    }
    case 'change': {
      const { document, label, into, edition } = action;
      const payload = {
        ...(label === undefined ? {} : { classification: label }),
        ...(into === undefined ? {} : { collection: collectionOf(into) }),
        ...(edition === undefined ? {} : { title: `${side.canary} ${document} ${edition}` }),
      };
      return { method: 'PATCH', url: `/api/documents/${idOf('document', document)}`, payload };
    }
    case 'delete':
      return { method: 'DELETE', url: `/api/documents/${idOf('document', action.document)}` };
    case 'look up':
      return { method: 'GET', url: `/api/documents/${idOf('document', action.document)}` };
    case 'read':
      return { method: 'GET', url: `/api/documents/${idOf('document', action.document)}/text` };
    case 'download':
      return { method: 'GET', url: `/api/documents/${idOf('document', action.document)}/content` };
    case 'create collection': {
      const payload = { name: action.title, grants: grantsOf(action.grants) };
      return { method: 'POST', url: '/api/collections', payload };
    }
    case 'share': {
      const url = `/api/collections/${idOf('collection', action.collection)}/grants`;
      return { method: 'PUT', url, payload: { grants: grantsOf(action.grants) } };
    }
    case 'remove collection':
      return { method: 'DELETE', url: `/api/collections/${idOf('collection', action.collection)}` };
    case 'create key': {
      const { name, user, scopes } = action;
      const payload = {
        name: `${side.canary} ${name}`,
        user_id: idOf('user', user),
        ...(scopes === null ? {} : { scopes }),
      };
      return { method: 'POST', url: '/api/keys', payload };
    }
    case 'revoke key':
      return { method: 'DELETE', url: `/api/keys/${idOf('key', action.key)}` };
    case 'change user': {
      const { user, role, clearance, isActive } = action;
      const payload = {
        ...(role === undefined ? {} : { role }),
        ...(clearance === undefined ? {} : { clearance }),
        ...(isActive === undefined ? {} : { status: isActive ? 'active' : 'suspended' }),
      };
      return { method: 'PATCH', url: `/api/users/${idOf('user', user)}`, payload };
    }
    case 'ask': {
      const of = action.of === undefined ? {} : { collections: [collectionOf(action.of)] };
      return {
        method: 'POST',
        url: '/api/query',
        payload: { question: 'What is the budget?', top_k: 100, stream: true, ...of },
      };
    }
    case 'name the other tenant':
    case 'list documents':
      return { method: 'GET', url: '/api/documents?limit=200' };
    case 'list collections':
      return { method: 'GET', url: '/api/collections' };
    case 'list keys':
      return { method: 'GET', url: '/api/keys?limit=200' };
    case 'list users':
      return { method: 'GET', url: '/api/users?limit=200' };
    case 'audit':
      return { method: 'GET', url: '/api/audit?limit=200' };
    case 'usage':
      return { method: 'GET', url: '/api/usage?group_by=user' };
  }
}

function answerFrom(side: Side, action: Action, text: string): Answer {
  const nameOf = (id: unknown) => side.nameOf.get(String(id)) ?? `unknown ${id}`;
  const data = () => (JSON.parse(text) as { data: Fields[] }).data;
  const show = (lines: readonly string[]): Answer => ({ shown: [...lines].sort() });
  const documentLine = ({ title, classification, collection_id }: Fields) =>
    `${String(title).split(' ').slice(1).join(' ')} ${classification} ${nameOf(collection_id)}`;
  const userLine = ({ id, role, clearance, status }: Fields) => `${nameOf(id)} ${role} ${clearance} ${status}`;
  switch (action.do) {
    case 'upload':
    case 'change':
    case 'look up':
      return show([documentLine(JSON.parse(text) as Fields)]);
    case 'read':
      return show([(JSON.parse(text) as { text: string }).text]);
    case 'download':
      return show([text]);
    case 'delete':
    case 'remove collection':
    case 'revoke key':
      return show([]);
    case 'create collection':
    case 'share':
    case 'create key':
      return show([nameOf(idIn(text))]);
    case 'change user':
      return show([userLine(JSON.parse(text) as Fields)]);
    case 'list documents':
    case 'name the other tenant':
      return show(data().map(documentLine));
    case 'list collections':
    case 'list keys':
      return show(data().map(({ id }) => nameOf(id)));
    case 'list users':
      return show(data().map(userLine));
    case 'usage':
      return show(data().map(({ key, requests }) => `${nameOf(key)} ${requests}`));
    case 'audit': {
      const events = data().map(({ event }) => (event as { action: string }).action);
      return show([...new Set(events)].map((event) => `${event} ${events.filter((other) => other === event).length}`));
    }
    case 'ask': {
      const passages = Number(/^event: retrieval\ndata: {"passages":(\d+)}$/m.exec(text)?.[1]);
      const cited = [...text.matchAll(/"document_id":"(\w+)"/g)].map(([, id]) => nameOf(id));
      return { passages, cited: [...new Set(cited)].sort() };
    }
  }
}

const idKinds = { user: 'user', key: 'apiKey', collection: 'collection', document: 'document' } as const;

/** Titles end in the name of the document and the number of the title; other names end in the name of the thing. */
function learnDocument(side: Side, { id, title }: Fields): void {
  learn(side, 'document', String(title).split(' ')[1] ?? '', String(id));
}

function lastWord(text: unknown): string {
  return String(text).split(' ').at(-1) ?? '';
}

function idIn(text: string): string {
  return (JSON.parse(text) as { id: string }).id;
}

/** A form as the bytes of a request. */
async function encoded(form: FormData) {
  const response = new Response(form);
  const headers = { 'content-type': response.headers.get('content-type') ?? '' };
  return { payload: Buffer.from(await response.arrayBuffer()), headers };
}
