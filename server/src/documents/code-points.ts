/**
 * Positions in text: JavaScript counts UTF-16 units, everything this platform stores or shows counts Unicode code points.
 *
 * Promises exact translation both ways in time linear in the distance from the previous question, so that any walk which
 * mostly moves forward is linear in the text. Must never be asked about another text than the one it was made for.
 */

/** Translates positions of one text. */
export interface CodePointIndex {
  /** How many code points stand before UTF-16 index `index` (0 to `text.length`); inside a pair, before that pair. */
  codePointAt(index: number): number;
  /** The UTF-16 index where code point `codePoint` (0 to their number) begins. */
  indexAt(codePoint: number): number;
}

const identity: CodePointIndex = { codePointAt: (index) => index, indexAt: (codePoint) => codePoint };

/** A cursor over `text` that remembers where it was asked last. */
export function createCodePointIndex(text: string): CodePointIndex {
  if (!/[\uD800-\uDBFF]/.test(text)) return identity;
  let index = 0;
  let codePoint = 0;
  const isPairAt = (at: number): boolean => (text.codePointAt(at) ?? 0) > 0xffff;
  const forward = (): void => {
    index += isPairAt(index) ? 2 : 1;
    codePoint += 1;
  };
  const backward = (): void => {
    index -= index >= 2 && isPairAt(index - 2) ? 2 : 1;
    codePoint -= 1;
  };
  return {
    codePointAt(target) {
      while (index < target) forward();
      while (index > target) backward();
      return codePoint;
    },
    indexAt(target) {
      while (codePoint < target) forward();
      while (codePoint > target) backward();
      return index;
    },
  };
}

/** The number of code points in `text`. */
export function codePointCount(text: string): number {
  return createCodePointIndex(text).codePointAt(text.length);
}
