/**
 * This process as a pod of a pool: it beats, hears what it is granted, and knows which jobs it holds.
 *
 * The backend decides who runs; a pod only ever tells the truth about what it holds. What it is granted and does not know it
 * gives back, and what it could not settle it settles again at the next beat.
 */

import type { Logger } from '../context.ts';
import type { SchedulerBackend } from './backend.ts';
import type { EndReason, Flight, Message, NewJob, Operation, PoolView, Reply } from './kernel/operations.ts';

/** A grant as it reaches whoever is to run the job. */
export type Granted = Message & { readonly type: 'granted' };

/** Who waits for a job of this pod. */
export interface Waiter {
  readonly job: NewJob;
  readonly granted: (grant: Granted) => void;
  readonly ended: (reason: EndReason) => void;
  /** Told that the pool cannot be reached: the job is not waited for any more. */
  readonly away: () => void;
}

/** A job that runs here. */
export interface Running {
  readonly grant: Granted;
  readonly job: NewJob;
  /** Cost so far. */
  readonly progressCost: () => number;
  /** Asks the work to end; it settles the job then. */
  readonly cancel: (reason: 'cancelled' | 'lost') => void;
}

/** What a pod needs. */
export interface PodOptions {
  readonly backend: SchedulerBackend;
  readonly podId: string;
  /** Jobs it runs at once. */
  readonly workers: number;
  readonly leaseMs: number;
  readonly log: Logger;
  /** Told that the pool was heard. */
  readonly onBeat: () => void;
  /** Told what is granted to this pod while nobody here waits for it: detached jobs. */
  readonly onDetached: (grant: Granted) => void;
  /** Told how jobs ended that nobody here waits for. */
  readonly onEnded: (message: Message & { type: 'ended' | 'dead' }) => void;
}

/** A process that takes part in a pool. */
export interface Pod {
  /** Takes a step as this pod, and does what the reply says. */
  readonly take: (operation: PodOperation) => Promise<Reply>;
  /** Who waits here, by job. */
  readonly waiters: Map<string, Waiter>;
  /** What runs here, by job. */
  readonly running: Map<string, Running>;
  /** Gives the slot of a job back; goes on with each beat while the backend is away. */
  readonly settle: (settlement: Settlement) => Promise<void>;
  /** Whether the pool could not be reached lately. */
  readonly isAway: () => boolean;
  /** Says that the pod lives and what it holds. */
  readonly beat: () => Promise<void>;
  /** What the last beat said of the pool. */
  readonly pool: () => PoolView;
  /** Says what the upstream takes at once. */
  readonly setSlots: (upstreamSlots: number) => Promise<void>;
  /** What the pool has served a second, smoothed; 0 while it is not known. */
  readonly servedCostPerSecond: () => number;
  /** Takes no new jobs from now on. */
  readonly drain: () => Promise<void>;
  /** Leaves the pool. */
  readonly close: () => Promise<void>;
}

/** An operation without who asks. */
export type PodOperation = Operation extends infer One
  ? One extends { readonly podId: string }
    ? Omit<One, 'podId'>
    : never
  : never;

/** How a job ended. */
export type Settlement = Omit<Extract<Operation, { type: 'settle' }>, 'type' | 'podId'>;

/** A pod beats so often in a lease, so that two may be lost; and at least once a second, which also is the pool's clock. */
const beatsPerLease = 3;
const beatIntervalMsMax = 1000;
/** Steps in a row that fail before the pool counts as away. */
const failuresMax = 3;
/** Weight of the last beat in the smoothed rate. */
const rateWeight = 0.2;

