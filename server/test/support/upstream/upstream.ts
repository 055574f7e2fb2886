/**
 * A programmable TEST server that speaks the OpenAI wire: it stands in for a model endpoint in tests and benchmarks and
 * must never serve users. It has no model; what it answers and how it fails is chosen by the model name (behaviour.ts).
 *
 * It listens on the loopback interface only, keeps the last requests for inspection, and counts every token it served,
 * so that a test can hold a ledger against it. Of a credential it keeps only whether there was one.
 */

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Behaviour, baseModels, behaviourFromModel, healed, type Refusal } from './behaviour.ts';
import { serveChat } from './chat.ts';
import { embeddingsAnswer } from './embeddings.ts';
import { type Exchange, failEarly, pause, sendError, sendJson } from './exchange.ts';

/** Most requests that are kept for inspection; older ones are forgotten. */
const recordedMax = 1000;
/** Longest body that is read. */
const bodyBytesMax = 32 * 1024 * 1024;
/** Most model names whose attempts are counted and whose behaviour is remembered. */
const namesMax = 10_000;

/** One request as the upstream saw it. */
export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly model: string | undefined;
  readonly stream: boolean;
  /** Whether there was an Authorization header. */
  readonly authorized: boolean;
  readonly requestId: string | undefined;
  /** The body, exactly as received. */
  readonly body: string;
}

/** A running TEST upstream. */
export interface Upstream {
  /** Origin, without a path. */
  readonly url: string;
  /** What belongs into OPENAI_BASE_URL: the origin and `/v1`. */
  readonly baseUrl: string;
  /** The last requests, oldest first. */
  requests(): readonly RecordedRequest[];
  /** Number of connections accepted until now; a client that keeps them alive needs few. */
  connections(): number;
  /** Number of requests whose client closed the connection before the answer was complete. */
  aborted(): number;
  /** Resolves once `aborted()` has reached a number. */
  whenAborted(count: number): Promise<void>;
  /** All tokens produced until now, in the upstream's own count; also those of answers that failed midway. */
  tokensServed(): { readonly inputTokens: number; readonly outputTokens: number };
  /** Cuts all connections and stops listening. */
  close(): Promise<void>;
}

/** Starts a TEST upstream on a loopback port, a free one by default. */
export async function startUpstream(options: { readonly port?: number } = {}): Promise<Upstream> {
  const recorded: RecordedRequest[] = [];
  const waiting = new Set<{ readonly count: number; readonly resolve: () => void }>();
  const served = { inputTokens: 0, outputTokens: 0 };
  const behaviours = createBehaviours();
  let aborted = 0;
  let connections = 0;

  const server = createServer((request, response) => {
    const gone = new AbortController();
    // As real endpoints do; a gateway keeps all three to itself.
    response.setHeader('x-request-id', `req-test-${randomUUID()}`);
    response.setHeader('x-ratelimit-remaining-requests', '99');
    response.setHeader('set-cookie', 'test=1');
    response.once('close', () => {
      if (response.writableFinished) return;
      aborted += 1;
      for (const waiter of waiting) if (aborted >= waiter.count && waiting.delete(waiter)) waiter.resolve();
      gone.abort(new Error('The client has gone.'));
    });
    const exchange: Exchange = {
      response,
      signal: gone.signal,
      credential: request.headers.authorization?.replace(/^Bearer /, ''),
      serve: ({ input = 0, output = 0 }) => {
        served.inputTokens += input;
        served.outputTokens += output;
      },
    };
    const record = (entry: RecordedRequest) => {
      recorded.push(entry);
      if (recorded.length > recordedMax) recorded.shift();
    };
    handle(request, exchange, behaviours, record).catch((error: unknown) => {
      if (!gone.signal.aborted) sendError(exchange, 500, 'test_upstream_bug', String(error));
    });
  });
  server.on('connection', () => {
    connections += 1;
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url,
    baseUrl: `${url}/v1`,
    requests: () => [...recorded],
    connections: () => connections,
    aborted: () => aborted,
    whenAborted: (count) =>
      aborted >= count ? Promise.resolve() : new Promise((resolve) => waiting.add({ count, resolve })),
    tokensServed: () => ({ ...served }),
    close: async () => {
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Remembers what model names mean and how often each was asked, for those that fail only a number of times. */
function createBehaviours(): (model: string) => Behaviour | Refusal {
  const known = new Map<string, Behaviour | Refusal>();
  const attempts = new Map<string, number>();
  return (model) => {
    const behaviour = known.get(model) ?? behaviourFromModel(model);
    if (known.size < namesMax) known.set(model, behaviour);
    if ('status' in behaviour || behaviour.times === undefined) return behaviour;
    const attempt = (attempts.get(model) ?? 0) + 1;
    if (attempts.size < namesMax || attempts.has(model)) attempts.set(model, attempt);
    return attempt <= behaviour.times ? behaviour : healed(behaviour);
  };
}

async function handle(
  request: IncomingMessage,
  exchange: Exchange,
  behaviours: ReturnType<typeof createBehaviours>,
  record: (entry: RecordedRequest) => void,
): Promise<void> {
  const text = await readBody(request);
  const { method = 'GET', url: path = '/' } = request;
  const body = parseObject(text);
  record({
    method,
    path,
    model: typeof body?.model === 'string' ? body.model : undefined,
    stream: body?.stream === true,
    authorized: request.headers.authorization !== undefined,
    requestId: request.headers['x-request-id']?.toString(),
    body: text,
  });
  if (method === 'GET' && path === '/v1/models') {
    return sendJson(exchange, 200, { object: 'list', data: baseModels.map(modelEntry) });
  }
  if (method === 'GET' && path.startsWith('/v1/models/')) {
    const id = decodeURIComponent(path.slice('/v1/models/'.length));
    const behaviour = behaviourFromModel(id);
    if ('status' in behaviour) return sendError(exchange, behaviour.status, behaviour.code, behaviour.message);
    return sendJson(exchange, 200, modelEntry(id));
  }
  if (method !== 'POST' || (path !== '/v1/chat/completions' && path !== '/v1/embeddings')) {
    return sendError(exchange, 404, 'unknown_url', `There is no ${method} ${path}.`);
  }
  if (body === undefined) return sendError(exchange, 400, 'invalid_body', 'The body is not a JSON object.');
  const behaviour = behaviours(String(body.model));
  if ('status' in behaviour) return sendError(exchange, behaviour.status, behaviour.code, behaviour.message);
  if (path === '/v1/chat/completions') return serveChat(exchange, body, behaviour);
  if (await failEarly(exchange, behaviour)) return;
  await pause(exchange, behaviour.ttft);
  const { answer, tokens } = embeddingsAnswer(body);
  exchange.serve({ input: tokens });
  sendJson(exchange, 200, answer);
}

function modelEntry(id: string): object {
  return { id, object: 'model', created: 1_700_000_000, owned_by: 'genai-test-upstream' };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > bodyBytesMax) throw new Error(`The body is longer than ${bodyBytesMax} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
