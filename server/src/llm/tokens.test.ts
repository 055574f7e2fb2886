import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { countTokens as countWhole } from 'gpt-tokenizer/encoding/o200k_base';
import { describe, expect, it } from 'vitest';
import { countChatTokens, countTokens } from './tokens.ts';

const prose = [
  'The scheduler grants a slot to the tenant that has been served least for its share, then charges the cost at once.',
  'Übergrößenträger fahren 1 234,56 km weit; 你好，世界 — and the emoji 👩🏽‍🚀 is one picture of four code points.',
  'const total = rows.reduce((sum, row) => sum + row.cost_nanodollars, 0n); // never a float\n\n\n',
].join(' ');

describe('countTokens', () => {
  it.each([
    ['', 0],
    ['hello world', 2],
    ['<|endoftext|>', 7],
  ])('counts %j as %d tokens', (text, tokens) => {
    expect(countTokens(text)).toBe(tokens);
  });

  it('agrees with the whole-text count on ordinary text, wherever the pieces are cut', () => {
    const long = prose.repeat(80);
    for (let length = 500; length < 30_000; length += 1377) {
      const text = long.slice(length % 17, length);
      expect(countTokens(text)).toBe(countWhole(text));
    }
  });

  it('never throws, and never counts more tokens than UTF-8 bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), (text) => {
        const tokens = countTokens(text);
        expect(tokens).toBeLessThanOrEqual(Buffer.byteLength(text));
        expect(tokens > 0).toBe(text.length > 0);
      }),
    );
  });

  it.each(['🙂', '𝒳', '𠀀'])('does not part the surrogate pair of %s', (character) => {
    const text = `x${character.repeat(2000)}`;
    expect(countTokens(text)).toBe(countWhole(text));
  });

  it('estimates very long text within 5 %', () => {
    const text = prose.repeat(400);
    expect(text.length).toBeGreaterThan(100_000);
    expect(Math.abs(countTokens(text) / countWhole(text) - 1)).toBeLessThan(0.05);
  });

  it.each([
    ['a single letter', 'a'.repeat(5_000_000)],
    ['emoji', '🙂'.repeat(2_500_000)],
    ['words', 'word '.repeat(1_000_000)],
    ['random base64', randomBytes(2_000_000).toString('base64')],
  ])('takes bounded time for megabytes of %s', (_, text) => {
    const startedMs = performance.now();
    expect(countTokens(text)).toBeGreaterThan(100_000);
    expect(performance.now() - startedMs).toBeLessThan(2000);
  });
});

describe('countChatTokens', () => {
  it('frames messages as the OpenAI cookbook says', () => {
    const messages = [
      { role: 'system', content: 'Answer briefly.' },
      { role: 'user', name: 'ada', content: 'hello world' },
    ];
    const words = countTokens('Answer briefly.') + 2 + countTokens('ada');
    expect(countChatTokens(messages)).toBe(words + 2 /* roles */ + 2 * 3 + 1 /* name */ + 3);
  });

  it('counts text parts as text, other parts as an image, and tools as JSON', () => {
    const text = countChatTokens([{ role: 'user', content: [{ type: 'text', text: 'hello world' }] }]);
    expect(text).toBe(countChatTokens([{ role: 'user', content: 'hello world' }]));
    const image = { type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(100_000)}` } };
    expect(countChatTokens([{ role: 'user', content: [image] }])).toBe(3 + 3 + 1 + 1105);
    expect(countChatTokens([{ role: 'user', content: 'x' }], [{ type: 'function' }])).toBeGreaterThan(
      countChatTokens([{ role: 'user', content: 'x' }]),
    );
  });

  it('accepts what clients send in place of content', () => {
    expect(
      countChatTokens([{ role: 'assistant', content: null }, { role: 'tool' }, { role: 'user', content: [null] }]),
    ).toBe(3 + 3 * 3 + 3 + 1105);
  });

  it('takes bounded time for many long messages', () => {
    const messages = Array.from({ length: 150 }, () => ({
      role: 'user',
      content: randomBytes(15_000).toString('base64'),
    }));
    const startedMs = performance.now();
    expect(countChatTokens(messages)).toBeGreaterThan(100_000);
    expect(performance.now() - startedMs).toBeLessThan(2000);
  });
});
