/**
 * What one OpenAI chat answer amounts to: its text, how it ended, and the tokens to charge.
 *
 * It is fed with the chunks of a stream or with one whole completion, and can be read at any moment, also after the
 * stream broke: what was produced until then is charged. Money depends on it, so it trusts nothing it reads: a usage
 * that is not two counts is no usage.
 */

import type { Usage } from './provider.ts';
import { countTokens } from './tokens.ts';

/** The account of one answer. */
export interface ChatTally {
  /** Text of the first choice. */
  readonly text: string;
  /** Of the first choice. */
  readonly finishReason: string | undefined;
  /** The model as the endpoint names it. */
  readonly model: string | undefined;
  /** True once the answer was said to be complete, by a finish reason or by `[DONE]`. */
  readonly isComplete: boolean;
  /**
   * The usage to charge: the endpoint's if it sent one, else our count. `undefined` while nothing has been produced.
   * `countInput` is asked only when we have to count.
   */
  usage(countInput: () => number): Usage | undefined;
}

/** A tally that can be added to. */
export interface ChatTallyWriter extends ChatTally {
  /** Adds a chunk of a stream or a whole completion; returns the text that it adds to the first choice. */
  add(chunk: Readonly<Record<string, unknown>>): string;
  /** The endpoint has said that this was all. */
  complete(): void;
}

/** Starts an empty tally. */
export function createChatTally(): ChatTallyWriter {
  // By choice: joining the pieces of several choices in the order of arrival would count words that nobody wrote.
  const produced = new Map<number, string>();
  let text = '';
  let model: string | undefined;
  let finishReason: string | undefined;
  let isComplete = false;
  let reported: Usage | undefined;

  return {
    get text() {
      return text;
    },
    get finishReason() {
      return finishReason;
    },
    get model() {
      return model;
    },
    get isComplete() {
      return isComplete;
    },
    add(chunk) {
      let added = '';
      if (typeof chunk.model === 'string') model = chunk.model;
      // Some endpoints send the running total on every chunk, some beside the last choices: the last one counts.
      reported = usageFrom(chunk.usage) ?? reported;
      for (const choice of objectsIn(chunk.choices)) {
        const index = typeof choice.index === 'number' ? choice.index : 0;
        const message = objectOr(choice.delta ?? choice.message);
        const content = textOr(message.content);
        const rest = chargedText(message);
        if (content + rest !== '') produced.set(index, (produced.get(index) ?? '') + content + rest);
        if (typeof choice.finish_reason === 'string') isComplete = true;
        if (index !== 0) continue;
        added += content;
        if (typeof choice.finish_reason === 'string') finishReason = choice.finish_reason;
      }
      text += added;
      return added;
    },
    complete() {
      isComplete = true;
    },
    usage(countInput) {
      if (reported !== undefined) return reported;
      if (produced.size === 0 && !isComplete) return undefined;
      const outputTokens = [...produced.values()].reduce((sum, piece) => sum + countTokens(piece), 0);
      return { inputTokens: countInput(), outputTokens, source: 'counted' };
    },
  };
}

/** What a model produced beside its content, all of it charged as output: refusal, reasoning, calls. */
function chargedText(message: Readonly<Record<string, unknown>>): string {
  let text = textOr(message.refusal) + textOr(message.reasoning_content ?? message.reasoning);
  for (const call of [{ function: message.function_call }, ...objectsIn(message.tool_calls)]) {
    const { name, arguments: input } = objectOr(call.function);
    text += textOr(name) + textOr(input);
  }
  return text;
}

function usageFrom(value: unknown): Usage | undefined {
  const { prompt_tokens: inputTokens, completion_tokens: outputTokens } = objectOr(value);
  return isCount(inputTokens) && isCount(outputTokens) ? { inputTokens, outputTokens, source: 'provider' } : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function textOr(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function objectOr(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function objectsIn(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.map(objectOr) : [];
}
