/**
 * Counts failed logins by e-mail address and makes an address wait once there were too many.
 *
 * Addresses are counted whether or not there is such an account, and apart from the tenant named, so waiting reveals
 * nothing. An attempt counts when it begins, so a burst of parallel guesses gets no more tries than a slow one.
 */

import { createHash } from 'node:crypto';
import { AppError } from '../../errors.ts';

/** The counts of this process. */
export interface LoginFailures {
  /**
   * Counts an attempt; true when it is the last one before the address must wait.
   * @throws {AppError} rate_limit_exceeded when the address must wait.
   */
  readonly begin: (email: string) => boolean;
  /** Forgets the attempts of an address that has logged in. */
  readonly forgive: (email: string) => void;
}

const windowMs = 15 * 60_000;
/** Addresses remembered; beyond it the one whose window began first is forgotten. */
const addressesMax = 10_000;

/** @param failuresMax failed logins of an address within 15 minutes. */
export function createLoginFailures(failuresMax: number, now: () => number): LoginFailures {
  // Insertion order is the order in which windows end.
  const windows = new Map<string, { attempts: number; readonly endsMs: number }>();
  const keyOf = (email: string) => createHash('sha256').update(email).digest('base64');

  function windowOf(key: string): { attempts: number; readonly endsMs: number } {
    const current = windows.get(key);
    if (current !== undefined && current.endsMs > now()) return current;
    windows.delete(key);
    const [oldest] = windows.keys();
    if (windows.size >= addressesMax && oldest !== undefined) windows.delete(oldest);
    const fresh = { attempts: 0, endsMs: now() + windowMs };
    windows.set(key, fresh);
    return fresh;
  }

  return {
    begin(email) {
      const window = windowOf(keyOf(email));
      if (window.attempts >= failuresMax) {
        const retryAfterMs = window.endsMs - now();
        throw new AppError('rate_limit_exceeded', { detail: 'Too many failed logins for this address.', retryAfterMs });
      }
      window.attempts += 1;
      return window.attempts === failuresMax;
    },
    forgive: (email) => void windows.delete(keyOf(email)),
  };
}
