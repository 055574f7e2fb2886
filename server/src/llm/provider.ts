/**
 * The port to a model that writes text.
 *
 * An implementation promises what `provider.conformance.ts` checks: text in order and without loss, exactly one `finish`
 * at the end, usage reported once, every failure an `AppError`, and the upstream left alone soon after an abort.
 */

import type { Logger } from '../context.ts';

/** One message of a conversation. */
export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** Tokens of one answer, and who counted them: the provider, or we because the provider did not. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly source: 'provider' | 'counted';
}

/** What to generate. */
export interface GenerateRequest {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  /** Longest answer; the provider is told to stop there. */
  readonly outputTokensMax: number;
  readonly temperature?: number;
}

/** A piece of text, or, once and last, how the answer ended. */
export type GenerateEvent =
  | { readonly type: 'text'; readonly text: string }
  | {
      readonly type: 'finish';
      /** `stop`, `length`, `content_filter` …, as the provider says; `unknown` where it does not. */
      readonly reason: string;
      /** The model that answered, by the name that the provider gives it. */
      readonly model: string;
      readonly usage: Usage;
    };

/** How to carry a generation out. */
export interface GenerateOptions {
  /** Aborts the upstream call, at once, at any time. */
  readonly signal: AbortSignal;
  readonly requestId: string;
  readonly log: Logger;
  /** Called before each upstream attempt, which waits for it and is not made when it rejects: a durable row goes first. */
  readonly beforeAttempt?: (() => Promise<void>) | undefined;
  /**
   * Called exactly once when an answer ends in whatever way (finished, failed midway, aborted, or left by the caller) and
   * never when nothing was produced: what a ledger has to charge even if `finish` never comes.
   */
  readonly onUsage?: (usage: Usage) => void;
}

/** A source of generated text with a lifetime. */
export interface LlmProvider {
  readonly id: string;

  /**
   * Generates one answer. A retryable failure is tried again only while nothing has been yielded.
   *
   * @throws {AppError} `upstream_unavailable`, `upstream_rate_limited`, `upstream_rejected`, `model_not_found` or
   * `context_length_exceeded`; when the signal aborts, its reason if that is an AppError, else `request_timeout` or
   * `request_cancelled`. A failure after the first text, a truncated answer too, throws after the text was yielded.
   */
  generate(request: GenerateRequest, options: GenerateOptions): AsyncIterable<GenerateEvent>;

  /**
   * Resolves if the provider can be reached and accepts our credential; costs no tokens.
   *
   * @throws {AppError} as `generate` does.
   */
  check(signal: AbortSignal): Promise<void>;

  /** Cuts what is running and frees connections; calling it again does nothing. */
  close(): Promise<void>;
}
