/**
 * Answers a question from the documents of the asker's tenant. All control flow of a question is here.
 *
 * The steps are those of docs/architecture.md: reserve, guard the input, wait for a slot, retrieve within clearance,
 * guard the passages, generate (or quote), guard the output, cite, settle.
 */

import { highestClassification, type RequestContext } from '../context.ts';
import { AppError, errorFromAbort, isAppError } from '../errors.ts';
import { inspectInput } from '../guard/index.ts';
import type { Tokens } from '../ledger/index.ts';
import type { LlmProvider } from '../llm/index.ts';
import { type QueryStage, withSpan } from '../telemetry/index.ts';
import type { Citation, Passage } from './citations.ts';
import { type Draft, extractive, generateDraft, quoteDraft } from './draft.ts';
import { type Meter, type MeterDeps, type MeteredWork, metered } from './metered.ts';
import { inSlot, type SlotDeps } from './slot.ts';

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
export interface AnswerDeps extends MeterDeps, SlotDeps {
  readonly retrieve: Retrieve;
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

/** Makes the flow of a question. */
export function createAnswer(deps: AnswerDeps): AnswerQuestion {
  const { provider, settings } = deps;

  return async function answer(ctx, request, onEvent = () => {}) {
    assertAskable(request, settings);
    const work = workOf(provider, settings);
    const { result, usage, costNano } = await metered(deps, ctx, work, async (whole) => {
      assertHarmless(request.question);
      const queuedMs = deps.now();
      return inSlot(deps, ctx, work, whole, async (meter) => {
        record('queue', queuedMs);
        const passages = await timed('retrieve', () => retrieve(ctx, request, meter));
        onEvent({ type: 'retrieval', passages: passages.length });
        const draft = await timed('generate', () => draftAnswer(ctx, request.question, passages, meter, onEvent));
        for (const citation of draft.citations) onEvent({ type: 'citation', citation });
        return draft;
      });
    });
    const { answer: text, citations, model, degraded } = result;
    const { inputTokens, outputTokens } = usage;
    const tokens = { inputTokens, outputTokens };
    return { requestId: ctx.requestId, answer: text, citations, model, degraded, usage: tokens, costNano };
  };

  async function retrieve(ctx: RequestContext, request: Question, meter: Meter): Promise<readonly Passage[]> {
    const { question, collections, topK: limit = settings.passagesDefault } = request;
    const passages = await deps.retrieve(ctx, { question, collections, limit });
    if (ctx.signal.aborted) throw errorFromAbort(ctx.signal);
    const labels = passages.map(({ classification }) => classification);
    if (labels.length > 0) meter.classified(labels.reduce(highestClassification));
    return passages;
  }

  async function draftAnswer(
    ctx: RequestContext,
    question: string,
    passages: readonly Passage[],
    meter: Meter,
    onEvent: (event: AnswerEvent) => void,
  ): Promise<Draft & { readonly degraded: boolean }> {
    let hasSpoken = false;
    const onToken = (text: string) => {
      hasSpoken = true;
      onEvent({ type: 'token', text });
    };
    const quoted = () => {
      meter.answeredBy(extractive);
      return quoteDraft(question, passages, onToken);
    };
    if (provider === undefined || passages.length === 0) return { ...quoted(), degraded: false };
    try {
      return {
        ...(await generateDraft({ provider, settings, meter }, ctx, question, passages, onToken)),
        degraded: false,
      };
    } catch (error) {
      // What was said cannot be unsaid; before the first word, search results are better than nothing.
      if (hasSpoken || !canDegrade(error)) throw error;
      ctx.log.warn({ err: error }, 'no model could be reached; answering from search results');
      meter.degraded();
      return { ...quoted(), degraded: true };
    }
  }

  async function timed<T>(stage: QueryStage, step: () => Promise<T>): Promise<T> {
    const startedMs = deps.now();
    try {
      return await withSpan(`query.${stage}`, {}, step);
    } finally {
      record(stage, startedMs);
    }
  }

  function record(stage: QueryStage, startedMs: number): void {
    deps.metrics.queryStageDuration.record({ stage }, (deps.now() - startedMs) / 1000);
  }
}

/** What is reserved for a question: nothing when no model is asked. */
function workOf(provider: LlmProvider | undefined, settings: AnswerSettings): MeteredWork {
  if (provider === undefined) return { operation: 'query', ...extractive, bound: { inputTokens: 0, outputTokens: 0 } };
  const bound = { inputTokens: settings.contextTokensMax, outputTokens: settings.outputTokensMax };
  return { operation: 'query', provider: provider.id, model: settings.model, bound };
}

function assertHarmless(question: string): void {
  const verdict = inspectInput(question);
  if (verdict.action === 'allow') return;
  throw new AppError('input_blocked', { detail: `The question holds ${verdict.reason.replace('_', ' ')}.` });
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
