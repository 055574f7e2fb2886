/**
 * Stopping without breaking a promise: no new connections, running requests finish, each connection closes after its
 * answer. Work that is not done when the time is up ends with `server_draining`; what then still holds on is cut.
 */

import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { AppError } from '../../errors.ts';
import type { Authenticated } from '../../identity/index.ts';

/** How often connections without a request are closed while draining. */
const sweepIntervalMs = 100;

/** How long work that was told to end may take to say so to its client. */
const graceMs = 1000;

/** A request under way that can be told to end. */
export interface RunningRequest {
  readonly caller: Authenticated;
  /** Ends it with an error, which a stream that has begun sends as its last event. */
  readonly end: (reason: AppError) => void;
  /** When its credential was last known to stand, on the clock of `performance.now()`. */
  confirmedMs: number;
}

/** The requests of tenants' callers that are under way in this process; at most HTTP_CONNECTIONS_MAX or so. */
export type RunningRequests = Set<RunningRequest>;

/** The state of the server between ready and gone. */
export interface Drain {
  readonly isDraining: () => boolean;
  /** Who runs now; entered by the request's context, left when its answer is complete. */
  readonly running: RunningRequests;
  /** Resolves when nothing runs any more, at the latest soon after `timeoutMs`. Calling it again waits for the same. */
  readonly drain: (timeoutMs: number) => Promise<void>;
}

/** Installs the hook and makes the switch. */
export function installDrain(app: FastifyInstance): Drain {
  const running: RunningRequests = new Set();
  const sockets = new Set<Duplex & { readonly bytesRead: number }>();
  let ending: Promise<void> | undefined;

  app.addHook('onSend', async (_request, reply) => {
    if (ending !== undefined) reply.header('connection', 'close');
  });

  app.server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });

  /** Closes what waits for a next request; browsers also open connections for which there never was a first. */
  function sweep(): void {
    app.server.closeIdleConnections();
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
  }

  function endWork(): void {
    for (const request of running) request.end(new AppError('server_draining'));
  }

  async function end(timeoutMs: number): Promise<void> {
    const timers = [
      // An event stream sent its head before draining began, so its connection stays open when it ends.
      setInterval(sweep, sweepIntervalMs),
      setTimeout(endWork, timeoutMs),
      setTimeout(() => app.server.closeAllConnections(), timeoutMs + graceMs),
    ];
    try {
      await app.close();
    } finally {
      for (const timer of timers) clearTimeout(timer);
    }
  }

  return {
    isDraining: () => ending !== undefined,
    running,
    drain(timeoutMs) {
      ending ??= end(timeoutMs);
      return ending;
    },
  };
}
