/** Who waits for the model, as tenants and operators see it while it works. */

import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestApp, type TestApp } from './support/app.ts';
import { anyTestDatabase } from './support/database.ts';
import { startUpstream, type Upstream } from './support/upstream/index.ts';

let upstream: Upstream;
let server: TestApp;

beforeAll(async () => {
  upstream = await startUpstream();
  server = await startTestApp(anyTestDatabase(), {
    OPENAI_BASE_URL: upstream.baseUrl,
    LLM_MODEL: 'test-echo',
    SCHEDULER_SLOTS: '1',
  });
}, 120_000);
afterAll(async () => {
  await server?.close();
  await upstream?.close();
});

const chat = (tenant: 'acme' | 'globex', model: string) =>
  server.call(server.user(tenant, 'analyst'), 'POST', '/v1/chat/completions', {
    model,
    messages: [{ role: 'user', content: 'one two three' }],
  });
const queueOf = async (tenant: 'acme' | 'globex') =>
  (await server.call(server.user(tenant, 'viewer'), 'GET', '/api/queue')).body as Record<string, unknown>;
const poolOf = async () =>
  (await server.call(server.firstRun.operator_key, 'GET', '/api/operator/queue')).body as {
    slots: number;
    tenants: { tenant_id: string; in_flight: number; waiting_attached: number }[];
  };

it('shows a tenant what of it waits and is in work, and nothing of others; and operators all', async () => {
  const chats = [chat('acme', 'test-echo?ttft=2000'), chat('acme', 'test-echo?ttft=2000')];
  await expect.poll(() => queueOf('acme')).toMatchObject({ in_work: 1, waiting: 1, is_paused: false });
  expect(await queueOf('globex')).toMatchObject({ in_work: 0, waiting: 0, queued_cost: 0 });
  const { slots, tenants } = await poolOf();
  const acme = server.firstRun.tenants.find(({ slug }) => slug === 'acme')?.id;
  expect([slots, tenants]).toMatchObject([1, [{ tenant_id: acme, in_flight: 1, waiting_attached: 1 }]]);
  expect((await Promise.all(chats)).map(({ status }) => status)).toEqual([200, 200]);
  await expect.poll(() => queueOf('acme')).toMatchObject({ in_work: 0, waiting: 0 });
});

it('is told to operators again and again on an event stream', async () => {
  const headers = { authorization: `Bearer ${server.firstRun.operator_key}` };
  const response = await fetch(`${server.baseUrl}/api/operator/queue?stream=true`, { headers });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  let text = '';
  for await (const bytes of response.body ?? []) {
    text += Buffer.from(bytes).toString();
    if (text.split('event: queue').length > 2) break;
  }
  expect(JSON.parse(/data: (.*)/.exec(text)?.[1] ?? '')).toMatchObject({ slots: 1, pods: 1, tenants: [] });
});
