/**
 * Ends a call to a model endpoint that has fallen silent, or whose caller has aborted. One signal for both, so that
 * the connection has one owner; its reason is always an AppError that says which it was.
 */

import { AppError, errorFromAbort } from '../errors.ts';

/** The watch over one call. */
export interface SilenceWatch {
  /** Aborts when the caller does or an expectation fails; its reason is an AppError. */
  readonly signal: AbortSignal;
  /** Something must arrive within that time, or the call ends. */
  expect(withinMs: number): void;
  /** It arrived; until the next expectation, silence is our own doing (a slow client). */
  rest(): void;
  /** The call is over: lets go of the caller's signal. */
  end(): void;
}

/** Starts to watch a call on behalf of a caller. */
export function createSilenceWatch(caller: AbortSignal): SilenceWatch {
  const controller = new AbortController();
  const follow = () => controller.abort(errorFromAbort(caller));
  let timer: NodeJS.Timeout | undefined;
  if (caller.aborted) follow();
  else caller.addEventListener('abort', follow, { once: true });
  const rest = () => clearTimeout(timer);
  return {
    signal: controller.signal,
    expect(withinMs) {
      clearTimeout(timer);
      const detail = `It sent nothing for ${withinMs} ms.`;
      timer = setTimeout(() => controller.abort(new AppError('upstream_unavailable', { detail })), withinMs);
    },
    rest,
    end() {
      rest();
      caller.removeEventListener('abort', follow);
    },
  };
}
