/**
 * The unmodified `openai` client against the gateway. Whatever it does by itself (retries, streams, errors, aborts) must
 * come out as it would at OpenAI, and be charged once.
 */

import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BuiltInRole } from '../src/context.ts';
import { startTestApp, type TestApp } from './support/app.ts';
import { anyTestDatabase } from './support/database.ts';
import { startUpstream, type Upstream } from './support/upstream/index.ts';

let upstream: Upstream;
let server: TestApp;

beforeAll(async () => {
  upstream = await startUpstream();
  server = await startTestApp(anyTestDatabase(), {
    OPENAI_BASE_URL: upstream.baseUrl,
    OPENAI_API_KEY: 'key-of-the-platform',
    // The tenant globex can afford nothing.
    BUDGET_FREE_DOLLARS_PER_MONTH: '0.000001',
  });
}, 120_000);
afterAll(async () => {
  await server?.close();
  await upstream?.close();
});

/** A client as its documentation makes one; `sent` counts the HTTP requests that it really sends. */
function clientOf(apiKey: string): { client: OpenAI; sent: () => number } {
  let requests = 0;
  const client = new OpenAI({
    apiKey,
    baseURL: `${server.baseUrl}/v1`,
    fetch: (url, init) => {
      requests += 1;
      return fetch(url, init);
    },
  });
  return { client, sent: () => requests };
}

const as = (tenant: 'acme' | 'globex', role: BuiltInRole) => clientOf(server.user(tenant, role).api_key);
const say = (content: string) => [{ role: 'user' as const, content }];
const words = 'alpha beta gamma delta epsilon zeta eta theta';

/** Usage of a model; a model name that no other test uses makes it that of one request. */
async function usageOf(model: string) {
  const { body } = await server.call(server.user('acme', 'admin'), 'GET', '/api/usage?group_by=model');
  const rows = body['data'] as {
    key: string;
    requests: number;
    input_tokens: number;
    output_tokens: number;
    cost: { nano_usd: string };
  }[];
  return rows.find(({ key }) => key === model);
}

describe('models', () => {
  it('are listed and found by name', async () => {
    const { client } = as('acme', 'viewer');
    const ids: string[] = [];
    for await (const { id, object } of client.models.list()) ids.push(`${object} ${id}`);
    expect(ids).toEqual(['model test-echo', 'model test-answer', 'model test-embed']);
    expect(await client.models.retrieve('test-echo')).toMatchObject({ id: 'test-echo', object: 'model' });
  });

  it('that do not exist are a NotFoundError', async () => {
    const { client, sent } = as('acme', 'viewer');
    const missing = client.models.retrieve('gpt-99');
    await expect(missing).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(missing).rejects.toMatchObject({ code: 'model_not_found' });
    expect(sent()).toBe(1);
  });
});

