/**
 * The lifetime of the embedding thread, seen from the main thread.
 *
 * Promises: at most one thread; started on first use and again after it died; every death is reported once; an idle
 * thread does not keep the process alive.
 */

import { Worker } from 'node:worker_threads';
import type { WorkerReply, WorkerRequest } from './use-lite-worker.ts';

/** What the owner of the thread wants to hear. */
export interface EmbeddingThreadEvents {
  readonly onReply: (reply: WorkerReply) => void;
  /** The thread ended and took its calls with it; the next `post` starts another. */
  readonly onLost: (cause: unknown) => void;
}

/** A thread that is there when it is needed. */
export interface EmbeddingThread {
  /** Sends a request, starting the thread when there is none. */
  post(request: WorkerRequest): void;
  /** Whether the thread keeps the process alive: true exactly while calls are pending. */
  setBusy(isBusy: boolean): void;
  /** Ends the thread without a report. */
  close(): Promise<void>;
}

/** Starts a thread with the model in it; it inherits neither the flags of the process nor its environment. */
export function startUseLiteThread(): Worker {
  return new Worker(new URL('./use-lite-worker.ts', import.meta.url), { name: 'use-lite', execArgv: [], env: {} });
}

/** Creates the handle; no thread runs before the first `post`. */
export function createEmbeddingThread(start: () => Worker, events: EmbeddingThreadEvents): EmbeddingThread {
  let current: Worker | undefined;

  function startCurrent(): Worker {
    const worker = start();
    // An error is followed by an exit; only the first of the two is reported, and neither after close().
    const lose = (cause: unknown) => {
      if (current !== worker) return;
      current = undefined;
      events.onLost(cause);
    };
    worker.on('message', events.onReply);
    worker.on('error', lose);
    worker.on('exit', (exitCode) => lose(new Error(`The embedding thread ended with code ${exitCode}.`)));
    return worker;
  }

  return {
    post(request) {
      current ??= startCurrent();
      current.postMessage(request);
    },
    setBusy(isBusy) {
      if (isBusy) current?.ref();
      else current?.unref();
    },
    async close() {
      const worker = current;
      current = undefined;
      await worker?.terminate();
    },
  };
}
