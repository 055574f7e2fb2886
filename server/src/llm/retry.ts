/**
 * Tries a call again while nothing of its answer has arrived.
 *
 * Only failures whose code is retryable are tried again, after a delay with full jitter (AWS Architecture Blog,
 * "Exponential Backoff And Jitter"), or after the wait that the endpoint asked for. Whoever asks for a longer wait than
 * we are ready to hold a request is not asked again: the client gets the wait instead.
 */

import { DelegateBackoff, handleWhen, retry } from 'cockatiel';
import type { Logger } from '../context.ts';
import { errorFromAbort, isAppError } from '../errors.ts';

/** Upper bound of the first delay; doubles with each attempt. */
const firstDelayMsMax = 200;
/** Upper bound of any delay. */
const delayMsMax = 2000;

/** Runs an attempt, and again as long as that may help. */
export type Retry = <T>(
  attempt: () => Promise<T>,
  options: { readonly signal: AbortSignal; readonly log: Logger },
) => Promise<T>;

/**
 * Makes a retry policy. `attemptsMax` counts the first attempt too; `random` yields numbers in [0, 1).
 *
 * The promise rejects as soon as the signal aborts, also between two attempts, and no attempt begins after that.
 */
export function createRetry(options: { readonly attemptsMax: number; readonly random?: () => number }): Retry {
  const { attemptsMax, random = Math.random } = options;
  return (attempt, { signal, log }) => {
    const backoff = new DelegateBackoff<{ attempt: number; result: object }>(({ attempt: failures, result }) => {
      const error = 'error' in result ? result.error : undefined;
      const bound = Math.min(delayMsMax, firstDelayMsMax * 2 ** (failures - 1));
      const delayMs = Math.round(requestedWaitMs(error) + random() * bound);
      log.warn({ err: error, failures, delayMs }, 'model endpoint failed before its first byte; trying again');
      return delayMs;
    });
    const policy = retry(handleWhen(mayHelp), { maxAttempts: attemptsMax - 1, backoff });
    const guarded = async () => {
      if (signal.aborted) throw errorFromAbort(signal);
      return attempt();
    };
    return unlessAborted(policy.execute(guarded, signal), signal);
  };
}

function mayHelp(error: unknown): boolean {
  return isAppError(error) && error.definition.retryable && requestedWaitMs(error) <= delayMsMax;
}

function requestedWaitMs(error: unknown): number {
  return isAppError(error) ? (error.retryAfterMs ?? 0) : 0;
}

/** Rejects on abort without waiting for the work: the policy itself sleeps through an abort. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(errorFromAbort(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
