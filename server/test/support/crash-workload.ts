/**
 * Work for a server that will be killed: uploads, questions and chats at the same time, until the server is gone. It
 * remembers what was acknowledged, which the server must never lose, and every answer that was neither that nor silence.
 */

import type { FirstRun } from '../../src/cli/first-run-file.ts';

/** What the server acknowledged before it was killed. */
export interface Acknowledged {
  /** Uploads answered with 202: id to content. */
  readonly documents: Map<string, string>;
  /** Ids of questions and chats whose answer arrived whole. */
  readonly requests: Set<string>;
  /** Answers that no client should get, killed server or not. */
  readonly surprises: string[];
}

/** Work that goes on until the server is gone. */
export interface Workload {
  /** Resolves after so many requests have been sent. */
  readonly sent: (count: number) => Promise<void>;
  /** Resolves when every worker has noticed that the server is gone. */
  readonly ended: Promise<void>;
}

/** Numbers in [0, 1) that a seed repeats: the generator mulberry32, public domain. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const uploaders = 1;
const askers = 2;
/** Short, since embedding a passage takes some 50 ms, and all documents must be indexed before the next round. */
const wordsInDocument = { min: 10, max: 300 };
const words = 'harbour lantern copper meadow winter signal garden ledger river stone amber cloud'.split(' ');

/** Starts the work. */
export function startWorkload(firstRun: FirstRun, random: () => number, acknowledged: Acknowledged): Workload {
  const analyst = firstRun.tenants[0]?.users.find(({ role }) => role === 'analyst');
  const headers = { authorization: `Bearer ${analyst?.api_key}` };
  let count = 0;
  const waiting: { count: number; resolve: () => void }[] = [];

  /** Sends a request and reads its whole answer; `undefined` when the server is gone. */
  async function send(
    path: string,
    body: FormData | object,
  ): Promise<{ response: Response; text: string } | undefined> {
    const init =
      body instanceof FormData
        ? { body, headers }
        : { body: JSON.stringify(body), headers: { ...headers, 'content-type': 'application/json' } };
    try {
      const answering = fetch(new URL(path, firstRun.base_url), { method: 'POST', ...init });
      count += 1;
      for (const waiter of waiting) if (count >= waiter.count) waiter.resolve();
      const response = await answering;
      const text = await response.text();
      if (!response.ok || text.includes('event: error'))
        acknowledged.surprises.push(`${path} ${response.status} ${text}`);
      return { response, text };
    } catch {
      return undefined;
    }
  }

  async function upload(): Promise<boolean> {
    const length = wordsInDocument.min + Math.floor(random() * (wordsInDocument.max - wordsInDocument.min));
    const content = Array.from({ length }, () => words[Math.floor(random() * words.length)]).join(' ');
    const form = new FormData();
    form.set('file', new Blob([content]), `notes-${Math.floor(random() * 1e9)}.txt`);
    form.set('classification', random() < 0.5 ? 'internal' : 'confidential');
    const sent = await send('/api/documents', form);
    if (sent?.response.status === 202) acknowledged.documents.set(JSON.parse(sent.text).id, content);
    return sent !== undefined;
  }

  async function ask(): Promise<boolean> {
    const stream = random() < 0.5;
    const sent = await send('/api/query', { question: 'How many days of paid annual leave are there?', stream });
    if (sent === undefined) return false;
    const done = stream ? /^event: done\ndata: (.+)$/m.exec(sent.text)?.[1] : sent.text;
    if (done !== undefined) acknowledged.requests.add(JSON.parse(done).request_id);
    return true;
  }

  async function chat(): Promise<boolean> {
    const messages = [{ role: 'user', content: 'copper lantern' }];
    const sent = await send('/v1/chat/completions', { model: 'test-echo', messages, stream: random() < 0.5 });
    if (sent !== undefined) acknowledged.requests.add(sent.response.headers.get('x-request-id') ?? '');
    return sent !== undefined;
  }

  async function repeat(step: () => Promise<boolean>): Promise<void> {
    while (await step());
  }

  const workers = [
    ...Array.from({ length: uploaders }, () => repeat(upload)),
    ...Array.from({ length: askers }, () => repeat(ask)),
    repeat(chat),
  ];
  return {
    sent: (wanted) => new Promise((resolve) => waiting.push({ count: wanted, resolve })),
    ended: Promise.all(workers).then(() => undefined),
  };
}
