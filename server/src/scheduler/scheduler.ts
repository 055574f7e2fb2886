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
import type { NewJob } from './kernel/operations.ts';
import type { PoolSurvey } from './kernel/survey.ts';
import { createPod, type Granted, type Pod } from './pod.ts';
import { type TurnOptions, turnOf } from './turn.ts';

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
  /** Whether the pool cannot be reached, so that this server shares out only its own part of it. */
  readonly isAlone: () => boolean;
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
  /** Where work of this server waits while the backend cannot be reached. */
  readonly fallback?: SchedulerBackend;
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
/** Of its part of the pool, what a server uses alone: others may still be at work that was granted before. */
const aloneShare = 0.8;

/** Makes the scheduler of this process. */
export function createScheduler(options: SchedulerOptions): Scheduler {
  const { backend, fallback, workers, leaseMs, tenantQueueMax, log, random = uuidv7 } = options;
  const podOn = (of: SchedulerBackend, onBeat: () => void) => {
    const podId = `pod_${random()}`;
    return createPod({ backend: of, podId, workers, leaseMs, log, onBeat, onDetached: giveBack, onEnded: () => {} });
  };
  const local = fallback && podOn(fallback, () => {});
  const shared = podOn(backend, sizeLocal);

  const capacity = createCapacityControl({
    slotsMax: options.slots,
    pool: () => ({ slots: shared.pool().slots, inFlight: Math.max(shared.pool().inFlight, shared.running.size) }),
    setSlots: (slots) => {
      shared.setSlots(slots).catch((error: unknown) => log.warn({ err: error }, 'the capacity could not be changed'));
    },
  });

  function giveBack({ jobId, nonce }: Granted): void {
    void shared.settle({ jobId, nonce, outcome: 'retry', actualCost: 0, retryAtMs: 0 });
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

  /** Waits in the pool, or where it cannot be reached, in the part of it that is this server's. */
  async function grantOf(job: NewJob, turn: TurnOptions): Promise<{ readonly pod: Pod; readonly grant: Granted }> {
    if (local === undefined || !shared.isAway()) {
      const grant = await turnOf(shared, job, turn);
      if (grant !== 'away') return { pod: shared, grant };
    }
    const grant = local === undefined ? 'away' : await turnOf(local, job, turn);
    if (grant === 'away' || local === undefined)
      throw new AppError('dependency_unavailable', { detail: 'The scheduler cannot be reached.', retryAfterMs: 1000 });
    return { pod: local, grant };
  }

  /** What this server may do alone: its part of what the pool could when it was last heard. */
  function sizeLocal(): void {
    const { slots, pods } = shared.pool();
    if (pods === 0) return;
    const alone = Math.max(Math.floor((aloneShare * slots) / pods), 1);
    local?.setSlots(alone).catch((error: unknown) => log.warn({ err: error }, 'a share could not be set'));
  }

  return {
    async withSlot(work, run) {
      work.signal.throwIfAborted();
      const job = newJob(work);
      let usedCost: number | undefined;
      const turn = { signal: work.signal, progressCost: () => usedCost ?? 0, log };
      const { pod, grant } = await grantOf(job, turn);
      const { nonce, waitedMs } = grant;
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
    usage: () => ({
      busy: shared.running.size + (local?.running.size ?? 0),
      waiting: shared.waiters.size + (local?.waiters.size ?? 0),
      slots: (local !== undefined && shared.isAway() ? local : shared).pool().slots,
    }),
    isAlone: () => local !== undefined && shared.isAway(),
    survey: (tenantId) => backend.survey(tenantId, surveyedMax),
    note: (sign) => {
      if (options.isAdaptive) capacity.note(sign);
    },
    async start() {
      await local?.beat();
      const started = shared.beat();
      // A server also starts while the pool cannot be reached.
      await (local === undefined ? started : started.catch(() => {}));
    },
    async close() {
      await shared.close();
      await local?.close();
    },
  };
}
