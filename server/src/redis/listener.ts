/** Waits for what arrives in a list: by a connection of its own, because the wait blocks it. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster, Redis } from 'ioredis';

/** How long Redis lets one wait last, in seconds. */
export const waitSecondsMax = 2;
/** Items taken at once. */
const itemsMax = 100;
/** Pause after a wait that failed; the connection is made again meanwhile. */
const pauseMs = 200;

/**
 * Takes what arrives in a list, in order, until the returned function is called. What was taken and not yet passed on when
 * the connection broke is lost: whoever relies on it must hear it again by other ways.
 */
export function listenTo(
  connection: Redis | Cluster,
  key: string,
  onItem: (item: string) => void,
): () => Promise<void> {
  const closing = new AbortController();
  const { signal } = closing;

  async function listen(): Promise<void> {
    while (!signal.aborted) {
      try {
        const taken = await connection.blmpop(waitSecondsMax, 1, key, 'LEFT', 'COUNT', itemsMax);
        for (const item of taken?.[1] ?? []) onItem(item);
      } catch {
        // The pool is told of broken connections.
        await delay(pauseMs, undefined, { signal }).catch(() => {});
      }
    }
  }

  const listening = listen();
  return async () => {
    closing.abort();
    connection.disconnect();
    await listening;
  };
}
