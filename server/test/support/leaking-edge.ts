/**
 * A FAKE edge: a reverse proxy before a real server that leaks as it is told. For tests of `genai isolation verify`.
 *
 * The first tenant that an operator makes through it is the owner, whom every leak gives away; everybody else must not reach
 * it. Which credentials and ids are the owner's, the edge learns from what passes.
 */

import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as it arrived. */
export interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** An answer. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** A request of somebody who must not reach the owner. */
export interface Passing extends Asked {
  /** The role of who asks; `undefined` when nobody of a tenant does. */
  readonly role: string | undefined;
  readonly owner: Tenant;
  /** What the server answers. */
  readonly honest: () => Promise<Reply>;
  /** What the server answers an admin of the owner, to the same or to the reading of another path. */
  readonly asOwner: (path?: string) => Promise<Reply>;
  /** Whether the server told a text to the owner: an id or a cursor. */
  readonly isOfOwner: (text: string) => boolean;
  /** The last success of the owner to which `keep` gave a name. */
  readonly kept: (name: string) => Reply | undefined;
}

/** A tenant as operators see it. */
export interface Tenant {
  readonly id: string;
  readonly slug: string;
}

/** A way to leak: what some requests are answered, and what is remembered of the owner for it. */
export interface Leak {
  readonly method: string;
  readonly path: RegExp;
  readonly answer: (passing: Passing) => Promise<Reply>;
  readonly keep?: (asked: Asked) => string | undefined;
}

/** A running FAKE edge. */
export interface LeakingEdge {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** Starts one before the server at `target`. `describe` changes what the server says of itself in /openapi.json. */
export async function startLeakingEdge(
  target: string,
  leaks: readonly Leak[],
  describe: (openApi: string) => string = (text) => text,
): Promise<LeakingEdge> {
  const memory = createMemory();

  async function forward({ method, url, headers, body }: Asked): Promise<Reply> {
    const response = await fetch(new URL(url.pathname + url.search, target), {
      ...{ method, headers, redirect: 'manual', body: body.length === 0 ? null : new Uint8Array(body) },
    });
    const passedOn = [...response.headers].filter(([name]) => !ofOneConnection.has(name));
    return { status: response.status, headers: Object.fromEntries(passedOn), text: await response.text() };
  }

  async function answerTo(asked: Asked): Promise<Reply> {
    const { owner } = memory;
    const who = memory.whoSent(asked);
    const honest = () => forward(asked);
    const leak = leaks.find(({ method, path }) => method === asked.method && path.test(asked.url.pathname));
    const tenant = owner();
    if (leak !== undefined && tenant !== undefined && who?.tenant !== tenant.id) {
      const asOwner = (path?: string) => forward(memory.asOwner(asked, path));
      return leak.answer({ ...asked, ...memory, role: who?.role, owner: tenant, honest, asOwner });
    }
    const reply = await honest();
    memory.learn(asked, reply, leak?.keep?.(asked));
    return asked.url.pathname === '/openapi.json' ? { ...reply, text: describe(reply.text) } : reply;
  }

  const server = createServer((incoming, response) => {
    askedBy(incoming, target)
      .then(answerTo)
      .then(({ status, headers, text }) => response.writeHead(status, headers).end(text))
      .catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Headers that are of one connection, or of a body that `fetch` has unpacked. */
const ofOneConnection = new Set([
  ...['connection', 'keep-alive', 'transfer-encoding', 'content-encoding', 'content-length', 'host'],
]);

async function askedBy(incoming: IncomingMessage, target: string): Promise<Asked> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  const headers = Object.entries(incoming.headers).filter(([name]) => !ofOneConnection.has(name));
  return {
    method: incoming.method ?? '',
    url: new URL(incoming.url ?? '', target),
    headers: Object.fromEntries(headers.map(([name, value]) => [name, String(value)])),
    body: Buffer.concat(chunks),
  };
}

interface Person {
  readonly tenant: string;
  readonly role: string;
}

/** What the edge has learned of tenants and people. */
function createMemory() {
  const tenants: Tenant[] = [];
  const people = new Map<string, Person>();
  const credentials = new Map<string, Person>();
  const replies = new Map<string, Reply>();
  const told = new Set<string>();
  let ownersKey = '';
  const whoSent = ({ headers }: Asked) =>
    credentials.get(headers['x-api-key'] ?? headers['authorization']?.replace('Bearer ', '') ?? '');

  function learnPeople({ url, body }: Asked, text: string, who: Person | undefined): void {
    const [given, made] = [fieldsOf(body.toString()), fieldsOf(text)];
    const [, tenant] = /^\/api\/operator\/tenants\/([^/]+)\/users$/.exec(url.pathname) ?? [];
    if (url.pathname === '/api/operator/tenants') tenants.push({ id: made['id'] ?? '', slug: made['slug'] ?? '' });
    if (tenant !== undefined)
      for (const name of [made['id'], given['email']]) people.set(name ?? '', { tenant, role: given['role'] ?? '' });
    const person = url.pathname === '/api/auth/login' ? people.get(given['email'] ?? '') : undefined;
    if (person !== undefined) credentials.set(made['access_token'] ?? '', person);
    if (url.pathname !== '/api/keys' || who === undefined) return;
    const holder = people.get(given['user_id'] ?? '') ?? who;
    credentials.set(made['key'] ?? '', holder);
    if (ownersKey === '' && holder.role === 'admin' && holder.tenant === tenants[0]?.id) ownersKey = made['key'] ?? '';
  }

  return {
    whoSent,
    owner: () => tenants[0],
    isOfOwner: (text: string) => told.has(text),
    kept: (name: string) => replies.get(name),
    asOwner(asked: Asked, path?: string): Asked {
      const { 'x-api-key': _, 'x-tenant-id': __, ...others } = asked.headers;
      const headers = { ...others, authorization: `Bearer ${ownersKey}` };
      if (path === undefined) return { ...asked, headers };
      return { method: 'GET', url: new URL(path, asked.url), headers, body: Buffer.alloc(0) };
    },
    learn(asked: Asked, reply: Reply, name: string | undefined): void {
      const who = whoSent(asked);
      if (asked.method === 'POST' && reply.status < 300) learnPeople(asked, reply.text, who);
      if (who === undefined || who.tenant !== tenants[0]?.id) return;
      for (const [id] of reply.text.matchAll(/\b[a-z]{3}_[0-9a-f]{32}\b/g)) told.add(id);
      for (const [, cursor = ''] of reply.text.matchAll(/"next_cursor":"([^"]+)"/g)) told.add(cursor);
      if (name !== undefined && reply.status < 300) replies.set(name, reply);
    },
  };
}

function fieldsOf(text: string): Readonly<Record<string, string | undefined>> {
  try {
    return (JSON.parse(text) as Record<string, string> | null) ?? {};
  } catch {
    return {};
  }
}
