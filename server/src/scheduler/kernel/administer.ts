/** Changes of the pool by those who run it: policy, capacity, tenants, dead letters. */

import { orderOf } from './enqueue.ts';
import { liftTenant, place } from './fairness.ts';
import type { Operation, Policy, Status } from './operations.ts';
import { queue, rest, tenantAs } from './queues.ts';
import { createTier, type PoolState, tierOf } from './state.ts';

/** Shares the pool by another policy from now on. Tiers that are left out keep their weight: tenants may wait in them. */
export function configure(state: PoolState, policy: Policy): void {
  for (const [name, weight] of Object.entries(policy.tierWeights)) {
    const tier = state.tiers.get(name);
    if (tier === undefined) {
      state.tiers.set(name, createTier(weight));
      continue;
    }
    if (tier.activeWeight > 0) state.activeTierWeight += weight - tier.weight;
    tier.weight = weight;
  }
  state.policy = policy;
  state.areCapsStale = true;
}

/** Says what the upstream takes at once. Jobs in flight are left alone. */
export function setCapacity(state: PoolState, upstreamSlots: number): void {
  state.upstreamSlots = upstreamSlots;
  state.areCapsStale = true;
}

/** Gives a tenant another tier or weight, holds it back or lets it go on. */
export function setTenant(state: PoolState, operation: Operation & { type: 'setTenant' }): void {
  const tenant = tenantAs(state, operation);
  const isResumed = tenant.isPaused && !operation.isPaused;
  tierOf(state, tenant).parked.remove(tenant.name);
  tenant.isPaused = operation.isPaused;
  if (isResumed) liftTenant(state, tierOf(state, tenant), tenant);
  place(state, tenant);
  rest(state, tenant);
}

/** Queues a dead job as if it were new. */
export function redrive(state: PoolState, jobId: string): Status {
  const job = state.jobs.get(jobId);
  if (job?.state !== 'dead') return 'stale';
  state.dead.remove(job.name);
  Object.assign(job, { attempts: 0, deaths: 0, order: orderOf(state, job.priority) });
  queue(state, job);
  return 'ok';
}
