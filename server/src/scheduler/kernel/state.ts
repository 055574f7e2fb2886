/**
 * What the scheduler of one pool knows: tiers and their tenants, jobs, and the pods that run them.
 *
 * Every collection has its twin in Redis (../keys.ts), so that one description of a transition serves both. Times are
 * milliseconds, costs are whole units, tags and clocks whole numbers below 2^53.
 */

import type { JobKind, Message, Policy } from './operations.ts';
import { createSortedSet, type SortedSet } from './sorted-set.ts';

/** Where a tenant that waits stands: nothing in flight, below its cap, or at it. */
export type Standing = 'fresh' | 'ready' | 'capped';

/** Tenants of one weight class. */
export interface Tier {
  weight: number;
  /** Start tag among the tiers. */
  tag: number;
  /** Highest start tag of a tenant that was served. */
  clock: number;
  /** Weights of the tenants that wait or run. */
  activeWeight: number;
  /** Cost charged so far, corrections included. */
  servedCost: number;
  readonly fresh: SortedSet;
  readonly ready: SortedSet;
  readonly capped: SortedSet;
  /** Tags of tenants at rest that are still ahead of the clock. */
  readonly parked: SortedSet;
}

/** A tenant that waits, runs, or is at rest with a tag ahead of the clock. */
export interface Tenant {
  readonly id: string;
  /** Its name in sorted sets: who came to wait first stands first among equals. */
  name: string;
  tier: string;
  weight: number;
  tag: number;
  standing: Standing | undefined;
  isPaused: boolean;
  /** Whether its weight counts among the active ones. */
  isActive: boolean;
  inFlight: number;
  /** Estimated cost of its attached jobs that wait. */
  queuedCost: number;
  readonly attached: SortedSet;
  readonly detached: SortedSet;
}

/** A job that has not ended. `granted` and `running` jobs hold a slot. */
export interface Job {
  readonly id: string;
  readonly name: string;
  readonly tenantId: string;
  /** The tier and weight of its tenant when it came. */
  readonly tier: string;
  readonly weight: number;
  readonly kind: JobKind;
  readonly estimatedCost: number;
  readonly priority: number;
  /** Place in its tenant's queue: when it came, later by its priority. */
  order: number;
  state: 'queued' | 'granted' | 'running' | 'delayed' | 'dead';
  /** The pod of an attached job, or the one that a detached job was granted to. */
  podId: string | undefined;
  /** Fences whoever lost the job. */
  nonce: string | undefined;
  chargedCost: number;
  /** Times it was started. */
  attempts: number;
  /** Times its pod died while it ran. */
  deaths: number;
  queuedAtMs: number;
  deadlineMs: number;
}

/** A process that runs jobs. */
export interface Pod {
  readonly id: string;
  /** Jobs it wants to run at once; 0 when it drains or died. */
  workers: number;
  inFlight: number;
  /** Its jobs in flight (score 0) and the attached ones that wait (score 1), oldest first. */
  readonly jobs: SortedSet;
  readonly inbox: Message[];
}

/** All that is known of a pool. */
export interface PoolState {
  policy: Policy;
  /** Tells a state that was lost and begun anew from the one before. */
  generation: string;
  /** Number of the last tenant or job that was given one. */
  sequence: number;
  /** The latest time that was seen; time never goes back. */
  nowMs: number;
  /** What the upstream takes at once. */
  upstreamSlots: number;
  /** Workers of all pods that live. */
  workers: number;
  inFlight: number;
  /** Slots of jobs whose pod died. */
  ghosts: number;
  queuedAttached: number;
  queuedDetached: number;
  /** Highest start tag of a tier that was served. */
  clock: number;
  /** Weights of the tiers with active tenants. */
  activeTierWeight: number;
  /** Whether caps may have changed since tenants were last held against them. */
  areCapsStale: boolean;
  readonly tiers: Map<string, Tier>;
  readonly tenants: Map<string, Tenant>;
  readonly jobs: Map<string, Job>;
  readonly pods: Map<string, Pod>;
  /** Workers that pods have free. */
  readonly room: SortedSet;
  /** What happens by itself at a time: `lease:POD`, `retry:JOB`, `deadline:JOB`, `ghost:NUMBER:JOB`. */
  readonly timers: SortedSet;
  /** Tenants by how much of their share waits. */
  readonly heaviest: SortedSet;
  readonly dead: SortedSet;
}

/** A pool that nobody has used. */
export function createPoolState(policy: Policy, upstreamSlots: number, generation: string): PoolState {
  const tiers = Object.entries(policy.tierWeights).map(([name, weight]): [string, Tier] => [name, createTier(weight)]);
  return {
    policy,
    generation,
    sequence: 0,
    nowMs: 0,
    upstreamSlots,
    workers: 0,
    inFlight: 0,
    ghosts: 0,
    queuedAttached: 0,
    queuedDetached: 0,
    clock: 0,
    activeTierWeight: 0,
    areCapsStale: false,
    tiers: new Map(tiers),
    tenants: new Map(),
    jobs: new Map(),
    pods: new Map(),
    room: createSortedSet(),
    timers: createSortedSet(),
    heaviest: createSortedSet(),
    dead: createSortedSet(),
  };
}

/** A tier that nobody has used. */
export function createTier(weight: number): Tier {
  return {
    weight,
    tag: 0,
    clock: 0,
    activeWeight: 0,
    servedCost: 0,
    fresh: createSortedSet(),
    ready: createSortedSet(),
    capped: createSortedSet(),
    parked: createSortedSet(),
  };
}

/** A name that sorts by number: scores may be equal, numbers are not. */
export function numbered(state: PoolState, id: string): string {
  state.sequence += 1;
  return `${String(state.sequence).padStart(sequenceDigits, '0')}:${id}`;
}

const sequenceDigits = 13;

/** The id in a numbered name. */
export const idOf = (name: string): string => name.slice(sequenceDigits + 1);

/** Slots that are neither taken nor more than the pods have workers. */
export const freeSlots = (state: PoolState): number => slotsOf(state) - state.inFlight - state.ghosts;

/** Jobs that may be in flight at once. */
export const slotsOf = ({ upstreamSlots, workers }: PoolState): number => Math.min(upstreamSlots, workers);

/** The tier of a tenant. */
export function tierOf(state: PoolState, { tier }: Tenant): Tier {
  return found(state.tiers.get(tier), `tier ${tier}`);
}

/** The tenant of a job. */
export function tenantOf(state: PoolState, { tenantId }: Job): Tenant {
  return found(state.tenants.get(tenantId), `tenant ${tenantId}`);
}

/** What must be there; a kernel that has lost it must not go on. */
export function found<T>(thing: T | undefined, name: string): T {
  if (thing === undefined) throw new Error(`The scheduler has lost ${name}.`);
  return thing;
}
