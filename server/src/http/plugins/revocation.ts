/**
 * Ends the requests under way whose credential no longer stands: a session that ended, a key that was revoked or has
 * expired, a user or tenant that was suspended, rights that were taken away.
 *
 * Every process looks after its own requests, in one statement per turn, and needs no message from the process that
 * made the change. A credential that nobody could confirm for a while counts as gone: a process that is cut off from its
 * database must not go on serving whom the others have shut out.
 */

import type { FastifyInstance } from 'fastify';
import type { Logger } from '../../context.ts';
import { AppError } from '../../errors.ts';
import type { Identity } from '../../identity/index.ts';
import type { RunningRequest, RunningRequests } from './drain.ts';

/** How long a request may go on while its credential cannot be confirmed; a database fails over within it. */
const unconfirmedMsMax = 15_000;
/** How long a look may take before the next one no longer waits for it. */
const lookPatienceMs = 5000;

/** What the look needs. */
export interface RevocationDeps {
  readonly identity: Pick<Identity, 'stillStanding'>;
  readonly running: RunningRequests;
  readonly intervalMs: number;
  readonly log: Logger;
}

/** Starts the look, which goes on until the server has closed. */
export function installRevocation(app: FastifyInstance, { identity, running, intervalMs, log }: RevocationDeps): void {
  let waitsUntilMs = 0;

  async function look(): Promise<void> {
    const asked = [...running];
    const askedMs = performance.now();
    const standing = await identity.stillStanding(asked.map(({ caller }) => caller));
    for (const request of asked) {
      if (standing.has(request.caller)) request.confirmedMs = Math.max(request.confirmedMs, askedMs);
      else end(request, new AppError('authentication_required', { cause: new Error('The credential has fallen.') }));
    }
  }

  function end(request: RunningRequest, reason: AppError): void {
    running.delete(request);
    request.end(reason);
    const { tenantId, principal } = request.caller;
    log.info({ tenantId, credential: principal.credential, code: reason.code }, 'a request under way was ended');
  }

  const timer = setInterval(() => {
    const nowMs = performance.now();
    for (const request of [...running]) {
      if (request.confirmedMs < nowMs - unconfirmedMsMax) end(request, new AppError('dependency_unavailable'));
    }
    if (nowMs < waitsUntilMs || running.size === 0) return;
    waitsUntilMs = nowMs + lookPatienceMs;
    look()
      .catch((error: unknown) => log.warn({ err: error }, 'credentials of requests under way were not confirmed'))
      .finally(() => {
        waitsUntilMs = 0;
      });
  }, intervalMs);
  timer.unref();
  app.addHook('onClose', async () => clearInterval(timer));
}
