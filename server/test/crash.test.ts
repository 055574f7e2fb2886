/**
 * A real `genai up` that is killed without warning in the middle of uploads, ingestion, questions and chats, again and
 * again on the same embedded data folder. What was acknowledged must still be there, once. `make test-long` kills 50 times.
 */

import { randomInt } from 'node:crypto';
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type ServerProcess, startServer } from '../bench/support/server-process.ts';
import { type Acknowledged, seededRandom, startWorkload } from './support/crash-workload.ts';
import { copyPgliteTemplate } from './support/database.ts';
import { startUpstream, type Upstream } from './support/upstream/index.ts';

const kills = inject('isLong') ? 50 : 3;
/** A kill comes after 1 to so many requests of its round. */
const requestsBeforeKillMax = 50;
const seed = randomInt(2 ** 31);

let upstream: Upstream;
let server: ServerProcess;
const dataDir = copyPgliteTemplate();
const acknowledged: Acknowledged = { documents: new Map(), requests: new Set(), surprises: [] };

beforeAll(async () => {
  upstream = await startUpstream();
  server = await start();
}, 120_000);
afterAll(async () => {
  await server?.stop('SIGKILL');
  await upstream?.close();
  rmSync(dataDir, { recursive: true, force: true });
});

function start(): Promise<ServerProcess> {
  return startServer(dataDir, {
    OPENAI_BASE_URL: upstream.baseUrl,
    OPENAI_API_KEY: 'test-key',
    LLM_MODEL: 'test-answer?gap=2',
    RATE_LIMIT_ENTERPRISE_REQUESTS_PER_MINUTE: '10000000',
    RATE_LIMIT_ENTERPRISE_TOKENS_PER_MINUTE: '0',
    RATE_LIMIT_KEY_REQUESTS_PER_MINUTE: '10000000',
    BUDGET_ENTERPRISE_DOLLARS_PER_MONTH: '0',
  });
}

async function get(path: string): Promise<{ status: number; text: string; body: Record<string, unknown> }> {
  const admin = server.firstRun.tenants[0]?.users.find(({ role }) => role === 'admin');
  const headers = { authorization: `Bearer ${admin?.api_key}` };
  const response = await fetch(new URL(path, server.firstRun.base_url), { headers });
  const text = await response.text();
  return { status: response.status, text, body: text.startsWith('{') ? JSON.parse(text) : {} };
}

/** How often each request id was settled, by the audit log: its row, the charge and the request stand or fall together. */
async function settlements(): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  let cursor = '';
  do {
    const { body } = await get(`/api/audit?limit=200${cursor}`);
    for (const { event } of body['data'] as { event: { action: string; request_id?: string } }[]) {
      const { action, request_id: id } = event;
      if (id !== undefined && /^(query|chat)\./.test(action)) counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    cursor = body['next_cursor'] === null ? '' : `&cursor=${body['next_cursor']}`;
  } while (cursor !== '');
  return counts;
}

async function statusOf(id: string): Promise<unknown> {
  return (await get(`/api/documents/${id}`)).body['status'];
}

describe(`a killed server (seed ${seed})`, () => {
  it('keeps a second one off its folder while it runs', async () => {
    await expect(startServer(dataDir)).rejects.toThrow(
      `${dataDir} is in use by another server (process ${server.pid}). Stop it, or set GENAI_DATA_DIR to another folder.`,
    );
    expect((await get('/health')).status).toBe(200);
  });

  it.each(Array.from({ length: kills }, (_, index) => index + 1))(
    'has, at restart %i, everything that it acknowledged',
    async (round) => {
      const random = seededRandom(seed + round);
      const documentsBefore = acknowledged.documents.size;
      const workload = startWorkload(server.firstRun, random, acknowledged);
      await workload.sent(1 + Math.floor(random() * requestsBeforeKillMax));
      await server.stop('SIGKILL');
      await workload.ended;

      server = await start();
      expect(acknowledged.surprises).toEqual([]);
      const uploaded = [...acknowledged.documents].slice(documentsBefore);
      for (const [id, content] of uploaded) {
        await expect.poll(() => statusOf(id), { timeout: 60_000, interval: 100 }).toBe('indexed');
        expect((await get(`/api/documents/${id}/content`)).text).toBe(content);
      }
    },
    120_000,
  );

  it('has charged every answer and every call of the model endpoint exactly once', async () => {
    const counts = await settlements();
    const called = upstream.requests().map(({ requestId }) => requestId ?? '');
    expect(acknowledged.requests.size).toBeGreaterThan(0);
    for (const id of [...acknowledged.requests, ...called]) expect(counts.get(id), id).toBe(1);
    const { body } = await get('/api/usage');
    const charged = (body['data'] as { requests: number }[]).reduce((sum, row) => sum + row.requests, 0);
    expect(charged).toBe(counts.size);
  });

  it('still has every document at the end, and stops in good order', async () => {
    expect(acknowledged.documents.size).toBeGreaterThan(0);
    for (const id of acknowledged.documents.keys()) expect(await statusOf(id), id).toBe('indexed');
    expect(await server.stop('SIGTERM')).toBe(0);
  });
});
