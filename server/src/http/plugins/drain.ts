/**
 * Stopping without breaking a promise: no new connections, running requests finish, each connection closes after its
 * answer. What is not done when the time is up is cut.
 */

import type { FastifyInstance } from 'fastify';

/** How often connections that became idle are closed while draining. */
const sweepIntervalMs = 100;

/** The state of the server between ready and gone. */
export interface Drain {
  readonly isDraining: () => boolean;
  /** Resolves when the last running request is answered, or cut after `timeoutMs`. Calling it again waits for the same. */
  readonly drain: (timeoutMs: number) => Promise<void>;
}

/** Installs the hook and makes the switch. */
export function installDrain(app: FastifyInstance): Drain {
  let ending: Promise<void> | undefined;

  app.addHook('onSend', async (_request, reply) => {
    if (ending !== undefined) reply.header('connection', 'close');
  });

  async function end(timeoutMs: number): Promise<void> {
    // An event stream sent its head before draining began, so its connection stays open when it ends.
    const sweep = setInterval(() => app.server.closeIdleConnections(), sweepIntervalMs);
    const cut = setTimeout(() => app.server.closeAllConnections(), timeoutMs);
    try {
      await app.close();
    } finally {
      clearInterval(sweep);
      clearTimeout(cut);
    }
  }

  return {
    isDraining: () => ending !== undefined,
    drain(timeoutMs) {
      ending ??= end(timeoutMs);
      return ending;
    },
  };
}
