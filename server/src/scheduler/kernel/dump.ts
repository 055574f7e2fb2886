/** A pool's state as plain data in one form, however it is kept: what is compared between backends and held against invariants. */

import type { SortedSet } from './sorted-set.ts';
import type { Job, Pod, PoolState, Tenant, Tier } from './state.ts';

/** Names with their scores, in order. */
export type Ranking = readonly (readonly [name: string, score: number])[];

/** The same things with other sets. */
type Dumped<T> = { readonly [K in keyof T]: T[K] extends SortedSet ? Ranking : T[K] };

/** Everything that is known of a pool. Maps are in order of their keys. */
export interface PoolDump
  extends Dumped<Omit<PoolState, 'policy' | 'areCapsStale' | 'tiers' | 'tenants' | 'jobs' | 'pods'>> {
  readonly tiers: Readonly<Record<string, Dumped<Tier>>>;
  readonly tenants: Readonly<Record<string, Dumped<Tenant>>>;
  readonly jobs: Readonly<Record<string, Job>>;
  readonly pods: Readonly<Record<string, Dumped<Pod>>>;
}

/** Writes a state out. */
export function dump({ policy: _policy, areCapsStale: _stale, ...state }: PoolState): PoolDump {
  return {
    ...dumped(state),
    tiers: byKey(state.tiers, dumped),
    tenants: byKey(state.tenants, dumped),
    jobs: byKey(state.jobs, (job) => ({ ...job })),
    pods: byKey(state.pods, dumped),
  };
}

function byKey<T, D>(map: ReadonlyMap<string, T>, write: (value: T) => D): Record<string, D> {
  const written: Record<string, D> = {};
  for (const [key, value] of [...map].sort(([one], [other]) => (one < other ? -1 : 1))) written[key] = write(value);
  return written;
}

function dumped<T extends object>(thing: T): Dumped<T> {
  // A loop, since simulations write a state out after every step.
  const written: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(thing)) written[key] = isSortedSet(value) ? ranking(value) : value;
  return written as Dumped<T>;
}

function isSortedSet(value: unknown): value is SortedSet {
  return typeof value === 'object' && value !== null && 'scoreOf' in value;
}

function ranking(set: SortedSet): Ranking {
  return set.names().map((name) => [name, set.scoreOf(name) ?? 0]);
}
