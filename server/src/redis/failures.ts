/** What Redis and its client say when something is wrong, translated once. */

import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../errors.ts';

/** Tries of a command that Redis refused for a moment, and the longest first pause between two, in milliseconds. */
const attemptsMax = 5;
const pauseMs = 20;

/** Refused before anything was done: slots move, data is loaded, a script runs for too long, the cluster elects. */
const passing = /^(TRYAGAIN|LOADING|BUSY|CLUSTERDOWN|MASTERDOWN)\b/;

/** Refused because of what was sent: our own mistake, and no other server would take it. */
const ownMistake = /^(ERR|WRONGTYPE|NOPROTO|CROSSSLOT|EXECABORT)\b/;

/** Tries again what Redis refused for a moment, with pauses that grow and that differ between processes. */
export async function withPatience<T>(command: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await command();
    } catch (error) {
      if (attempt === attemptsMax || !passing.test(messageOf(error))) throw error;
      await delay(pauseMs * 2 ** attempt * (0.5 + Math.random() / 2), undefined, { signal });
    }
  }
}

/** Whether Redis does not have the script. */
export function isScriptMissing(error: unknown): boolean {
  return messageOf(error).startsWith('NOSCRIPT');
}

/** Whether Redis does not have the function. */
export function isFunctionMissing(error: unknown): boolean {
  return messageOf(error) === 'ERR Function not found';
}

/** The error that the rest of the program sees: `dependency_unavailable`, or as it is when the mistake is ours. */
export function translatedFailure(error: unknown): unknown {
  const message = messageOf(error);
  if (ownMistake.test(message)) return error;
  const detail = message.startsWith('MOVED')
    ? 'Redis is a cluster, and REDIS_CLUSTER is not set.'
    : 'Redis is not available.';
  return new AppError('dependency_unavailable', { detail, cause: error });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : '';
}