describe('a chat', () => {
  it('comes back whole, with fields that nobody knows, and charged as reported', async () => {
    const { client } = as('acme', 'analyst');
    const model = 'test-echo?key=whole';
    const { data, response } = await client.chat.completions.create({ model, messages: say(words) }).withResponse();
    expect(data.choices[0]).toMatchObject({ message: { role: 'assistant', content: words }, finish_reason: 'stop' });
    expect(data).toMatchObject({ model, x_test_unknown: { kept: true } });
    expect(data.usage).toEqual({ prompt_tokens: 8, completion_tokens: 8, total_tokens: 16 });
    expect(response.headers.get('x-request-id')).toMatch(/^req_[0-9a-f]{32}$/);
    expect(response.headers.get('set-cookie')).toBeNull();
    await expect.poll(() => usageOf(model)).toMatchObject({ requests: 1, input_tokens: 8, output_tokens: 8 });
  });

  it('carries every parameter to the endpoint', async () => {
    const { client } = as('acme', 'analyst');
    const model = 'test-echo?key=parameters';
    const sent = {
      model,
      messages: [{ role: 'system' as const, content: 'Be brief.' }, ...say(words)],
      temperature: 0.25,
      max_completion_tokens: 77,
      seed: 7,
      response_format: { type: 'json_object' as const },
      logit_bias: { '50256': -100 },
      metadata: { trace: 'a' },
    };
    await client.chat.completions.create(sent);
    const received = upstream.requests().find((request) => request.model === model);
    expect(JSON.parse(received?.body ?? '')).toEqual(sent);
    expect(received?.body).not.toContain('key-of-the-platform');
  });

  it.each([
    ['without usage where none was asked for', undefined, 0],
    ['with usage where it was asked for', { include_usage: true }, 1],
  ])('streams %s, and is charged either way', async (name, options, usages) => {
    const { client } = as('acme', 'analyst');
    const model = `test-echo?key=${usages}&utf8split=1`;
    const messages = say(`Grüße 你好 🙂 ${name}`);
    const stream = await client.chat.completions.create({
      model,
      messages,
      stream: true,
      ...(options === undefined ? {} : { stream_options: options }),
    });
    let text = '';
    const found: unknown[] = [];
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      if (chunk.usage) found.push(chunk.choices);
    }
    expect(text).toBe(messages[0]?.content);
    expect(found).toEqual(Array.from({ length: usages }, () => []));
    await expect.poll(() => usageOf(model)).toMatchObject({ requests: 1, output_tokens: text.split(' ').length });
  });

  it('calls tools, streaming and not', async () => {
    const { client } = as('acme', 'analyst');
    const parameters = { type: 'object', properties: { query: { type: 'string' } } };
    const request = {
      model: 'test-echo?tool=1',
      messages: say('What is the weather?'),
      tools: [{ type: 'function' as const, function: { name: 'lookup', parameters } }],
    };
    const whole = await client.chat.completions.create(request);
    const streamed = await client.chat.completions.stream(request).finalChatCompletion();
    for (const { choices } of [whole, streamed]) {
      expect(choices[0]?.finish_reason).toBe('tool_calls');
      expect(choices[0]?.message.tool_calls?.[0]).toMatchObject({
        id: 'call_test_1',
        function: { name: 'lookup', arguments: '{"query":"weather in Ålesund"}' },
      });
    }
  });
});

