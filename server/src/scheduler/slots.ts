/**
 * A bounded number of places for model work; whoever finds none waits in order of arrival, up to a bound.
 *
 * A place is given back on every way out of the work. A waiter whose signal aborts leaves the queue at once.
 */

import type { TenantScope } from '../context.ts';
import { AppError } from '../errors.ts';

/** Gives places to work. */
export interface Scheduler {
  /** Runs the work in a place; rejects with `dependency_unavailable` when too many wait already. */
  readonly withSlot: <T>(scope: TenantScope, signal: AbortSignal, work: () => Promise<T>) => Promise<T>;
  readonly usage: () => { readonly busy: number; readonly waiting: number; readonly slots: number };
}

/** Bounds of the scheduler. */
export interface SchedulerOptions {
  readonly slots: number;
  readonly queueMax: number;
}

/** Makes a scheduler for this process. */
export function createScheduler({ slots, queueMax }: SchedulerOptions): Scheduler {
  const waiting = new Set<() => void>();
  let busy = 0;

  async function acquire(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (busy < slots) {
      busy += 1;
      return;
    }
    if (waiting.size >= queueMax) {
      throw new AppError('dependency_unavailable', {
        detail: 'Too many requests are waiting for a model.',
        retryAfterMs: 1000,
      });
    }
    const turn = Promise.withResolvers<void>();
    const leave = () => {
      waiting.delete(turn.resolve);
      turn.reject(signal.reason);
    };
    waiting.add(turn.resolve);
    signal.addEventListener('abort', leave, { once: true });
    try {
      await turn.promise;
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  function release(): void {
    const next = waiting.values().next();
    if (next.done === true) {
      busy -= 1;
      return;
    }
    // The place passes to the next in line without becoming free, so nobody can slip in between.
    waiting.delete(next.value);
    next.value();
  }

  return {
    async withSlot(_scope, signal, work) {
      await acquire(signal);
      try {
        return await work();
      } finally {
        release();
      }
    },
    usage: () => ({ busy, waiting: waiting.size, slots }),
  };
}
