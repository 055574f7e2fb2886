/** A second state like a first: what a replica of Redis holds, or a backup. */

import { createSortedSet, type SortedSet } from '../../src/scheduler/kernel/sorted-set.ts';
import type { PoolState } from '../../src/scheduler/kernel/state.ts';

/** Copies all of a state that a transition changes. */
export function copyOf(state: PoolState): PoolState {
  return {
    ...copied(state),
    tiers: new Map([...state.tiers].map(([name, tier]) => [name, copied(tier)])),
    tenants: new Map([...state.tenants].map(([id, tenant]) => [id, copied(tenant)])),
    jobs: new Map([...state.jobs].map(([id, job]) => [id, { ...job }])),
    pods: new Map([...state.pods].map(([id, pod]) => [id, { ...copied(pod), inbox: [...pod.inbox] }])),
  };
}

/** A thing with copies of its sets. */
function copied<T extends object>(thing: T): T {
  const entries = Object.entries(thing).map(([key, value]) => [key, isSet(value) ? copyOfSet(value) : value]);
  return Object.fromEntries(entries) as T;
}

function isSet(value: unknown): value is SortedSet {
  return typeof value === 'object' && value !== null && 'scoreOf' in value;
}

function copyOfSet(set: SortedSet): SortedSet {
  const copy = createSortedSet();
  for (const name of set.names()) copy.add(name, set.scoreOf(name) ?? 0);
  return copy;
}
