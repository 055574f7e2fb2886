/**
 * Answers a question with sentences of the passages, word for word. Pure: no model, no clock, no I/O.
 *
 * Promises: every result is `passage.text.slice(start, end)` of one whole sentence; the best come back in the order of
 * the passages; nothing comes back when nothing is relevant enough. 5 passages of 800 characters take some 2 ms.
 *
 * The score of a sentence is the mean of two numbers between 0 and 1, damped by the rank of its passage: how much of the
 * question's words it covers, and how similar its passage is to the question. Weights and thresholds were fitted on one
 * half of ClapNQ dev and measured on the other; `node server/bench/extract-eval.ts FOLDER` prints the table.
 * Embedding every sentence as well was tried and left out: at most 0.01 more token-F1 for 140 ms more per question.
 */

import { type Sentence, sentencesFromPassage } from './sentences.ts';
import { termsFromText } from './terms.ts';

/** A passage to quote from; passages come best first. */
export interface ExtractPassage {
  readonly text: string;
  /** Title of its document: a word of the question that stands only there counts half. */
  readonly title: string;
  /** Cosine between question and passage under `use-lite@1`; absent for a passage without a vector or another embedder. */
  readonly similarity?: number | undefined;
}

/** A sentence to quote. */
export interface ExtractedSentence {
  /** Index of the passage. */
  readonly passage: number;
  /** UTF-16 offsets in the text of the passage. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** 0 to 1; comparable between questions. */
  readonly score: number;
}

const sentencesMax = 3;
/** Below it a sentence is not relevant: keeps 90 % of the answerable questions of the fitting half. */
const scoreMin = 0.4;
/** A further sentence must come this near to the best one. */
const scoreOfBestMin = 0.8;
/** What a word of the question counts that stands not in the sentence but in the heading, question or lead-in above it. */
const contextWeight = 0.75;
/** What it counts when it stands only elsewhere in the passage or in the title. */
const surroundingWeight = 0.5;
/** Stands in for a similarity that is not known; the average of passages that answer. */
const similarityAssumed = 0.55;
/** The fifth passage still counts two thirds: retrieval is right about the passage more often than about the order. */
const rankExponent = -0.25;
/** A sentence that the edge of the passage cuts loses to a whole one. */
const cutFactor = 0.8;
/** Sentences that differ in at most this share of their words say the same, unless they differ in a number. */
const sameDifferenceMax = 0.2;

interface Candidate {
  readonly passage: number;
  readonly sentence: Sentence;
  readonly terms: ReadonlySet<string>;
  readonly contextTerms: ReadonlySet<string>;
}

/** Picks the sentences that answer a question best. */
export function extractSentences(question: string, passages: readonly ExtractPassage[]): ExtractedSentence[] {
  const candidates = passages.flatMap(({ text }, passage) =>
    sentencesFromPassage(text).map((sentence): Candidate => {
      const terms = new Set(termsFromText(text.slice(sentence.start, sentence.end)));
      return { passage, sentence, terms, contextTerms: new Set(termsFromText(sentence.context)) };
    }),
  );
  const score = scorer(question, passages, candidates);
  const ranked = candidates
    .map((candidate) => ({ ...candidate, score: score(candidate) }))
    .sort((a, b) => b.score - a.score);

  const scoreFloor = Math.max(scoreMin, (ranked[0]?.score ?? 0) * scoreOfBestMin);
  const chosen: typeof ranked = [];
  for (const candidate of ranked) {
    if (candidate.score < scoreFloor || chosen.length === sentencesMax) break;
    if (!chosen.some((better) => isSame(better, candidate))) chosen.push(candidate);
  }
  return chosen
    .sort((a, b) => a.passage - b.passage || a.sentence.start - b.sentence.start)
    .map(({ passage, sentence: { start, end }, score }) => {
      return { passage, start, end, text: passages[passage]?.text.slice(start, end) ?? '', score };
    });
}

/** Makes the function that scores the candidates of one question. */
function scorer(
  question: string,
  passages: readonly ExtractPassage[],
  candidates: readonly Candidate[],
): (candidate: Candidate) => number {
  const surroundings = passages.map(({ title, text }) => new Set(termsFromText(`${title}\n${text}`)));
  // A word that few sentences hold tells them apart; one that none holds weighs most, which lets the coverage drop.
  const weights = new Map<string, number>();
  for (const term of termsFromText(question)) {
    const frequency = candidates.filter(({ terms }) => terms.has(term)).length;
    weights.set(term, Math.log(1 + (candidates.length + 0.5) / (frequency + 0.5)));
  }
  const weightSum = [...weights.values()].reduce((sum, weight) => sum + weight, 0);

  return ({ passage, sentence, terms, contextTerms }) => {
    let covered = 0;
    let surrounded = 0;
    for (const [term, weight] of weights) {
      if (terms.has(term)) covered += weight;
      else if (contextTerms.has(term)) covered += weight * contextWeight;
      else if (surroundings[passage]?.has(term)) surrounded += weight * surroundingWeight;
    }
    if (covered === 0) return 0;
    covered += surrounded;
    const similarity = Math.max(0, passages[passage]?.similarity ?? similarityAssumed);
    const damping = (sentence.isWhole ? 1 : cutFactor) * (1 + passage) ** rankExponent;
    return ((covered / weightSum + similarity) / 2) * damping;
  };
}

/** Whether two sentences say the same: passages overlap, and documents have versions. */
function isSame(a: Candidate, b: Candidate): boolean {
  const differing = [...a.terms].filter((term) => !b.terms.has(term));
  for (const term of b.terms) if (!a.terms.has(term)) differing.push(term);
  const isSmall = differing.length <= sameDifferenceMax * Math.max(a.terms.size, b.terms.size);
  return isSmall && !differing.some((term) => /\p{N}/u.test(term));
}
