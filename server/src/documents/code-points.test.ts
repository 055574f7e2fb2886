import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codePointCount, createCodePointIndex } from './code-points.ts';

const texts = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.array(fc.constantFrom('a', '😀', '\ud83d', '\ude00', '漢'), { maxLength: 40 }).map((parts) => parts.join('')),
);

describe('createCodePointIndex', () => {
  it('translates like counting from the start does, whatever is asked in whatever order', () => {
    fc.assert(
      fc.property(texts, fc.array(fc.nat(60), { maxLength: 20 }), (text, questions) => {
        const characters = Array.from(text);
        const starts = characters.map((_, at) => characters.slice(0, at).join('').length).concat(text.length);
        const index = createCodePointIndex(text);
        for (const question of questions) {
          const at = question % (text.length + 1);
          const inside = starts.filter((start) => start <= at).length - 1;
          expect(index.codePointAt(at)).toBe(inside);
          expect(index.indexAt(inside)).toBe(starts[inside]);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('takes linear time over 10 MB of emoji when asked at every 100th position', { timeout: 10_000 }, () => {
    const text = '😀'.repeat(2_500_000);
    const index = createCodePointIndex(text);
    for (let at = 0; at <= text.length; at += 100) expect(index.codePointAt(at)).toBe(at / 2);
  });
});

describe('codePointCount', () => {
  it('counts a pair once and a half of one once', () => {
    expect(codePointCount('a😀\ud83d')).toBe(3);
  });
});
