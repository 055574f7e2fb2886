/** How work of this process waits for its turn: it is queued, and leaves when nobody waits for it any more. */

import type { Logger } from '../context.ts';
import { AppError } from '../errors.ts';
import type { EndReason, NewJob, Reply } from './kernel/operations.ts';
import type { Granted, Pod } from './pod.ts';

/** What a turn is waited for with. */
export interface TurnOptions {
  readonly signal: AbortSignal;
  /** Cost so far, once it runs. */
  readonly progressCost: () => number;
  readonly log: Logger;
}

/** The longest that a client is told to wait, and the shortest, in milliseconds. */
const [retryAfterMsMin, retryAfterMsMax] = [1000, 120_000];

/**
 * Queues a job and waits for its grant; it counts as running from the moment that the grant is heard. Resolves with
 * `away` when the pool cannot be reached.
 *
 * @throws `rate_limit_exceeded` or `dependency_unavailable` when too much waits, and what the signal aborts with.
 */
export async function turnOf(pod: Pod, job: NewJob, options: TurnOptions): Promise<Granted | 'away'> {
  const { signal, progressCost, log } = options;
  const { promise, resolve, reject } = Promise.withResolvers<Granted | 'away'>();
  const leave = () => {
    if (!pod.waiters.delete(job.id)) return;
    pod.take({ type: 'cancel', jobId: job.id }).catch((error: unknown) => log.warn({ err: error }, 'a job waits on'));
    reject(signal.reason);
  };
  const granted = (grant: Granted) => {
    // Whoever asked finishes also when the slot was lost meanwhile: somebody waits for the answer.
    pod.running.set(job.id, { grant, job, progressCost, cancel: () => {} });
    resolve(grant);
  };
  const away = () => resolve('away');
  pod.waiters.set(job.id, { job, granted, away, ended: (reason) => reject(errorOf(reason)) });
  signal.addEventListener('abort', leave, { once: true });
  promise.catch(() => {});
  try {
    const reply = await enqueue(pod, job);
    if (reply === 'away') return reply;
    const refusal = refusalOf(pod, job, reply);
    if (refusal !== undefined) throw refusal;
    return await promise;
  } finally {
    pod.waiters.delete(job.id);
    signal.removeEventListener('abort', leave);
  }
}

/** Queues a job; a pod that was not heard for too long is heard first. */
async function enqueue(pod: Pod, job: NewJob): Promise<Reply | 'away'> {
  try {
    const reply = await pod.take({ type: 'enqueue', job });
    if (reply.status !== 'unknown_pod') return reply;
    await pod.beat();
    return await pod.take({ type: 'enqueue', job });
  } catch {
    // It may have been queued. Then its grant will be heard when nobody waits for it, and given back.
    return 'away';
  }
}

/** Why a job may not wait, and when it may be tried again: when what stands before it is served at the present rate. */
function refusalOf(pod: Pod, { queueMax }: NewJob, { status, backlog }: Reply): AppError | undefined {
  if (status === 'ok' || status === 'known') return undefined;
  const { queuedCost = 0, shareMillionths = 0 } = backlog ?? {};
  const perMs = (pod.servedCostPerSecond() * shareMillionths) / 1e9;
  const waitMs = perMs > 0 ? Math.ceil(queuedCost / perMs) : retryAfterMsMin;
  const retryAfterMs = Math.min(Math.max(waitMs, retryAfterMsMin), retryAfterMsMax);
  if (status !== 'tenant_queue_full') return busy(retryAfterMs);
  const detail = `Your tenant has ${queueMax} requests waiting for a model, which is as many as may wait.`;
  return new AppError('rate_limit_exceeded', { detail, retryAfterMs });
}

function errorOf(reason: EndReason): AppError {
  if (reason === 'cancelled') return new AppError('request_cancelled', { detail: 'The work was cancelled.' });
  return reason === 'expired'
    ? new AppError('request_timeout', { detail: 'No model was free before the deadline.' })
    : busy(retryAfterMsMin);
}

function busy(retryAfterMs: number): AppError {
  return new AppError('dependency_unavailable', { detail: 'Too many requests are waiting for a model.', retryAfterMs });
}
