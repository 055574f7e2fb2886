/**
 * Lets concurrent writers share one transaction.
 *
 * Items wait for at most `delayMs`, or until the commit before theirs is done, whichever is later. When a shared commit
 * fails, its items are tried one by one, so that one bad item cannot take others with it; unless the database is away,
 * which is no item's fault.
 */

import { AppError, isAppError } from '../errors.ts';

/** What a group commit needs. */
export interface GroupCommitOptions<T> {
  /** Writes all items in one transaction; must be idempotent per item. */
  readonly commit: (items: readonly T[]) => Promise<void>;
  readonly delayMs: number;
  readonly batchMax: number;
  /** How often an item is tried while the database is unavailable, with a growing pause. */
  readonly attemptsMax: number;
  /** Items that may wait for the commit before theirs; further ones are refused with `dependency_unavailable`. */
  readonly queueMax: number;
}

/** A queue whose items are committed together. */
export interface GroupCommit<T> {
  /** Resolves when the item is durable; rejects when it cannot be written. */
  readonly add: (item: T) => Promise<void>;
  /** Items that are not durable yet. */
  readonly pending: () => number;
  /** Resolves when nothing is pending. */
  readonly drain: () => Promise<void>;
}

interface Entry<T> {
  readonly item: T;
  readonly done: PromiseWithResolvers<void>;
}

/** Longest pause between two tries, in milliseconds. */
const pauseMsMax = 5000;

/** Makes a group commit. */
export function createGroupCommit<T>(options: GroupCommitOptions<T>): GroupCommit<T> {
  const queue: Entry<T>[] = [];
  const unsettled = new Set<Promise<void>>();
  let isRunning = false;

  async function run(): Promise<void> {
    isRunning = true;
    if (options.delayMs > 0 && queue.length < options.batchMax) await pause(options.delayMs);
    while (queue.length > 0) await commitBatch(queue.splice(0, options.batchMax));
    isRunning = false;
  }

  async function commitBatch(batch: readonly Entry<T>[]): Promise<void> {
    try {
      await withRetries(() => options.commit(batch.map(({ item }) => item)));
      for (const { done } of batch) done.resolve();
    } catch (error) {
      const isNobodysFault = isAppError(error, 'dependency_unavailable');
      if (batch.length > 1 && !isNobodysFault) for (const entry of batch) await commitBatch([entry]);
      else for (const { done } of batch) done.reject(error);
    }
  }

  async function withRetries(commit: () => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await commit();
      } catch (error) {
        if (attempt >= options.attemptsMax || !isAppError(error, 'dependency_unavailable')) throw error;
        await pause(Math.min(pauseMsMax, 50 * 2 ** attempt));
      }
    }
  }

  return {
    async add(item) {
      if (queue.length >= options.queueMax) {
        throw new AppError('dependency_unavailable', {
          detail: 'Too many records wait for the database.',
          retryAfterMs: 1000,
        });
      }
      const done = Promise.withResolvers<void>();
      queue.push({ item, done });
      if (!isRunning) void run();
      const settled = done.promise.finally(() => unsettled.delete(settled));
      unsettled.add(settled);
      await settled;
    },
    pending: () => unsettled.size,
    async drain() {
      while (unsettled.size > 0) await Promise.allSettled(unsettled);
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
