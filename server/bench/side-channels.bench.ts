/**
 * What the answers to a foreign id and to an absent one tell apart: bytes, headers, and time.
 *
 * One tenant asks, of the same server over the same connection, for ids that another tenant has and for ids that nobody
 * has, in pairs of random order; the ratio of the medians says whether time tells them apart.
 */

import { randomBytes } from 'node:crypto';
import { Client } from 'undici';
import type { Benchmark } from './benchmark.ts';
import { type ServerProcess, startServer, temporaryDataDir } from './support/server-process.ts';

/** What is done with an id; nothing of it may change what the other tenant has. */
const probes = [
  { name: 'get_document', list: 'documents', method: 'GET', path: '/api/documents/{id}' },
  { name: 'get_text', list: 'documents', method: 'GET', path: '/api/documents/{id}/text' },
  { name: 'delete_document', list: 'documents', method: 'DELETE', path: '/api/documents/{id}' },
  {
    name: 'set_grants',
    list: 'collections',
    method: 'PUT',
    path: '/api/collections/{id}/grants',
    body: { grants: [] },
  },
  { name: 'update_user', list: 'users', method: 'PATCH', path: '/api/users/{id}', body: { name: 'x' } },
  { name: 'revoke_key', list: 'keys', method: 'DELETE', path: '/api/keys/{id}' },
] as const;
type Probe = (typeof probes)[number];

/** Headers that differ between any two answers. */
const varying = /^(date|x-request-id|ratelimit.*|x-ratelimit.*)$/;
const warmUpPairs = 50;

const ratioOf = (name: string) => `${name}_time_ratio`;

/** Ratios of median times, foreign to absent, and how many answers differed. */
export const benchmark: Benchmark = {
  name: 'side-channels',
  title: 'Median time of the answer to a foreign id, as a multiple of that to an absent id',
  goals: [
    { id: 'same-bytes', figure: 'answers_that_differ', reach: { atMost: 0 } },
    { id: 'same-time', figure: 'largest_time_deviation', reach: { atMost: 0.1 } },
  ],
  async run({ quick, progress }) {
    const pairs = quick ? 100 : 1000;
    const dataDir = temporaryDataDir();
    const server = await startServer(dataDir.path, {
      RATE_LIMIT_ENTERPRISE_REQUESTS_PER_MINUTE: '10000000',
      RATE_LIMIT_KEY_REQUESTS_PER_MINUTE: '10000000',
      LOG_LEVEL: 'warn',
    });
    const client = new Client(server.firstRun.base_url, { pipelining: 1 });
    try {
      const figures: Record<string, number> = { pairs, answers_that_differ: 0 };
      for (const probe of probes) {
        progress(probe.name);
        const { foreignMs, absentMs, differing } = await measure(server, client, probe, pairs);
        figures['answers_that_differ'] = (figures['answers_that_differ'] ?? 0) + differing;
        figures[ratioOf(probe.name)] = Number((median(foreignMs) / median(absentMs)).toFixed(3));
      }
      const ratios = probes.map(({ name }) => figures[ratioOf(name)] ?? Number.NaN);
      const deviation = Math.max(...ratios.map((ratio) => Math.abs(ratio - 1)));
      return { ...figures, largest_time_deviation: Number(deviation.toFixed(3)) };
    } finally {
      await client.close();
      await server.stop();
      dataDir.remove();
    }
  },
};

async function measure(server: ServerProcess, client: Client, probe: Probe, pairs: number) {
  const [asking, owning] = [0, 1].map((index) => adminKey(server, index));
  const foreign = await firstId(client, owning ?? '', probe.list);
  const times = { foreign: [] as number[], absent: [] as number[] };
  let differing = 0;
  for (let pair = -warmUpPairs; pair < pairs; pair += 1) {
    const absent = `${foreign.slice(0, 4)}${randomBytes(16).toString('hex')}`;
    const order =
      randomBytes(1).readUInt8() % 2 === 0 ? (['foreign', 'absent'] as const) : (['absent', 'foreign'] as const);
    const answers = { foreign: '', absent: '' };
    for (const kind of order) {
      const id = kind === 'foreign' ? foreign : absent;
      const startedMs = performance.now();
      const answer = await send(client, asking ?? '', probe, id);
      if (pair >= 0) times[kind].push(performance.now() - startedMs);
      answers[kind] = answer;
    }
    if (answers.foreign !== answers.absent) differing += 1;
  }
  return { foreignMs: times.foreign, absentMs: times.absent, differing };
}

/** The whole answer as text, without what differs between any two. */
async function send(client: Client, key: string, probe: Probe, id: string): Promise<string> {
  const { statusCode, headers, body } = await client.request({
    method: probe.method,
    path: probe.path.replace('{id}', id),
    headers: { authorization: `Bearer ${key}`, ...('body' in probe ? { 'content-type': 'application/json' } : {}) },
    ...('body' in probe ? { body: JSON.stringify(probe.body) } : {}),
  });
  const text = (await body.text()).replaceAll(id, 'ID').replaceAll(String(headers['x-request-id']), 'REQUEST');
  if (statusCode !== 404) throw new Error(`${probe.name} answered ${statusCode}: ${text}`);
  const kept = Object.entries(headers).filter(([name]) => !varying.test(name));
  return JSON.stringify([statusCode, kept, text]);
}

async function firstId(client: Client, key: string, list: string): Promise<string> {
  const { body } = await client.request({
    method: 'GET',
    path: `/api/${list}`,
    headers: { authorization: `Bearer ${key}` },
  });
  const { data } = (await body.json()) as { data: { id: string }[] };
  if (data[0] === undefined) throw new Error(`The other tenant has no ${list}.`);
  return data[0].id;
}

function adminKey({ firstRun }: ServerProcess, tenant: number): string | undefined {
  return firstRun.tenants[tenant]?.users.find(({ role }) => role === 'admin')?.api_key;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
