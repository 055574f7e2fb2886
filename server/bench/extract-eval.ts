/**
 * Measures quoted answers (`query/extract.ts`) on ClapNQ: `node server/bench/extract-eval.ts FOLDER` (some 3 minutes).
 *
 * FOLDER holds `corpus.jsonl` {id, title, text}, `queries.jsonl` {id, text, answerable, answer} and `qrels.jsonl`
 * {query_id, doc_id}. Five passages per question come from words and vectors fused by rank, as in the product. Even
 * questions are the half that weights and thresholds were fitted on, odd ones were only measured.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createUseLiteEmbedder } from '../src/llm/index.ts';
import { extractSentences } from '../src/query/extract.ts';
import { termsFromText } from '../src/query/terms.ts';

interface Passage {
  readonly id: string;
  readonly title: string;
  readonly text: string;
}
interface Question {
  readonly id: string;
  readonly text: string;
  readonly answerable: boolean;
  readonly answer: string | null;
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('Usage: node server/bench/extract-eval.ts FOLDER');

function rowsOf<T>(name: string): T[] {
  return readFileSync(join(folder ?? '', name), 'utf8')
    .trim()
    .split('\n')
    .map((line): T => JSON.parse(line));
}

/** ClapNQ is tokenised: puts punctuation back where people write it. */
function plainText(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/`` ?| ?''/g, '"')
    .replace(/(\w) - (\w)/g, '$1-$2')
    .replace(/ ([.,;:!?%)\]])/g, '$1')
    .replace(/([([$]) /g, '$1')
    .replace(/ ('s|n't|'re|'ve|'d|'ll|')(?=[\s.,])/g, '$1')
    .trim();
}

/** Okapi BM25 with the usual constants (k1 = 1.2, b = 0.75): the passages that share a word, best first. */
function createWordSearch(passages: readonly Passage[]): (question: string) => Passage[] {
  const documents = passages.map((passage) => ({ passage, terms: termsFromText(`${passage.title}\n${passage.text}`) }));
  const lengthMean = documents.reduce((sum, { terms }) => sum + terms.length, 0) / documents.length;
  return (question) => {
    const terms = [...new Set(termsFromText(question))];
    const rarity = terms.map((term) => {
      const frequency = documents.filter(({ terms: held }) => held.includes(term)).length;
      return Math.log(1 + (documents.length - frequency + 0.5) / (frequency + 0.5));
    });
    return best(documents, ({ terms: held }) =>
      terms.reduce((sum, term, place) => {
        const count = held.filter((other) => other === term).length;
        return sum + ((rarity[place] ?? 0) * count * 2.2) / (count + 1.2 * (0.25 + (0.75 * held.length) / lengthMean));
      }, 0),
    ).map(({ passage }) => passage);
  };
}

/** Those with a positive score, best first. */
function best<T>(items: readonly T[], score: (item: T) => number): T[] {
  return items
    .map((item) => ({ item, score: score(item) }))
    .filter((scored) => scored.score > 0)
    .sort((a, b) => b.score - a.score)
    .map(({ item }) => item);
}

/** Token-F1 and recall of an answer as in SQuAD: lower case, no punctuation, no articles. */
function agreement(answer: string, gold: string): { f1: number; recall: number } {
  const words = (text: string) =>
    text
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu)
      ?.filter((word) => !['a', 'an', 'the'].includes(word)) ?? [];
  const given = words(answer);
  const wanted = words(gold);
  const left = [...wanted];
  const shared = given.filter((word) => left.includes(word) && left.splice(left.indexOf(word), 1)).length;
  return { f1: (2 * shared) / (given.length + wanted.length), recall: shared / wanted.length };
}

const passages = rowsOf<Passage>('corpus.jsonl').map((row) => ({ ...row, text: plainText(row.text) }));
const questions = rowsOf<Question>('queries.jsonl');
const goldOf = new Map(
  rowsOf<{ query_id: string; doc_id: string }>('qrels.jsonl').map((row) => [row.query_id, row.doc_id]),
);

const embedder = createUseLiteEmbedder({ queueTextsMax: 10_000, timeoutMs: 3_600_000 });
const { signal } = new AbortController();
const passageVectors = await embedder.embed(
  passages.map(({ title, text }) => `${title}. ${text}`),
  signal,
);
const vectorOf = new Map(passages.map((passage, place) => [passage, passageVectors[place] ?? new Float32Array()]));
const questionVectors = await embedder.embed(
  questions.map(({ text }) => text),
  signal,
);
await embedder.close();

const findWords = createWordSearch(passages);
const mean = (values: readonly number[]) =>
  (values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)).toFixed(3);
let extractMs = 0;

/** What is quoted for a question; `without` leaves its gold passage out, as if the tenant did not have the document. */
function quoteFor(question: Question, place: number, without?: string): string {
  const questionVector = questionVectors[place] ?? new Float32Array();
  const cosine = (passage: Passage) =>
    vectorOf.get(passage)?.reduce((sum, value, i) => sum + value * (questionVector[i] ?? 0), 0) ?? 0;
  const fused = new Map<Passage, number>();
  for (const arm of [findWords(question.text), best(passages, cosine)]) {
    for (const [rank, passage] of arm.entries()) fused.set(passage, (fused.get(passage) ?? 0) + 1 / (61 + rank));
  }
  const found = best(
    [...fused.keys()].filter(({ id }) => id !== without),
    (passage) => fused.get(passage) ?? 0,
  );
  const shown = found.slice(0, 5).map((passage) => ({ ...passage, similarity: cosine(passage) }));
  const startedMs = performance.now();
  const sentences = extractSentences(question.text, shown);
  extractMs += performance.now() - startedMs;
  return sentences.map(({ text }) => text).join(' ');
}

for (const [half, name] of ['fitted on', 'measured only'].entries()) {
  const [answerable, unanswerable] = [true, false].map((kind) =>
    questions
      .map((question, place) => ({ question, place }))
      .filter(({ question }) => question.answerable === kind)
      .filter((_, place) => place % 2 === half),
  );
  const quotes =
    answerable?.map(({ question, place }) => ({ quote: quoteFor(question, place), gold: question.answer ?? '' })) ?? [];
  const agreements = quotes.map(({ quote, gold }) => agreement(quote, gold));
  const refusals = (texts: readonly string[] = []) => mean(texts.map((text) => (text === '' ? 1 : 0)));
  console.log(`${name}:`, {
    answered: mean(quotes.map(({ quote }) => (quote === '' ? 0 : 1))),
    tokenF1: mean(agreements.map(({ f1 }) => f1)),
    tokenRecall: mean(agreements.map(({ recall }) => recall)),
    refusedUnanswerable: refusals(unanswerable?.map(({ question, place }) => quoteFor(question, place))),
    refusedWithoutDocument: refusals(
      answerable?.map(({ question, place }) => quoteFor(question, place, goldOf.get(question.id))),
    ),
  });
}
console.log(`extraction: ${(extractMs / (questions.length * 1.5)).toFixed(1)} ms per question`);
