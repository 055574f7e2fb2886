/**
 * The embedder that ships with the product: Universal Sentence Encoder lite in a worker thread (see README.md beside).
 *
 * Promises: never blocks the event loop, needs no network, loads nothing before the first call, fails the pending calls
 * when its thread dies and works again on the next one, and lets the process exit when idle.
 */

import { AppError } from '../../errors.ts';
import type { Embedder } from './embedder.ts';
import { useLiteDimensions } from './use-lite-queue.ts';
import { createEmbeddingThread, startUseLiteThread } from './use-lite-thread.ts';

/** Longest accepted text in UTF-16 code units; it occupies the thread for about six seconds. */
export const textCharactersMax = 32_768;

/** Rough time for one waiting text, for the retry hint: a sentence takes 15 ms, a passage of 250 words 200 ms. */
const textMs = 50;

/** Limits of the local embedder. */
export interface UseLiteOptions {
  /** Texts that may be pending, over all calls; more than can be embedded within `timeoutMs` would wait in vain. */
  readonly queueTextsMax: number;
  /** How long one call may take, waiting included. */
  readonly timeoutMs: number;
}

interface PendingCall {
  readonly textsCount: number;
  readonly resolve: (vectors: Float32Array[]) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Creates the embedder. Besides the errors of the port, a call of more texts than `queueTextsMax` throws a RangeError:
 * whoever embeds many texts does so page by page.
 *
 * @param startThread replaced by tests that end the thread.
 */
export function createUseLiteEmbedder(options: UseLiteOptions, startThread = startUseLiteThread): Embedder {
  const calls = new Map<number, PendingCall>();
  let textsPending = 0;
  let lastId = 0;
  let isClosed = false;

  const thread = createEmbeddingThread(startThread, {
    onReply: ({ id, vectors }) => take(id)?.resolve(vectors),
    onLost: (cause) => rejectAll(unavailable('The local embedder failed.', { cause, retryAfterMs: 1_000 })),
  });

  /** Removes a call from the books; undefined when it was settled before. */
  function take(id: number): PendingCall | undefined {
    const call = calls.get(id);
    if (call === undefined) return undefined;
    calls.delete(id);
    textsPending -= call.textsCount;
    if (calls.size === 0) thread.setBusy(false);
    return call;
  }

  function rejectAll(reason: AppError): void {
    for (const id of [...calls.keys()]) take(id)?.reject(reason);
  }

  function giveUp(id: number, reason: unknown): void {
    thread.post({ type: 'cancel', id });
    take(id)?.reject(reason);
  }

  function assertAccepted(texts: readonly string[]): void {
    if (isClosed) throw unavailable('The local embedder is closed.');
    const long = texts.findIndex((text) => text.length > textCharactersMax);
    if (long >= 0) {
      throw new AppError('request_invalid', {
        detail: `Text ${long} has ${texts[long]?.length} characters; the local embedder takes at most ${textCharactersMax}. Split it.`,
      });
    }
    if (texts.length > options.queueTextsMax) {
      throw new RangeError(`A call of ${texts.length} texts never fits a queue of ${options.queueTextsMax}.`);
    }
    if (textsPending + texts.length > options.queueTextsMax) {
      const detail = `${textsPending} texts are waiting for the local embedder.`;
      throw unavailable(detail, { retryAfterMs: textsPending * textMs });
    }
  }

  return {
    profile: { id: 'use-lite@1', dimensions: useLiteDimensions },

    async embed(texts, signal) {
      signal.throwIfAborted();
      assertAccepted(texts);
      if (texts.length === 0) return [];

      lastId += 1;
      const id = lastId;
      const { promise, resolve, reject } = Promise.withResolvers<Float32Array[]>();
      thread.post({ type: 'embed', id, texts });
      thread.setBusy(true);
      calls.set(id, { textsCount: texts.length, resolve, reject });
      textsPending += texts.length;

      const onAbort = () => giveUp(id, signal.reason);
      const onTimeout = () => {
        const detail = `The local embedder took longer than ${options.timeoutMs} ms.`;
        giveUp(id, unavailable(detail, { retryAfterMs: textsPending * textMs }));
      };
      signal.addEventListener('abort', onAbort, { once: true });
      const timer = setTimeout(onTimeout, options.timeoutMs);
      try {
        return await promise;
      } finally {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
      }
    },

    async close() {
      isClosed = true;
      rejectAll(unavailable('The local embedder is closed.'));
      await thread.close();
    },
  };
}

function unavailable(
  detail: string,
  options: { readonly retryAfterMs?: number; readonly cause?: unknown } = {},
): AppError {
  return new AppError('dependency_unavailable', { detail, ...options });
}
