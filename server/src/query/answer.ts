/**
 * Answers a question from the documents of the asker's tenant. All control flow of a question is here.
 *
 * The steps are those of docs/architecture.md: reserve, guard the input, wait for a slot, retrieve within clearance,
 * guard the passages, generate (or quote), guard the output, cite, settle.
 */

import { randomBytes } from 'node:crypto';
import { highestClassification, type RequestContext } from '../context.ts';
import { AppError, errorFromAbort, isAppError } from '../errors.ts';
import { createOutputFilter, inspectInput, neutralizePassage } from '../guard/index.ts';
import type { Tokens } from '../ledger/index.ts';
import { countTokens, type LlmProvider } from '../llm/index.ts';
import type { Scheduler } from '../scheduler/index.ts';
import { type Citation, citationAt, citationsOf, type Passage } from './citations.ts';
import { extractSentences } from './extract.ts';
import { type Meter, type MeterDeps, metered } from './metered.ts';
import { buildPrompt, notFoundAnswer } from './prompt.ts';

/** What is asked. */
export interface Question {
  readonly question: string;
  /** Ids or names; all that the asker may read when absent. */
  readonly collections?: readonly string[];
  /** Passages to answer from. */
  readonly topK?: number;
}

/** A cited answer. */
export interface Answer {
  readonly requestId: string;
  readonly answer: string;
  readonly citations: readonly Citation[];
  readonly model: string;
  /** True when no model could be reached and the answer is quoted from the search results instead. */
  readonly degraded: boolean;
  readonly usage: Tokens;
  readonly costNano: bigint;
}

/** What happens on the way to an answer, for streaming. */
export type AnswerEvent =
  | { readonly type: 'retrieval'; readonly passages: number }
  | { readonly type: 'token'; readonly text: string }
  | { readonly type: 'citation'; readonly citation: Citation };

/** Finds passages that the asker may see. */
export type Retrieve = (
  ctx: RequestContext,
  request: { readonly question: string; readonly collections: readonly string[] | undefined; readonly limit: number },
) => Promise<readonly Passage[]>;

/** What answering needs. */
export interface AnswerDeps extends MeterDeps {
  readonly retrieve: Retrieve;
  readonly scheduler: Scheduler;
  /** Writes answers; without one they are quoted from the documents. */
  readonly provider: LlmProvider | undefined;
  readonly settings: AnswerSettings;
}

/** Settings of answers. */
export interface AnswerSettings {
  readonly model: string;
  readonly temperature: number;
  readonly contextTokensMax: number;
  readonly outputTokensMax: number;
  readonly passagesDefault: number;
  readonly passagesMax: number;
  readonly questionCharactersMax: number;
}

/** Answers questions. */
export type AnswerQuestion = (
  ctx: RequestContext,
  question: Question,
  onEvent?: (event: AnswerEvent) => void,
) => Promise<Answer>;

/** Name under which quoted answers are reported. */
const extractive = { provider: 'extractive', model: 'extractive' } as const;

interface Draft {
  readonly answer: string;
  readonly citations: readonly Citation[];
  readonly model: string;
  readonly degraded: boolean;
}