/** Joins a pool; it beats first when it is asked to, and then by itself. */
export function createPod(options: PodOptions): Pod {
  const { backend, podId, leaseMs, log } = options;
  const waiters = new Map<string, Waiter>();
  const running = new Map<string, Running>();
  const unsettled = new Map<string, Settlement>();
  const rate = createRate();
  let { workers } = options;
  let generation = '';
  let pool: PoolView = { pods: 0, slots: 0, inFlight: 0, queuedAttached: 0, queuedDetached: 0, servedCost: 0 };
  let failures = 0;
  let beating: Promise<void> | undefined;

  async function take(operation: PodOperation): Promise<Reply> {
    let reply: Reply;
    try {
      reply = await backend.transition({ ...operation, podId } as Operation);
      failures = 0;
    } catch (error) {
      failures += 1;
      if (isAway()) sendAway();
      throw error;
    }
    for (const message of reply.messages) hear(message);
    return reply;
  }

  const isAway = () => failures >= failuresMax;

  function sendAway(): void {
    for (const [jobId, waiter] of [...waiters]) {
      waiters.delete(jobId);
      waiter.away();
    }
  }

  const hear = createEar({ waiters, running, unsettled, settle, ...options });

  async function settle(settlement: Settlement): Promise<void> {
    unsettled.set(settlement.jobId, settlement);
    try {
      await take({ type: 'settle', ...settlement });
      if (unsettled.get(settlement.jobId) === settlement) unsettled.delete(settlement.jobId);
    } catch (error) {
      log.warn({ err: error, jobId: settlement.jobId }, 'a slot could not be given back yet');
    }
  }

  async function beatOnce(): Promise<void> {
    const flights = [...running.values()].map(flightOf);
    const reply = await take({ type: 'beat', generation, workers, flights });
    for (const jobId of reply.staleJobIds ?? []) running.get(jobId)?.cancel('lost');
    if (reply.isNewPod === true) for (const { job } of [...waiters.values()]) await take({ type: 'enqueue', job });
    generation = reply.generation ?? generation;
    pool = reply.pool ?? pool;
    rate.note(pool.servedCost);
    options.onBeat();
    for (const settlement of [...unsettled.values()]) await settle(settlement);
  }

  function beat(): Promise<void> {
    beating ??= beatOnce().finally(() => {
      beating = undefined;
    });
    return beating;
  }

  const stopListening = backend.listen(podId, hear);
  const timer = setInterval(
    () => beat().catch((error: unknown) => log.warn({ err: error }, 'the scheduler could not be reached')),
    Math.min(beatIntervalMsMax, Math.floor(leaseMs / beatsPerLease)),
  );
  timer.unref();

  return {
    take,
    waiters,
    running,
    settle,
    isAway,
    beat,
    pool: () => pool,
    async setSlots(upstreamSlots) {
      // The next beat tells; until then this is the best that is known.
      pool = { ...pool, slots: upstreamSlots };
      await take({ type: 'setCapacity', upstreamSlots });
    },
    servedCostPerSecond: rate.perSecond,
    async drain() {
      workers = 0;
      await beat();
    },
    async close() {
      clearInterval(timer);
      await beating?.catch(() => {});
      await take({ type: 'reap', deadPodId: podId }).catch(() => {});
      await stopListening();
    },
  };
}

/** What hearing a message may touch. */
interface Ear extends Pick<Pod, 'waiters' | 'running' | 'settle'>, Pick<PodOptions, 'onDetached' | 'onEnded'> {
  /** Jobs that ended here and whose slots are not given back yet. */
  readonly unsettled: ReadonlyMap<string, Settlement>;
}

/** Does what messages say. */
function createEar(ear: Ear): (message: Message) => void {
  function hear(message: Message): void {
    if (message.type === 'granted') hearGrant(message);
    else if (message.type === 'cancel') ear.running.get(message.jobId)?.cancel('cancelled');
    else hearEnd(message);
  }

  function hearGrant(grant: Granted): void {
    const { jobId, nonce } = grant;
    if (ear.running.get(jobId)?.grant.nonce === nonce) return;
    const settled = ear.unsettled.get(jobId);
    const waiter = ear.waiters.get(jobId);
    ear.waiters.delete(jobId);
    if (settled?.nonce === nonce) void ear.settle(settled);
    else if (waiter !== undefined) waiter.granted(grant);
    else if (grant.kind === 'detached') ear.onDetached(grant);
    else void ear.settle({ jobId, nonce, outcome: 'done', actualCost: 0, retryAtMs: 0 });
  }

  function hearEnd(message: Message & { type: 'ended' | 'dead' }): void {
    const waiter = ear.waiters.get(message.jobId);
    if (waiter === undefined || message.type === 'dead') ear.onEnded(message);
    else {
      ear.waiters.delete(message.jobId);
      waiter.ended(message.reason);
    }
  }

  return hear;
}

function flightOf({ grant, job, progressCost }: Running): Flight {
  return { jobId: grant.jobId, nonce: grant.nonce, progressCost: progressCost(), job };
}

/** Smooths the rate at which a total grows. */
function createRate(now: () => number = performance.now.bind(performance)) {
  let last: { readonly total: number; readonly atMs: number } | undefined;
  let perSecond = 0;
  return {
    note(total: number): void {
      const atMs = now();
      if (last !== undefined && atMs > last.atMs) {
        const measured = (Math.max(total - last.total, 0) * 1000) / (atMs - last.atMs);
        perSecond = perSecond === 0 ? measured : perSecond + rateWeight * (measured - perSecond);
      }
      last = { total, atMs };
    },
    perSecond: () => perSecond,
  };
}
