import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testEgress } from '../../../test/support/egress.ts';
import { startUpstream, type Upstream } from '../../../test/support/upstream/index.ts';
import { createOpenAiUpstream, type OpenAiUpstreamOptions } from '../openai-upstream.ts';
import { describeProvider } from '../provider.conformance.ts';
import type { LlmProvider } from '../provider.ts';
import { createOpenAiCompatibleProvider } from './openai-compatible.ts';

const apiKey = 'test-credential-0123456789';

function optionsFor(upstream: Upstream): OpenAiUpstreamOptions {
  return {
    baseUrl: upstream.baseUrl,
    egress: testEgress(),
    apiKey,
    connectionsMax: 10,
    connectTimeoutMs: 5000,
    firstByteTimeoutMs: 5000,
    idleTimeoutMs: 5000,
    responseBytesMax: 1_000_000,
    attemptsMax: 3,
    random: () => 0,
  };
}

describeProvider('openai-compatible', async () => {
  const upstream = await startUpstream();
  return {
    provider: createOpenAiCompatibleProvider(createOpenAiUpstream(optionsFor(upstream))),
    credential: apiKey,
    models: {
      answers: 'test-echo',
      reportsNoUsage: 'test-echo?usage=none',
      neverEnds: 'test-echo?hang=mid',
      neverBegins: 'test-echo?hang=1',
      truncates: 'test-echo?truncate=1',
      breaks: 'test-echo?reset=mid',
      failsInBand: 'test-echo?inband_error=1',
      recovers: 'test-echo?reset=headers&times=1',
      isDown: 'test-echo?error=503',
      limits: 'test-echo?error=429&retry_after=60',
      refusesCredential: 'test-echo?error=401',
      isTooShort: 'test-echo?error=400&code=context_length_exceeded',
      isUnknown: 'no-such-model',
    },
    usage: { inputTokens: 4, outputTokens: 4 },
    calls: (model) => upstream.requests().filter((request) => request.model === model).length,
    whenAborted: (count) => upstream.whenAborted(count),
    close: () => upstream.close(),
  };
});

describe('createOpenAiCompatibleProvider', () => {
  let upstream: Upstream;
  let provider: LlmProvider;
  const options = { signal: new AbortController().signal, requestId: 'r-7', log: pino({ level: 'silent' }) };
  const messages = [{ role: 'user' as const, content: 'a b c' }];

  beforeAll(async () => {
    upstream = await startUpstream();
    provider = createOpenAiCompatibleProvider(createOpenAiUpstream(optionsFor(upstream)));
  });

  afterAll(async () => {
    await provider.close();
    await upstream.close();
  });

  it('asks for a stream with its usage, and passes the limit, the temperature and the request id on', async () => {
    const request = { model: 'test-echo', messages, outputTokensMax: 2, temperature: 0.5 };
    const events = await Array.fromAsync(provider.generate(request, options));
    expect(events.at(-1)).toMatchObject({ reason: 'length', model: 'test-echo', usage: { outputTokens: 2 } });
    const sent = upstream.requests().at(-1);
    expect(sent).toMatchObject({ requestId: 'r-7', authorized: true });
    expect(JSON.parse(sent?.body ?? '')).toEqual({
      model: 'test-echo',
      messages,
      max_tokens: 2,
      temperature: 0.5,
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  it('names the limit as the endpoint wants it', async () => {
    const reasoning = createOpenAiCompatibleProvider(createOpenAiUpstream(optionsFor(upstream)), {
      outputLimitName: 'max_completion_tokens',
    });
    await Array.fromAsync(reasoning.generate({ model: 'test-echo', messages, outputTokensMax: 2 }, options));
    expect(JSON.parse(upstream.requests().at(-1)?.body ?? '')).toMatchObject({ max_completion_tokens: 2 });
    await reasoning.close();
  });

  it('does not blame the client for a request that was ours', async () => {
    const request = { model: 'test-echo?error=400', messages, outputTokensMax: 2 };
    await expect(Array.fromAsync(provider.generate(request, options))).rejects.toMatchObject({
      code: 'upstream_rejected',
      detail: 'The model endpoint says: This is the wanted error 400.',
    });
  });

  it.each(['usage=with-choices', 'crlf=1', 'utf8split=1', 'chunks=1'])(
    'reads every dialect of the wire: %s',
    async (how) => {
      const request = {
        model: `test-echo?${how}`,
        messages: [{ role: 'user' as const, content: 'Grüße 你好 🙂' }],
        outputTokensMax: 9,
      };
      const events = await Array.fromAsync(provider.generate(request, options));
      expect(events.map((event) => (event.type === 'text' ? event.text : '')).join('')).toBe('Grüße 你好 🙂');
      expect(events.at(-1)).toMatchObject({ usage: { inputTokens: 3, outputTokens: 3, source: 'provider' } });
    },
  );

  it('fails the check when the endpoint is gone', async () => {
    const other = await startUpstream();
    const orphan = createOpenAiCompatibleProvider(createOpenAiUpstream(optionsFor(other)));
    await other.close();
    await expect(orphan.check(AbortSignal.timeout(5000))).rejects.toMatchObject({ code: 'upstream_unavailable' });
    await orphan.close();
  });
});
