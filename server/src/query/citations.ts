/**
 * Finds the words of the documents that an answer rests on. Pure.
 *
 * A citation quotes one sentence of a passage, with its exact place in the document. Offsets are Unicode code points.
 */

import type { Classification } from '../context.ts';
import { sentencesFromPassage } from './sentences.ts';
import { termsFromText } from './terms.ts';

/** A passage that was found for a question. */
export interface Passage {
  readonly documentId: string;
  readonly title: string;
  readonly page: number | null;
  /** Where the text stands in the document, in code points. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** 0 to 1. */
  readonly score: number;
  /** Cosine between question and passage; absent for a passage without a vector. */
  readonly similarity?: number | undefined;
  readonly classification: Classification;
}

/** Words of a document that support an answer. */
export interface Citation {
  readonly documentId: string;
  readonly title: string;
  readonly page: number | null;
  /** The quote is the text of the document from `start` to `end`, in code points. */
  readonly start: number;
  readonly end: number;
  readonly quote: string;
  readonly score: number;
  readonly classification: Classification;
}

/** Cites the part of a passage between two UTF-16 offsets. */
export function citationAt(passage: Passage, start: number, end: number): Citation {
  const before = codePoints(passage.text.slice(0, start));
  const quote = passage.text.slice(start, end);
  const { documentId, title, page, score, classification } = passage;
  const first = passage.start + before;
  return { documentId, title, page, start: first, end: first + codePoints(quote), quote, score, classification };
}

/** Share of a statement's words that a sentence must hold to be quoted for it when the answer cites no passage. */
const overlapMin = 0.5;

/**
 * The citations of a generated answer. A statement that cites passages by number gets the best matching sentence of each;
 * one that cites none gets the best sentence of any passage, if it shares enough words. Duplicates are left out.
 */
export function citationsOf(answer: string, passages: readonly Passage[]): Citation[] {
  const candidates = passages.map((passage) => sentencesOf(passage));
  const found = new Map<string, Citation>();
  for (const statement of statementsOf(answer)) {
    const words = new Set(termsFromText(statement.text));
    const cited = statement.numbers.filter((number) => number >= 1 && number <= passages.length);
    const best =
      cited.length > 0
        ? cited.map((number) => bestOf(candidates[number - 1] ?? [], words))
        : [bestOf(candidates.flat(), words)].filter((match) => match !== undefined && match.overlap >= overlapMin);
    for (const match of best) {
      if (match === undefined) continue;
      const citation = citationAt(match.passage, match.start, match.end);
      found.set(`${citation.documentId} ${citation.start} ${citation.end}`, citation);
    }
  }
  return [...found.values()];
}

interface Statement {
  readonly text: string;
  readonly numbers: readonly number[];
}

interface Candidate {
  readonly passage: Passage;
  readonly start: number;
  readonly end: number;
  readonly words: ReadonlySet<string>;
}

const marker = /\[(\d{1,3})\]/g;

/** Splits an answer into statements; markers behind a full stop belong to the statement before it. */
function statementsOf(answer: string): Statement[] {
  const pieces = answer.split(/(?<=[.!?。！？](?:\s*\[\d{1,3}\])*)(?!\s*\[\d{1,3}\])\s+|\n+/);
  return pieces
    .map((piece) => ({
      text: piece.replace(marker, ' '),
      numbers: [...piece.matchAll(marker)].map(([, digits]) => Number(digits)),
    }))
    .filter(({ text, numbers }) => text.trim() !== '' || numbers.length > 0);
}

function sentencesOf(passage: Passage): Candidate[] {
  const sentences = sentencesFromPassage(passage.text);
  const spans = sentences.length > 0 ? sentences : [{ start: 0, end: passage.text.length }];
  return spans.map(({ start, end }) => ({
    passage,
    start,
    end,
    words: new Set(termsFromText(passage.text.slice(start, end))),
  }));
}

function bestOf(
  candidates: readonly Candidate[],
  words: ReadonlySet<string>,
): (Candidate & { overlap: number }) | undefined {
  let best: (Candidate & { overlap: number }) | undefined;
  for (const candidate of candidates) {
    const overlap = words.size === 0 ? 0 : [...words].filter((word) => candidate.words.has(word)).length / words.size;
    if (best === undefined || overlap > best.overlap) best = { ...candidate, overlap };
  }
  return best;
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
