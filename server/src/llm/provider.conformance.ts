/** What every `LlmProvider` must do. Each implementation runs it against a server on the loopback that fails on demand. */

import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerateEvent, GenerateRequest, LlmProvider, Usage } from './provider.ts';

/** The situations that a fixture must bring about, each by the name of a model. */
export const scenarios = {
  answers: 'repeats the prompt word by word and reports the usage',
  reportsNoUsage: 'the same without a usage',
  neverEnds: 'sends two words, then nothing more',
  neverBegins: 'sends nothing',
  truncates: 'sends two words and ends as if that were all',
  breaks: 'sends two words and breaks the connection',
  failsInBand: 'sends two words and reports an error',
  recovers: 'is unavailable at the first attempt and answers the second',
  isDown: 'is unavailable at every attempt',
  limits: 'refuses because of a rate limit and asks to wait 60 s',
  refusesCredential: 'refuses the credential',
  isTooShort: 'refuses because the prompt is too long',
  isUnknown: 'does not exist',
} as const;

/** A running provider and its upstream. */
export interface ProviderFixture {
  readonly provider: LlmProvider;
  readonly credential: string;
  readonly models: Readonly<Record<keyof typeof scenarios, string>>;
  /** The usage that the upstream reports for the prompt `one two three four`. */
  readonly usage: { readonly inputTokens: number; readonly outputTokens: number };
  /** Number of calls to a model that the upstream has seen. */
  calls(model: string): number;
  /** Resolves once the upstream has seen so many of its callers go before the end. */
  whenAborted(count: number): Promise<void>;
  close(): Promise<void>;
}

