/**
 * Writes an answer from passages: by a model, or by quoting. Two leaves of the flow in answer.ts, which decides between them.
 */

import { randomBytes } from 'node:crypto';
import type { RequestContext } from '../context.ts';
import { createOutputFilter, neutralizePassage } from '../guard/index.ts';
import { countTokens, type LlmProvider } from '../llm/index.ts';
import { type Citation, citationAt, citationsOf, type Passage } from './citations.ts';
import { extractSentences } from './extract.ts';
import type { Meter } from './metered.ts';
import { buildPrompt, notFoundAnswer } from './prompt.ts';

/** An answer and what it rests on. */
export interface Draft {
  readonly answer: string;
  readonly citations: readonly Citation[];
  readonly model: string;
}

/** Name under which quoted answers are reported. */
export const extractive = { provider: 'extractive', model: 'extractive' } as const;

/** What a generated answer needs. */
export interface GenerateDeps {
  readonly provider: LlmProvider;
  readonly settings: {
    readonly model: string;
    readonly temperature: number;
    readonly contextTokensMax: number;
    readonly outputTokensMax: number;
  };
  readonly meter: Meter;
}

/** Has a model write the answer, guarded on the way in and out. Throws what the provider throws. */
export async function generateDraft(
  { provider, settings, meter }: GenerateDeps,
  { signal, requestId, log }: RequestContext,
  question: string,
  passages: readonly Passage[],
  onToken: (text: string) => void,
): Promise<Draft> {
  const { model, temperature, contextTokensMax, outputTokensMax } = settings;
  const prompt = buildPrompt({
    question,
    passages: passages.map(({ title, page, text }) => ({
      title: neutralizePassage(title),
      page,
      text: neutralizePassage(text),
    })),
    tokensMax: contextTokensMax,
    marker: `=== ${randomBytes(9).toString('base64url')} ===`,
    countTokens,
  });
  const filter = createOutputFilter();
  let answer = '';
  let answeredBy = model;
  const emit = (text: string) => {
    if (text === '') return;
    answer += text;
    onToken(text);
  };
  const options = { signal, requestId, log, beforeAttempt: meter.attempt, onUsage: meter.used };
  for await (const event of provider.generate(
    { model, messages: prompt.messages, outputTokensMax, temperature },
    options,
  )) {
    if (event.type === 'text') emit(filter.push(event.text));
    else answeredBy = event.model;
  }
  emit(filter.end());
  meter.answeredBy({ provider: provider.id, model: answeredBy });
  const isNotFound = answer.trim() === notFoundAnswer;
  const citations = isNotFound ? [] : citationsOf(answer, passages.slice(0, prompt.passagesUsed));
  return { answer, citations, model: answeredBy };
}

/** Answers with the best sentences of the passages, each with its citation, or says that there are none. */
export function quoteDraft(question: string, passages: readonly Passage[], onToken: (text: string) => void): Draft {
  const citations = extractSentences(question, passages).flatMap(({ passage, start, end }) => {
    const source = passages[passage];
    return source === undefined ? [] : [citationAt(source, start, end)];
  });
  const quotes = citations.map(({ quote }, index) => `${quote} [${index + 1}]`);
  const answer = quotes.length === 0 ? notFoundAnswer : quotes.join('\n\n');
  onToken(answer);
  return { answer, citations, model: extractive.model };
}