/** Makes the flow of a question. */
export function createAnswer(deps: AnswerDeps): AnswerQuestion {
  const { provider, scheduler, settings } = deps;

  return async function answer(ctx, request, onEvent = () => {}) {
    assertAskable(request, settings);
    const asked = provider === undefined ? extractive : { provider: provider.id, model: settings.model };
    const bound = { inputTokens: settings.contextTokensMax, outputTokens: settings.outputTokensMax };
    const work = {
      operation: 'query',
      ...asked,
      bound: provider === undefined ? { inputTokens: 0, outputTokens: 0 } : bound,
    } as const;

    const { result, usage, costNano } = await metered(deps, ctx, work, async (meter) => {
      const verdict = inspectInput(request.question);
      if (verdict.action === 'block')
        throw new AppError('input_blocked', { detail: `The question holds ${verdict.reason.replace('_', ' ')}.` });

      const queuedMs = deps.now();
      return scheduler.withSlot(ctx, ctx.signal, async () => {
        deps.metrics.queryStageDuration.record({ stage: 'queue' }, (deps.now() - queuedMs) / 1000);
        const limit = request.topK ?? settings.passagesDefault;
        const passages = await timed('retrieve', () =>
          deps.retrieve(ctx, { question: request.question, collections: request.collections, limit }),
        );
        onEvent({ type: 'retrieval', passages: passages.length });
        const draft = await timed('generate', () => draftAnswer(ctx, request.question, passages, meter, onEvent));
        for (const citation of draft.citations) onEvent({ type: 'citation', citation });
        return draft;
      });
    });
    const { inputTokens, outputTokens } = usage;
    return { requestId: ctx.requestId, ...result, usage: { inputTokens, outputTokens }, costNano };
  };

  async function draftAnswer(
    ctx: RequestContext,
    question: string,
    passages: readonly Passage[],
    meter: Meter,
    onEvent: (event: AnswerEvent) => void,
  ): Promise<Draft> {
    if (ctx.signal.aborted) throw errorFromAbort(ctx.signal);
    if (passages.length > 0)
      meter.classified(passages.map(({ classification }) => classification).reduce(highestClassification));
    if (provider === undefined || passages.length === 0) return quote(question, passages, meter, onEvent, false);
    let hasSpoken = false;
    const onToken = (text: string) => {
      hasSpoken = true;
      onEvent({ type: 'token', text });
    };
    try {
      return await generate(provider, ctx, question, passages, meter, onToken);
    } catch (error) {
      // What was said cannot be unsaid; before the first word, search results are better than nothing.
      if (hasSpoken || !canDegrade(error)) throw error;
      ctx.log.warn({ err: error }, 'no model could be reached; answering from search results');
      meter.degraded();
      return quote(question, passages, meter, onEvent, true);
    }
  }

  async function generate(
    model: LlmProvider,
    ctx: RequestContext,
    question: string,
    passages: readonly Passage[],
    meter: Meter,
    onToken: (text: string) => void,
  ): Promise<Draft> {
    const prompt = buildPrompt({
      question,
      passages: passages.map(({ title, page, text }) => ({
        title: neutralizePassage(title),
        page,
        text: neutralizePassage(text),
      })),
      tokensMax: settings.contextTokensMax,
      marker: `=== ${randomBytes(9).toString('base64url')} ===`,
      countTokens,
    });
    const filter = createOutputFilter();
    let text = '';
    let usedModel = settings.model;
    const emit = (piece: string) => {
      if (piece === '') return;
      text += piece;
      onToken(piece);
    };
    const request = {
      model: settings.model,
      messages: prompt.messages,
      outputTokensMax: settings.outputTokensMax,
      temperature: settings.temperature,
    };
    const { signal, requestId, log } = ctx;
    for await (const event of model.generate(request, {
      signal,
      requestId,
      log,
      beforeAttempt: meter.attempt,
      onUsage: meter.used,
    })) {
      if (event.type === 'text') emit(filter.push(event.text));
      else usedModel = event.model;
    }
    emit(filter.end());
    meter.answeredBy({ provider: model.id, model: usedModel });
    const used = passages.slice(0, prompt.passagesUsed);
    return {
      answer: text,
      citations: text.trim() === notFoundAnswer ? [] : citationsOf(text, used),
      model: usedModel,
      degraded: false,
    };
  }

  /** Answers with the best sentences of the passages, each with its citation. */
  async function quote(
    question: string,
    passages: readonly Passage[],
    meter: Meter,
    onEvent: (event: AnswerEvent) => void,
    isDegraded: boolean,
  ): Promise<Draft> {
    meter.answeredBy(extractive);
    const sentences = extractSentences(question, passages);
    const citations = sentences.flatMap(({ passage, start, end }) => {
      const source = passages[passage];
      return source === undefined ? [] : [citationAt(source, start, end)];
    });
    const text =
      citations.length === 0
        ? notFoundAnswer
        : citations.map(({ quote: words }, index) => `${words} [${index + 1}]`).join('\n\n');
    onEvent({ type: 'token', text });
    return { answer: text, citations, model: extractive.model, degraded: isDegraded };
  }

  async function timed<T>(stage: 'retrieve' | 'generate', step: () => Promise<T>): Promise<T> {
    const startedMs = deps.now();
    try {
      return await step();
    } finally {
      deps.metrics.queryStageDuration.record({ stage }, (deps.now() - startedMs) / 1000);
    }
  }
}

/** Throws `request_invalid` for what only settings can bound. */
function assertAskable({ question, topK }: Question, { questionCharactersMax, passagesMax }: AnswerSettings): void {
  const errors = [
    ...(question.length > questionCharactersMax
      ? [{ pointer: '/question', message: `must have at most ${questionCharactersMax} characters` }]
      : []),
    ...(topK !== undefined && topK > passagesMax
      ? [{ pointer: '/top_k', message: `must be at most ${passagesMax}` }]
      : []),
  ];
  if (errors.length > 0)
    throw new AppError('request_invalid', { errors: errors.map((error) => ({ location: 'body', ...error })) });
}

function canDegrade(error: unknown): boolean {
  return (['upstream_unavailable', 'upstream_rate_limited', 'upstream_rejected', 'model_not_found'] as const).some(
    (code) => isAppError(error, code),
  );
}
