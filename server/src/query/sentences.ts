/**
 * The quotable sentences of a passage, with their exact place.
 *
 * Promises: `text.slice(start, end)` of a result reads as one sentence, list item or table row of the passage, without
 * its marker; headings, questions, code and rules are never results. Headings, questions, table heads and the lead-in of a
 * list are kept as the context of what they introduce, because that is where its subject stands. Pure.
 */

/** A place in a passage, in UTF-16 code units, and what was said just before it. */
export interface Sentence {
  readonly start: number;
  readonly end: number;
  /** Heading above, question or lead-in before it, joined; empty when there is none. */
  readonly context: string;
  /** False when the passage seems to begin or end in the middle of it. */
  readonly isWhole: boolean;
}

/** Longer "sentences" are tables and listings that lost their layout; nobody wants them as a quote. */
const sentenceCharactersMax = 1_000;

/** Fewer words are a label or a scrap, not a statement. */
const sentenceWordsMin = 4;

/** A line of at most so many words without closing punctuation, standing alone above other text, is a heading. */
const headingWordsMax = 10;

type BlockKind = 'heading' | 'lead-in' | 'prose' | 'item' | 'row';

interface Block {
  readonly kind: BlockKind;
  readonly start: number;
  end: number;
  lines: number;
}

const fence = /^\s*(?:```|~~~)/;
const heading = /^\s{0,3}#{1,6}\s+/;
const underline = /^\s*(?:=+|-{3,}|\*{3,}|_{3,})\s*$/;
const tableRule = /^\s*(?:\|\s*)?:?-+:?\s*(?:\|\s*:?-*:?\s*)+$/;
const tableRow = /^\s*\|.*\|\s*$/;
const marker = /^\s*(?:[-*+•‣◦–]|\d{1,3}[.)]|\(?[a-z0-9]{1,3}\))\s+/;

/** Splits a passage into sentences in order. */
export function sentencesFromPassage(text: string): Sentence[] {
  const blocks = blocksFromText(text);
  const sentences: Sentence[] = [];
  let title = '';
  let leadIn = '';
  let wasHeading = false;
  blocks.forEach((block, place) => {
    const content = text.slice(block.start, block.end);
    if (block.kind === 'heading' || isHeadingLike(block, content, blocks[place + 1])) {
      title = wasHeading ? `${title} ${content}` : content;
      leadIn = '';
      wasHeading = true;
      return;
    }
    wasHeading = false;
    if (block.kind === 'lead-in') {
      leadIn = content;
      return;
    }
    const parts = block.kind === 'row' ? [{ start: 0, end: content.length }] : sentenceSpans(content);
    if (block.kind === 'prose') leadIn = '';
    for (const { start, end } of parts) {
      const part = content.slice(start, end);
      const isAtEdge = block.start + start === 0 || block.start + end >= text.trimEnd().length;
      const isWhole =
        block.kind !== 'prose' || !isAtEdge || (!/^\p{Ll}/u.test(part) && /[.!?…。！？]\P{L}*$/u.test(part));
      const isIntroduction = /[?:？：]\P{L}*$/u.test(part);
      if (!isIntroduction && isStatement(block.kind, part)) {
        const context = `${title} ${leadIn}`.trim();
        sentences.push({ start: block.start + start, end: block.start + end, context, isWhole });
      }
      if (block.kind === 'prose') leadIn = isIntroduction ? part : '';
    }
  });
  return sentences;
}

/** Groups lines into blocks; code and rules are left out. */
function blocksFromText(text: string): Block[] {
  const blocks: Block[] = [];
  let open: Block | undefined;
  let isInFence = false;
  const add = (kind: BlockKind, start: number, end: number): Block => {
    const block = { kind, start, end, lines: 1 };
    blocks.push(block);
    return block;
  };

  for (const match of text.matchAll(/[^\n]+/g)) {
    const line = match[0];
    const lineEnd = match.index + line.trimEnd().length;
    const contentStart = (pattern: RegExp) => match.index + (pattern.exec(line)?.[0].length ?? 0);
    const followsBlank = open !== undefined && text.slice(open.end, match.index).split('\n').length > 2;
    if (fence.test(line)) {
      isInFence = !isInFence;
      open = undefined;
    } else if (isInFence || line.trim() === '') {
      if (isInFence) open = undefined;
    } else if (tableRule.test(line)) {
      const head = blocks.at(-1);
      if (head?.kind === 'row') blocks.splice(-1, 1, { ...head, kind: 'lead-in' });
      open = undefined;
    } else if (underline.test(line)) {
      if (open?.kind === 'prose' && open.lines === 1 && !followsBlank)
        blocks.splice(-1, 1, { ...open, kind: 'heading' });
      open = undefined;
    } else if (heading.test(line)) {
      add('heading', contentStart(heading), lineEnd);
      open = undefined;
    } else if (tableRow.test(line)) {
      const start = contentStart(/^\s*\|\s*/);
      add('row', start, Math.max(start, match.index + line.replace(/\s*\|\s*$/, '').length));
      open = undefined;
    } else if (marker.test(line)) {
      open = add('item', contentStart(marker), lineEnd);
    } else if (open === undefined || followsBlank) {
      open = add('prose', contentStart(/^\s*(?:>\s*)*/), lineEnd);
    } else {
      open.end = lineEnd;
      open.lines += 1;
    }
  }
  return blocks;
}

/** Whether a part says something by itself. A table row does when it pairs two cells. */
function isStatement(kind: BlockKind, part: string): boolean {
  if (part.length > sentenceCharactersMax) return false;
  if (kind === 'row') return part.split('|').filter((cell) => cell.trim() !== '').length >= 2;
  let words = 0;
  for (const { isWordLike } of wordSegmenter.segment(part)) words += isWordLike ? 1 : 0;
  return words >= sentenceWordsMin;
}

function isHeadingLike(block: Block, content: string, next: Block | undefined): boolean {
  return (
    block.kind === 'prose' &&
    block.lines === 1 &&
    next !== undefined &&
    !/[.!?:;,…。！？]\P{L}*$/u.test(content) &&
    content.split(/\s+/).length <= headingWordsMax
  );
}

const wordSegmenter = new Intl.Segmenter('en', { granularity: 'word' });
const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

/** Abbreviations after which a sentence goes on. Those that also end sentences (etc., Inc., a.m.) are left to what follows. */
const titleEnd =
  /(?:^|[\s(])(?:Dr|Mr|Mrs|Ms|Prof|St|Mt|Gen|Col|Lt|Sgt|Capt|Rev|Hon|Sen|Rep|Gov|vs|cf|e\.g|i\.e|viz|approx|incl|\p{Lu}|al)\.\s*$/u;
/** Abbreviations that go on only before a number: "no. 5" but "The answer is no." */
const numberLeadEnd =
  /(?:^|[\s(])(?:no|nos|fig|figs|sec|eq|ch|vol|pp?|art|para|ca|c|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\.\s*$/i;

/** The sentences of one block. The standard segmenter breaks after every line and most abbreviations; this undoes it. */
function sentenceSpans(content: string): { start: number; end: number }[] {
  const spans: { start: number; end: number }[] = [];
  // Line breaks and footnote marks hide the ends of sentences; blanks of the same length keep the offsets true.
  const flat = content.replace(/\s|\[\d{1,3}\]/g, (hidden) => ' '.repeat(hidden.length));
  let start = 0;
  for (const { segment, index } of segmenter.segment(flat)) {
    const end = index + segment.length;
    const sentence = flat.slice(start, end);
    const rest = flat.slice(end);
    const goesOn =
      /^\p{Ll}/u.test(rest) ||
      !/\p{L}/u.test(sentence) ||
      titleEnd.test(sentence) ||
      (numberLeadEnd.test(sentence) && /^\p{N}/u.test(rest));
    if (goesOn && rest !== '') continue;
    const trimmed = sentence.trim();
    if (trimmed !== '')
      spans.push({ start: start + sentence.indexOf(trimmed), end: start + sentence.trimEnd().length });
    start = end;
  }
  return spans;
}
