/**
 * A document of somebody else's server, kept: asked for once by all who need it at the same moment, never more often than
 * the limit says, whoever asks and however often, and used for a bounded time while the server is away.
 */

import { AppError } from '../../../errors.ts';

/** A document that is renewed now and then. */
export interface RemoteDocument<T> {
  /** The document. @throws {AppError} dependency_unavailable when there is none that is fresh enough. */
  readonly get: () => Promise<T>;
  /** Asks for it anew unless that was done just now, and gives what is known then. */
  readonly renew: () => Promise<T>;
}

/** How long things hold. */
export interface RemoteDocumentLimits {
  /** Age from which `get` asks anew. */
  readonly freshMs: number;
  /** Age up to which the document serves while asking anew fails. */
  readonly staleMs: number;
  /** Least time between two requests, successful or not. */
  readonly intervalMs: number;
}

/** Makes a document that `load` fetches. */
export function createRemoteDocument<T>(
  load: () => Promise<T>,
  { freshMs, staleMs, intervalMs }: RemoteDocumentLimits,
  now: () => number,
): RemoteDocument<T> {
  let known: { readonly value: T; readonly loadedMs: number } | undefined;
  let loading: Promise<void> | undefined;
  let triedMs = Number.NEGATIVE_INFINITY;
  let failure: unknown;

  /** Never rejects: whoever waits looks at what is known afterwards. */
  function attempt(): Promise<void> {
    if (loading !== undefined) return loading;
    const elapsedMs = now() - triedMs;
    // A clock that was set back must not hold it off for as long.
    if (elapsedMs >= 0 && elapsedMs < intervalMs) return Promise.resolve();
    triedMs = now();
    loading = load()
      .then(
        (value) => {
          known = { value, loadedMs: now() };
        },
        (error: unknown) => {
          failure = error;
        },
      )
      .finally(() => {
        loading = undefined;
      });
    return loading;
  }

  function current(): T {
    if (known !== undefined && now() - known.loadedMs < staleMs) return known.value;
    throw new AppError('dependency_unavailable', {
      detail: 'The identity provider could not be reached, or its answer could not be used.',
      cause: failure,
    });
  }

  return {
    async get() {
      if (known === undefined || now() - known.loadedMs >= freshMs) await attempt();
      return current();
    },
    async renew() {
      await attempt();
      return current();
    },
  };
}