describe('an error', () => {
  const chat = (client: OpenAI, model: string, options?: OpenAI.RequestOptions) =>
    client.chat.completions.create({ model, messages: say(words) }, options);

  it.each([
    ['a wrong key', () => clientOf(`sk-gen-${'0'.repeat(32)}-${'a'.repeat(43)}`), OpenAI.AuthenticationError, 401],
    ['a role without chat:create', () => as('acme', 'viewer'), OpenAI.PermissionDeniedError, 403],
    ['a budget that is spent', () => as('globex', 'analyst'), OpenAI.RateLimitError, 429],
  ])('for %s has the class and is sent once', async (_, makeClient, type, status) => {
    const { client, sent } = makeClient();
    const before = upstream.requests().length;
    const error: unknown = await chat(client, 'test-echo').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ status, requestID: expect.stringMatching(/^req_/) });
    if (status === 429) expect(error).toMatchObject({ code: 'insufficient_quota', type: 'insufficient_quota' });
    expect(sent()).toBe(1);
    expect(upstream.requests()).toHaveLength(before);
  });

  it.each([
    ['an unknown model', 'gpt-9', OpenAI.NotFoundError, 'model_not_found'],
    [
      'a prompt that is too long',
      'test-echo?error=400&code=context_length_exceeded',
      OpenAI.BadRequestError,
      'context_length_exceeded',
    ],
    ['a parameter that the endpoint refuses', 'test-echo?error=400', OpenAI.BadRequestError, 'request_invalid'],
  ])('of the endpoint for %s keeps its class and is sent once', async (_, model, type, code) => {
    const { client, sent } = as('acme', 'analyst');
    const failed = chat(client, model);
    await expect(failed).rejects.toBeInstanceOf(type);
    await expect(failed).rejects.toMatchObject({ code });
    expect(sent()).toBe(1);
  });

  it('that passes is retried by the server, so that the client sees none', async () => {
    const { client, sent } = as('acme', 'analyst');
    const model = 'test-echo?error=500&times=2&key=passing';
    expect((await chat(client, model)).choices[0]?.message.content).toBe(words);
    expect(sent()).toBe(1);
    expect(upstream.requests().filter((request) => request.model === model)).toHaveLength(3);
    await expect.poll(() => usageOf(model)).toMatchObject({ requests: 1 });
  });

  it('that lasts is an InternalServerError that the client may retry, without the secrets of the endpoint', async () => {
    const { client } = as('acme', 'analyst');
    const error: unknown = await chat(client, 'test-echo?error=503', { maxRetries: 0 }).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(OpenAI.InternalServerError);
    expect((error as InstanceType<typeof OpenAI.APIError>).headers?.get('x-should-retry')).toBe('true');
    const refused: unknown = await chat(client, 'test-echo?error=401', { maxRetries: 0 }).catch((thrown) => thrown);
    expect(refused).toMatchObject({ status: 502, code: 'upstream_rejected' });
    expect(JSON.stringify(refused)).not.toContain('key-of-the-platform');
  });

  it.each(['inband_error=1', 'reset=mid', 'truncate=1', 'malformed=1'])(
    'in the middle of a stream (%s) surfaces after what was good, and that is charged',
    async (how) => {
      const { client } = as('acme', 'analyst');
      const model = `test-echo?${how}&key=middle`;
      const stream = await client.chat.completions.create({ model, messages: say(words), stream: true });
      let text = '';
      const read = async () => {
        for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
      };
      await expect(read()).rejects.toBeInstanceOf(OpenAI.APIError);
      expect(text).toBe('alpha beta gamma delta');
      await expect.poll(() => usageOf(model)).toMatchObject({ requests: 1 });
      expect((await usageOf(model))?.output_tokens).toBeGreaterThan(0);
    },
  );

  it('for operations that the gateway does not have is a NotFoundError', async () => {
    const { client, sent } = as('acme', 'analyst');
    await expect(client.embeddings.create({ model: 'test-embed', input: 'a' })).rejects.toMatchObject({
      status: 404,
      code: 'route_not_found',
    });
    expect(sent()).toBe(1);
  });
});

describe('an abort', () => {
  it.each([
    ['a stream', 'test-echo?gap=25&tokens=4000', true],
    ['an answer that has not begun', 'test-echo?ttft=60000', false],
  ])('of %s reaches the endpoint within a second and is charged for what was produced', async (_, model, isStream) => {
    const { client } = as('acme', 'analyst');
    const aborted = upstream.aborted();
    const leave = new AbortController();
    const request = client.chat.completions.create(
      { model, messages: say(words), stream: true },
      { signal: leave.signal },
    );
    if (isStream) {
      let chunks = 0;
      for await (const chunk of await request) if (chunk.choices[0]?.delta.content && ++chunks === 5) break;
    } else {
      await expect.poll(() => upstream.requests().some((seen) => seen.model === model)).toBe(true);
    }
    const leftMs = performance.now();
    leave.abort();
    await request.catch(() => {});
    await upstream.whenAborted(aborted + 1);
    expect(performance.now() - leftMs).toBeLessThan(1000);

    await expect.poll(() => usageOf(model)).toMatchObject({ requests: 1 });
    const usage = await usageOf(model);
    if (isStream) {
      expect(usage?.output_tokens).toBeGreaterThanOrEqual(5);
      expect(usage?.output_tokens).toBeLessThan(400);
      expect(BigInt(usage?.cost.nano_usd ?? 0)).toBeGreaterThan(0n);
    } else {
      expect(usage?.output_tokens).toBe(0);
    }
    const { body } = await server.call(server.user('acme', 'admin'), 'GET', '/api/audit?limit=20');
    const entries = body['data'] as { event: { details?: { outcome?: string; model?: string } } }[];
    const outcomes = entries
      .filter(({ event }) => event.details?.model === model)
      .map(({ event }) => event.details?.outcome);
    expect(outcomes).toEqual(['cancelled']);
  });
});