/** Registers the suite for one implementation. */
export function describeProvider(name: string, start: () => Promise<ProviderFixture>): void {
  describe(`${name} is an LlmProvider`, () => {
    let fixture: ProviderFixture;
    let aborted = 0;

    beforeAll(async () => {
      fixture = await start();
    });

    afterAll(async () => {
      await fixture.provider.close();
      await fixture.close();
    });

    function generate(scenario: keyof typeof scenarios, signal = new AbortController().signal) {
      const request: GenerateRequest = {
        model: fixture.models[scenario],
        messages: [{ role: 'user', content: 'one two three four' }],
        outputTokensMax: 100,
      };
      const usages: Usage[] = [];
      const options = {
        signal,
        requestId: 'r-1',
        log: pino({ level: 'silent' }),
        onUsage: (usage: Usage) => usages.push(usage),
      };
      return { events: fixture.provider.generate(request, options), usages };
    }

    async function run(scenario: keyof typeof scenarios) {
      const { events, usages } = generate(scenario);
      const seen: GenerateEvent[] = [];
      let error: unknown;
      try {
        for await (const event of events) seen.push(event);
      } catch (caught) {
        error = caught;
      }
      const text = seen.map((event) => (event.type === 'text' ? event.text : '')).join('');
      return { seen, text, usages, error };
    }

    it('yields the text in order and one finish at the end, with the usage that the provider reports', async () => {
      const { seen, text, usages, error } = await run('answers');
      const usage = { ...fixture.usage, source: 'provider' };
      expect(error).toBeUndefined();
      expect(text).toBe('one two three four');
      expect(seen.filter((event) => event.type === 'finish')).toHaveLength(1);
      expect(seen.at(-1)).toEqual({ type: 'finish', reason: 'stop', model: expect.any(String), usage });
      expect(usages).toEqual([usage]);
    });

    it('counts the tokens itself, and says so, when the provider does not', async () => {
      const { seen, usages } = await run('reportsNoUsage');
      const usage = { inputTokens: expect.any(Number), outputTokens: 4, source: 'counted' };
      expect(seen.at(-1)).toMatchObject({ type: 'finish', usage });
      expect(usages).toEqual([usage]);
    });

    it.each(['truncates', 'breaks', 'failsInBand'] as const)(
      'throws, after what was produced, when the upstream %s; reports that much usage; does not try again',
      async (scenario) => {
        const { seen, text, usages, error } = await run(scenario);
        expect(error).toMatchObject({ name: 'AppError', code: 'upstream_unavailable' });
        expect(text).toBe('one two');
        expect(seen.every((event) => event.type === 'text')).toBe(true);
        expect(usages).toEqual([{ inputTokens: expect.any(Number), outputTokens: 2, source: 'counted' }]);
        expect(fixture.calls(fixture.models[scenario])).toBe(1);
      },
    );

    it('tries again while nothing has arrived, and then answers once', async () => {
      const { text, usages, error } = await run('recovers');
      expect(error).toBeUndefined();
      expect(text).toBe('one two three four');
      expect(usages).toHaveLength(1);
      expect(fixture.calls(fixture.models.recovers)).toBe(2);
    });

    it.each([
      ['isDown', { code: 'upstream_unavailable' }, 3],
      ['limits', { code: 'upstream_rate_limited', retryAfterMs: 60_000 }, 1],
      ['refusesCredential', { code: 'upstream_rejected' }, 1],
      ['isTooShort', { code: 'context_length_exceeded' }, 1],
      ['isUnknown', { code: 'model_not_found' }, 1],
    ] as const)(
      'translates the failure when the upstream %s, reports no usage, tries as often as it helps',
      async (scenario, expected, calls) => {
        const { seen, usages, error } = await run(scenario);
        expect(error).toMatchObject({ name: 'AppError', ...expected });
        expect(seen).toEqual([]);
        expect(usages).toEqual([]);
        expect(fixture.calls(fixture.models[scenario])).toBe(calls);
      },
    );

    it('never shows the credential in an error', async () => {
      const { error } = await run('refusesCredential');
      expect(JSON.stringify([error, String(error), String((error as Error).cause)])).not.toContain(fixture.credential);
    });

    it('ends the upstream call as soon as the signal aborts midway, and reports what was produced', async () => {
      const controller = new AbortController();
      const { events, usages } = generate('neverEnds', controller.signal);
      let text = '';
      const reading = async () => {
        for await (const event of events) {
          if (event.type === 'text') text += event.text;
          if (text === 'one two') controller.abort();
        }
      };
      await expect(reading()).rejects.toMatchObject({ code: 'request_cancelled' });
      aborted += 1;
      await fixture.whenAborted(aborted);
      expect(usages).toEqual([{ inputTokens: expect.any(Number), outputTokens: 2, source: 'counted' }]);
    });

    it('ends the upstream call as soon as the signal aborts before the first byte', async () => {
      const controller = new AbortController();
      const { events, usages } = generate('neverBegins', controller.signal);
      const reading = Array.fromAsync(events);
      const failed = expect(reading).rejects.toMatchObject({ code: 'request_cancelled' });
      await expect.poll(() => fixture.calls(fixture.models.neverBegins)).toBe(1);
      controller.abort();
      await failed;
      aborted += 1;
      await fixture.whenAborted(aborted);
      expect(usages).toEqual([]);
    });

    it('ends the upstream call when the caller leaves the loop, and reports what was produced', async () => {
      const { events, usages } = generate('neverEnds');
      for await (const event of events) if (event.type === 'text') break;
      aborted += 1;
      await fixture.whenAborted(aborted);
      expect(usages).toEqual([{ inputTokens: expect.any(Number), outputTokens: 1, source: 'counted' }]);
    });

    it('does not call the upstream for a signal that has aborted', async () => {
      const calls = fixture.calls(fixture.models.answers);
      const { events } = generate('answers', AbortSignal.abort());
      await expect(Array.fromAsync(events)).rejects.toMatchObject({ code: 'request_cancelled' });
      expect(fixture.calls(fixture.models.answers)).toBe(calls);
    });

    it('checks that it can be reached', async () => {
      await expect(fixture.provider.check(AbortSignal.timeout(5000))).resolves.toBeUndefined();
    });
  });
}
