/**
 * Cuts a document into passages: the units that are embedded, found and quoted.
 *
 * Promises that every character that is not white space lies in at least one passage, that each passage is exactly the
 * slice of the text that its offsets say, that none crosses a page or is longer than allowed, and that the time taken is
 * linear in the text whatever it looks like (one line of 10 MB included).
 */
import { borderWithin, overlapStart, skipSpace, skipSpaceBack } from './chunk-borders.ts';
import { createCodePointIndex } from './code-points.ts';
import type { Heading, ParsedDocument } from './parsers/parser.ts';

/** A passage; `document.text` from `start` to `end`, counted in code points. */
export interface Chunk {
  /** Position among the passages of the document, from 0. */
  readonly index: number;
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** The page it stands on; null when the document has no pages. */
  readonly page: number | null;
  /** Titles of the headings that its beginning stands under, outermost first. */
  readonly headingPath: readonly string[];
}

/** Sizes in characters; text outside the Basic Multilingual Plane counts double. */
export interface ChunkOptions {
  /** A passage of this size is closed at the next good border. */
  readonly charactersTarget: number;
  /** At least the target. */
  readonly charactersMax: number;
  /** How much of its predecessor a passage may repeat when it goes on in the same section; at most half the target. */
  readonly overlapCharacters: number;
}

/** A stretch of text in UTF-16 units. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** The passages of a document in order. Throws RangeError when the options contradict each other. */
export function chunkDocument(document: ParsedDocument, options: ChunkOptions): Chunk[] {
  assertOptions(options);
  const { text, pages, headings } = document;
  const positions = createCodePointIndex(text);
  const regions =
    pages.length > 0
      ? pages.map((page) => ({
          page: page.number,
          start: positions.indexAt(page.start),
          end: positions.indexAt(page.end),
        }))
      : [{ page: null, start: 0, end: text.length }];
  const nextSection = createNextSection(headings.map((heading) => positions.indexAt(heading.start)));
  const headingPathAt = createHeadingPath(headings);
  const chunks: Chunk[] = [];
  for (const region of regions) {
    for (const span of passagesOf(text, region, nextSection, options)) {
      const start = positions.codePointAt(span.start);
      chunks.push({
        index: chunks.length,
        text: text.slice(span.start, span.end),
        start,
        end: positions.codePointAt(span.end),
        page: region.page,
        headingPath: headingPathAt(start),
      });
    }
  }
  return chunks;
}

function assertOptions({ charactersTarget, charactersMax, overlapCharacters }: ChunkOptions): void {
  const areWhole = [charactersTarget, charactersMax, overlapCharacters].every(Number.isInteger);
  if (
    areWhole &&
    charactersTarget >= 1 &&
    charactersMax >= charactersTarget &&
    overlapCharacters >= 0 &&
    overlapCharacters * 2 <= charactersTarget
  )
    return;
  throw new RangeError(
    'Passages need 1 <= charactersTarget <= charactersMax and 0 <= overlapCharacters <= charactersTarget / 2.',
  );
}

/** Gives the titles above a position; positions must ascend. */
function createHeadingPath(headings: readonly Heading[]): (start: number) => readonly string[] {
  const above: Heading[] = [];
  let next = 0;
  return (start) => {
    for (let heading = headings[next]; heading && heading.start <= start; heading = headings[next]) {
      while ((above.at(-1)?.level ?? 0) >= heading.level) above.pop();
      above.push(heading);
      next += 1;
    }
    return above.map(({ title }) => title);
  };
}

/** The first heading at or behind an index. */
type NextSection = (from: number) => number;

/** Positions must ascend. */
function createNextSection(sections: readonly number[]): NextSection {
  let next = 0;
  return (from) => {
    while ((sections[next] ?? Number.POSITIVE_INFINITY) < from) next += 1;
    return sections[next] ?? Number.POSITIVE_INFINITY;
  };
}

/** Walks through one region; a section is what stands between headings. */
function* passagesOf(text: string, region: Span, nextSection: NextSection, options: ChunkOptions): Generator<Span> {
  const { charactersTarget: target, charactersMax: max, overlapCharacters: overlap } = options;
  let start = skipSpace(text, region.start, region.end);
  // Everything visible before this is in a passage.
  let covered = start;
  let isSectionStart = true;
  while (covered < region.end) {
    // Short sections are joined to the next, but the rest of a long one is not: it would stand under the wrong heading.
    const sectionFrom = isSectionStart ? start + Math.ceil(target / 4) : covered + 1;
    const sectionEnd = Math.min(nextSection(Math.min(sectionFrom, region.end)), region.end);
    const limit = start + max;
    // Both keep the walk moving, so that each character is looked at a bounded number of times.
    const earliest = Math.max(covered + Math.ceil((target - overlap) / 2), start + overlap + 1);
    const endsSection = sectionEnd <= limit;
    const end = endsSection ? sectionEnd : borderWithin(text, { start, earliest, goal: start + target, limit });
    yield { start, end: skipSpaceBack(text, start, end) };
    covered = skipSpace(text, end, region.end);
    isSectionStart = endsSection || nextSection(end) <= covered;
    start = isSectionStart ? covered : overlapStart(text, { from: covered - overlap, end, otherwise: covered });
  }
}
