/** What an examination finds. */

import { isAppError } from '../../errors.ts';
import { failureFrom } from '../failures.ts';

/** One thing that was looked at. `off`: the settings do not use it. */
export interface Finding {
  readonly check: string;
  readonly status: 'ok' | 'off' | 'warning' | 'failed';
  readonly detail: string;
  /** What to do about it; on every warning and failure. */
  readonly fix?: string;
}

/** Looks at one thing; what it throws is a failure of the thing. */
export interface Check {
  readonly name: string;
  readonly look: () => Promise<readonly Omit<Finding, 'check'>[]> | readonly Omit<Finding, 'check'>[];
  /** What helps when looking fails. */
  readonly fix: string;
}

/** Runs a check. */
export async function findingsOf({ name, look, fix }: Check): Promise<readonly Finding[]> {
  try {
    return (await look()).map((finding) => ({ check: name, ...finding }));
  } catch (error) {
    const failure = failureFrom(error);
    // What an error code advises is meant for callers of the API, and its cause is kept from them.
    if (!isAppError(error))
      return [{ check: name, status: 'failed', detail: failure.message, fix: failure.fix ?? fix }];
    const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
    return [{ check: name, status: 'failed', detail: `${failure.message}${cause}`, fix }];
  }
}
