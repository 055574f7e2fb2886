/**
 * Counts failed logins by e-mail address and makes an address wait once there were too many.
 *
 * Addresses are counted whether or not there is such an account, and apart from the tenant named, so waiting reveals
 * nothing. An attempt counts when it begins, so a burst of parallel guesses gets no more tries than a slow one.
 */

import { createHash } from 'node:crypto';
import { AppError } from '../../errors.ts';
import type { Counters } from '../../limits/index.ts';

/** The counts. */
export interface LoginFailures {
  /**
   * Counts an attempt; true when it is the last one before the address must wait.
   * @throws {AppError} rate_limit_exceeded when the address must wait.
   */
  readonly begin: (email: string) => Promise<boolean>;
  /** Forgets the attempts of an address that has logged in. */
  readonly forgive: (email: string) => Promise<void>;
}

const windowUs = 15 * 60_000_000;

/** @param failuresMax failed logins of an address within 15 minutes. */
export function createLoginFailures(
  failuresMax: number,
  counters: Pick<Counters, 'attempt' | 'forgive'>,
): LoginFailures {
  const scopeOf = (email: string) =>
    ({ kind: 'login', id: createHash('sha256').update(email).digest('base64url') }) as const;

  return {
    async begin(email) {
      const { count, retryAfterUs } = await counters.attempt(scopeOf(email), { max: failuresMax, lengthUs: windowUs });
      if (retryAfterUs > 0) {
        const retryAfterMs = Math.ceil(retryAfterUs / 1000);
        throw new AppError('rate_limit_exceeded', { detail: 'Too many failed logins for this address.', retryAfterMs });
      }
      return count === failuresMax;
    },
    forgive: (email) => counters.forgive(scopeOf(email)),
  };
}
