/**
 * Lets model work of this process wait for its turn in the pool and run in a slot.
 *
 * A slot comes back on every way out of the work. Whoever leaves while waiting leaves the queue at once.
 */

import { v7 as uuidv7 } from 'uuid';
import type { Logger, TenantScope, TenantTier } from '../context.ts';
import { AppError } from '../errors.ts';
import type { SchedulerBackend } from './backend.ts';
import { createCapacityControl, type UpstreamSign } from './capacity.ts';
import type { EndReason, NewJob, Reply } from './kernel/operations.ts';
import type { PoolSurvey } from './kernel/survey.ts';
import { createPod, type Granted, type Pod } from './pod.ts';

/** Work for a model that somebody waits for. */
export interface AttachedWork extends TenantScope {
  readonly tier: TenantTier;
  /** Expected cost in units of `Slot.used`. */
  readonly estimatedCost: number;
  /** When nobody waits for it any more, in milliseconds since the epoch. */
  readonly deadlineMs: number;
  /** Aborts when nobody waits for it any more. */
  readonly signal: AbortSignal;
}

/** What work in a slot gets. */
export interface Slot {
  /** Time spent waiting, in milliseconds. */
  readonly waitedMs: number;
  /** Notes the cost so far; the last note is what is charged. Without any the estimate is. */
  readonly used: (cost: number) => void;
}

/** Gives slots to work. */
export interface Scheduler {
  /**
   * Runs the work when it is its turn.
   * @throws `rate_limit_exceeded` when the tenant has too much waiting, `dependency_unavailable` when the pool has,
   *   what the signal aborts with, and what the work throws.
   */
  readonly withSlot: <T>(work: AttachedWork, run: (slot: Slot) => Promise<T>) => Promise<T>;
  readonly usage: () => { readonly busy: number; readonly waiting: number; readonly slots: number };
  /** How the pool does, with one tenant, or with those that have most waiting for their share. */
  readonly survey: (tenantId?: string) => Promise<PoolSurvey>;
  /** Learns from how a call of the upstream went how much it takes at once. */
  readonly note: (sign: UpstreamSign) => void;
  /** Joins the pool. */
  readonly start: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Work that had its slot. */
export interface Served {
  readonly tier: TenantTier;
  readonly waitedMs: number;
  readonly cost: number;
}

/** What the scheduler needs. */
export interface SchedulerOptions {
  readonly backend: SchedulerBackend;
  readonly workers: number;
  readonly leaseMs: number;
  readonly tenantQueueMax: number;
  /** The most that the upstream is given at once. */
  readonly slots: number;
  /** Whether less is tried when it shows that this is too much. */
  readonly isAdaptive: boolean;
  readonly log: Logger;
  readonly onServed: (served: Served) => void;
  readonly random?: () => string;
}

/** Share of a tenant within its tier; all are equal. */
const usualWeight = 100;
/** Tenants that are shown at once. */
const surveyedMax = 100;
/** The longest that a client is told to wait, and the shortest, in milliseconds. */
const [retryAfterMsMin, retryAfterMsMax] = [1000, 120_000];

/** Makes the scheduler of this process. */
export function createScheduler(options: SchedulerOptions): Scheduler {
  const { backend, workers, leaseMs, tenantQueueMax, log, random = uuidv7 } = options;
  const pod = createPod({
    backend,
    podId: `pod_${random()}`,
    workers,
    leaseMs,
    log,
    onDetached: giveBack,
    onEnded: () => {},
  });

  const capacity = createCapacityControl({
    slotsMax: options.slots,
    pool: () => ({ slots: pod.pool().slots, inFlight: Math.max(pod.pool().inFlight, pod.running.size) }),
    setSlots: (slots) => {
      pod.setSlots(slots).catch((error: unknown) => log.warn({ err: error }, 'the capacity could not be changed'));
    },
  });

  function giveBack({ jobId, nonce }: Granted): void {
    void pod.settle({ jobId, nonce, outcome: 'retry', actualCost: 0, retryAtMs: 0 });
  }

  function newJob({ tenantId, tier, estimatedCost, deadlineMs }: AttachedWork): NewJob {
    return {
      id: `job_${random()}`,
      kind: 'attached',
      tenantId,
      tier,
      weight: usualWeight,
      queueMax: tenantQueueMax,
      estimatedCost: Math.max(Math.ceil(estimatedCost), 1),
      priority: 0,
      deadlineMs,
      attempts: 0,
    };
  }

  /** Waits for the grant of a job; it counts as running from the moment that its grant is heard. */
  async function turnOf(job: NewJob, signal: AbortSignal, progressCost: () => number): Promise<Granted> {
    const { promise, resolve, reject } = Promise.withResolvers<Granted>();
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
    pod.waiters.set(job.id, { job, granted, ended: (reason) => reject(errorOf(reason)) });
    signal.addEventListener('abort', leave, { once: true });
    try {
      const refusal = refusalOf(await enqueue(pod, job));
      if (refusal !== undefined) throw refusal;
      return await promise;
    } finally {
      pod.waiters.delete(job.id);
      signal.removeEventListener('abort', leave);
      promise.catch(() => {});
    }
  }

  /** Why a job may not wait, and when it may be tried again: when what stands before it is served at the present rate. */
  function refusalOf({ status, backlog }: Reply): AppError | undefined {
    if (status === 'ok' || status === 'known') return undefined;
    const { queuedCost = 0, shareMillionths = 0 } = backlog ?? {};
    const perMs = (pod.servedCostPerSecond() * shareMillionths) / 1e9;
    const waitMs = perMs > 0 ? Math.ceil(queuedCost / perMs) : retryAfterMsMin;
    const retryAfterMs = Math.min(Math.max(waitMs, retryAfterMsMin), retryAfterMsMax);
    if (status !== 'tenant_queue_full') return busy(retryAfterMs);
    const detail = `Your tenant has ${tenantQueueMax} requests waiting for a model, which is as many as may wait.`;
    return new AppError('rate_limit_exceeded', { detail, retryAfterMs });
  }

  return {
    async withSlot(work, run) {
      work.signal.throwIfAborted();
      const job = newJob(work);
      let usedCost: number | undefined;
      const { nonce, waitedMs } = await turnOf(job, work.signal, () => usedCost ?? 0);
      const used = (cost: number) => {
        usedCost = Math.max(Math.ceil(cost), 0);
      };
      try {
        return await run({ waitedMs, used });
      } finally {
        pod.running.delete(job.id);
        options.onServed({ tier: work.tier, waitedMs, cost: usedCost ?? job.estimatedCost });
        void pod.settle({ jobId: job.id, nonce, outcome: 'done', actualCost: usedCost, retryAtMs: 0 });
      }
    },
    usage: () => ({ busy: pod.running.size, waiting: pod.waiters.size, slots: pod.pool().slots }),
    survey: (tenantId) => backend.survey(tenantId, surveyedMax),
    note: (sign) => {
      if (options.isAdaptive) capacity.note(sign);
    },
    start: pod.beat,
    close: pod.close,
  };
}

/** Queues a job; a pod that was not heard for too long is heard first. */
async function enqueue(pod: Pod, job: NewJob): Promise<Reply> {
  const reply = await pod.take({ type: 'enqueue', job });
  if (reply.status !== 'unknown_pod') return reply;
  await pod.beat();
  return pod.take({ type: 'enqueue', job });
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
