/** Where a text may be cut without hurting it: empty lines, ends of sentences, of lines, of words, and between characters. */

/** Where a passage may end, in UTF-16 units from the beginning of the text. */
export interface BorderRange {
  /** Where the passage begins. */
  readonly start: number;
  /** No border before this counts. */
  readonly earliest: number;
  /** The first border from here on is best, else the last one before. */
  readonly goal: number;
  /** No border after this counts; one is cut here if there is none. */
  readonly limit: number;
}

/** Lists borders of a stretch of text in ascending order; none at its beginning. */
type Borders = (window: string) => Iterable<number>;

const sentenceSegmenter = new Intl.Segmenter('und', { granularity: 'sentence' });

const emptyLines: Borders = (window) => matchEnds(window, /\n[^\S\n]*\n\s*/g);
const lines: Borders = (window) => matchEnds(window, /\n\s*/g);
const words: Borders = (window) => matchEnds(window, /\s+/g);

function* matchEnds(window: string, pattern: RegExp): Generator<number> {
  for (const match of window.matchAll(pattern)) yield match.index + match[0].length;
}

/** A line break is no end of a sentence: PDF and e-mail break lines anywhere. */
function* sentences(window: string): Generator<number> {
  for (const { index } of sentenceSegmenter.segment(window.replace(/[\r\n]/g, ' '))) if (index > 0) yield index;
}

/** The best place to end a passage: the strongest kind of border that there is within the range. */
export function borderWithin(text: string, { start, earliest, goal, limit }: BorderRange): number {
  const window = text.slice(start, limit);
  for (const borders of [emptyLines, sentences, lines, words]) {
    let best: number | undefined;
    for (const border of borders(window)) {
      if (start + border < earliest) continue;
      best = start + border;
      if (best >= goal) break;
    }
    if (best !== undefined) return best;
  }
  return betweenCharacters(text, limit);
}

/**
 * Where the successor of a passage that ended at `end` begins when it may repeat the text from `from` on: with a sentence,
 * else with a word, else in between; at `otherwise` when there is nothing to repeat.
 */
export function overlapStart(text: string, range: { from: number; end: number; otherwise: number }): number {
  const from = skipSpace(text, betweenCharacters(text, range.from), range.end);
  if (from >= range.end) return range.otherwise;
  const window = text.slice(from, range.end);
  for (const borders of [sentences, words]) {
    for (const border of borders(window)) {
      const start = skipSpace(text, from + border, range.end);
      if (start < range.end) return start;
    }
  }
  return from;
}

/** The first index from `from` on that is not white space, at most `end`. */
export function skipSpace(text: string, from: number, end: number): number {
  const visible = /\S/g;
  visible.lastIndex = from;
  return Math.min(visible.exec(text)?.index ?? end, end);
}

/** The index behind the last character before `end` that is not white space, at least `start`. */
export function skipSpaceBack(text: string, start: number, end: number): number {
  return start + text.slice(start, end).trimEnd().length;
}

/** Moves an index that would divide a character of two UTF-16 units behind it. */
function betweenCharacters(text: string, index: number): number {
  const isDivided = index > 0 && (text.codePointAt(index - 1) ?? 0) > 0xffff;
  return isDivided ? index + 1 : index;
}
