import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startUpstream, type Upstream } from './index.ts';

let upstream: Upstream;
let client: OpenAI;

beforeEach(async () => {
  upstream = await startUpstream();
  client = new OpenAI({ baseURL: upstream.baseUrl, apiKey: 'test-credential', maxRetries: 0, logLevel: 'off' });
});

afterEach(async () => {
  await upstream.close();
});

const ask = (content: string) => [{ role: 'user' as const, content }];

async function collect(model: string, content = 'one two three four'): Promise<string> {
  const stream = await client.chat.completions.create({ model, messages: ask(content), stream: true });
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
  return text;
}

describe('the programmable upstream, driven by the unmodified openai client', () => {
  it('echoes, as JSON and as a stream, and reports a usage that it also counts', async () => {
    const completion = await client.chat.completions.create({ model: 'test-echo', messages: ask('one two three') });
    expect(completion.choices[0]?.message.content).toBe('one two three');
    expect(completion.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 3 });
    expect(await collect('test-echo', 'one two')).toBe('one two');
    expect(upstream.tokensServed()).toEqual({ inputTokens: 5, outputTokens: 5 });
  });

  it('quotes the first sentence of passage [1] and cites it', async () => {
    const prompt = 'Question: how high?\n\n[1] The tower is 12.5 m high. It is red.\n\n[2] Another one.';
    expect(await collect('test-answer', prompt)).toBe('The tower is 12.5 m high. [1]');
    const marked = '=== x1 ===\n[1] (Towers, page 3)\nIt is red\n=== x1 ===\n\nQuestion: which colour?';
    expect(await collect('test-answer', marked)).toBe('It is red [1]');
    expect(await collect('test-answer', 'no passages')).toBe('There are no passages to answer from.');
  });

  it('obeys length, chunks and the limit of the client', async () => {
    expect(await collect('test-echo?tokens=6&chunks=2')).toBe('one two three four one two');
    const cut = await client.chat.completions.create({ model: 'test-echo', messages: ask('a b c'), max_tokens: 2 });
    expect(cut.choices[0]).toMatchObject({ message: { content: 'a b' }, finish_reason: 'length' });
  });

  it('sends the usage where the behaviour says', async () => {
    const usages = async (model: string) => {
      const stream = await client.chat.completions.create({
        model,
        messages: ask('a b'),
        stream: true,
        stream_options: { include_usage: true },
      });
      const found: number[] = [];
      for await (const chunk of stream) if (chunk.usage) found.push(chunk.choices.length);
      return found;
    };
    expect(await usages('test-echo')).toEqual([0]);
    expect(await usages('test-echo?usage=with-choices')).toEqual([1]);
    expect(await usages('test-echo?usage=none')).toEqual([]);
  });

  it('calls a tool', async () => {
    const stream = await client.chat.completions.create({
      model: 'test-echo?tool=1',
      messages: ask('a'),
      stream: true,
    });
    let argumentsText = '';
    for await (const chunk of stream) {
      argumentsText += chunk.choices[0]?.delta.tool_calls?.[0]?.function?.arguments ?? '';
    }
    expect(JSON.parse(argumentsText)).toEqual({ query: 'weather in Ålesund' });
  });

  it('survives splits inside characters, CR LF and comments', async () => {
    expect(await collect('test-echo?utf8split=1', 'Grüße 你好 🙂')).toBe('Grüße 你好 🙂');
    expect(await collect('test-echo?crlf=1', 'a b')).toBe('a b');
  });

  it('fails the first attempts only, counted for each model name', async () => {
    const model = 'test-echo?error=503&times=2&key=a';
    await expect(collect(model)).rejects.toMatchObject({ status: 503 });
    await expect(collect(model)).rejects.toMatchObject({ status: 503 });
    expect(await collect(model)).toBe('one two three four');
    await expect(collect('test-echo?error=503&times=2&key=b')).rejects.toMatchObject({ status: 503 });
  });

  it.each([
    ['error=429&retry_after=1', { status: 429 }],
    ['error=400&code=context_length_exceeded', { status: 400, code: 'context_length_exceeded' }],
    ['reset=before', { message: 'Connection error.' }],
    ['reset=headers', {}],
    ['reset=mid', {}],
    ['inband_error=1', {}],
    ['malformed=1', {}],
  ])('fails as asked: %s', async (parameters, error) => {
    await expect(collect(`test-echo?${parameters}`)).rejects.toMatchObject(error);
  });

  it('truncates a stream: half of the text, no finish reason, no [DONE]', async () => {
    const response = await fetch(`${upstream.baseUrl}/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'test-echo?truncate=1', messages: ask('one two three four'), stream: true }),
    });
    const text = await response.text();
    expect(text).toContain('two');
    expect(text).not.toContain('three');
    expect(text).not.toContain('[DONE]');
    expect(text).not.toContain('"stop"');
  });

  it.each(['hang=1', 'hang=headers', 'hang=mid', 'ttft=60000', 'gap=60000'])('sees the client go: %s', async (how) => {
    const gone = new AbortController();
    const answer = fetch(`${upstream.baseUrl}/chat/completions`, {
      method: 'POST',
      signal: gone.signal,
      body: JSON.stringify({ model: `test-echo?${how}`, messages: ask('a b'), stream: true }),
    }).then((response) => response.text());
    const failed = expect(answer).rejects.toThrow();
    await expect.poll(() => upstream.requests().length).toBe(1);
    gone.abort();
    await failed;
    await upstream.whenAborted(1);
  });

  it('embeds deterministically; the vectors of texts that share words are nearer', async () => {
    const { data } = await client.embeddings.create({
      model: 'test-embed',
      input: ['a red fox', 'a red hen', 'sea salt'],
    });
    const [fox = [], hen = [], salt = []] = data.map((entry) => entry.embedding);
    const dot = (a: number[], b: number[]) => a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
    expect(dot(fox, fox)).toBeCloseTo(1, 5);
    expect(dot(fox, hen)).toBeGreaterThan(dot(fox, salt));
    const floats = await client.embeddings.create({
      model: 'test-embed',
      input: 'a red fox',
      encoding_format: 'float',
    });
    expect(floats.data[0]?.embedding).toEqual(fox);
  });

  it('lists models, knows behaviours as models, and refuses what it cannot understand', async () => {
    const ids = (await client.models.list()).data.map((model) => model.id);
    expect(ids).toEqual(['test-echo', 'test-answer', 'test-embed']);
    expect((await client.models.retrieve('test-echo?gap=1')).id).toBe('test-echo?gap=1');
    await expect(collect('gpt-9')).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
    await expect(collect('test-echo?ttfd=1')).rejects.toMatchObject({ status: 400, code: 'invalid_behaviour' });
  });

  it('records the body as received, and of a credential only that there was one', async () => {
    await collect('test-echo');
    const [request] = upstream.requests();
    expect(request).toMatchObject({ path: '/v1/chat/completions', model: 'test-echo', stream: true, authorized: true });
    expect(JSON.parse(request?.body ?? '')).toMatchObject({ messages: ask('one two three four') });
    expect(JSON.stringify(upstream.requests())).not.toContain('test-credential');
  });
});
