/** Jobs that wait, and the rest of tenants that have none. */

import { addWeight, advance, join, place, waitingOf } from './fairness.ts';
import { createSortedSet } from './sorted-set.ts';
import { found, type Job, numbered, type PoolState, type Tenant, tenantOf, tierOf } from './state.ts';

/** What is known of the tenant of a job. */
type TenantFacts = Pick<Job, 'tenantId' | 'tier' | 'weight'>;

/** Puts a job into its tenant's queue. */
export function queue(state: PoolState, job: Job): void {
  const tenant = tenantFor(state, job);
  if (waitingOf(tenant) === 0) {
    tierOf(state, tenant).parked.remove(tenant.name);
    if (tenant.inFlight === 0) tenant.name = numbered(state, tenant.id);
    join(state, tenant);
  }
  job.state = 'queued';
  job.queuedAtMs = state.nowMs;
  tenant[job.kind].add(job.name, job.order);
  countWaiting(state, tenant, job, 1);
  place(state, tenant);
}

/** Takes a job out of its tenant's queue; the caller places the tenant. */
export function unqueue(state: PoolState, job: Job): Tenant {
  const tenant = tenantOf(state, job);
  tenant[job.kind].remove(job.name);
  countWaiting(state, tenant, job, -1);
  return tenant;
}

/** Removes a job that waits for good. */
export function drop(state: PoolState, job: Job): void {
  const tenant = unqueue(state, job);
  forget(state, job);
  place(state, tenant);
  rest(state, tenant);
}

/** Removes a job that is in no queue. */
export function forget(state: PoolState, job: Job): void {
  state.jobs.delete(job.id);
  state.timers.remove(`deadline:${job.id}`);
  if (job.podId !== undefined) state.pods.get(job.podId)?.jobs.remove(job.name);
}

/** Lets go of a tenant that neither waits nor runs, keeping its tag while it is ahead of the clock. */
export function rest(state: PoolState, tenant: Tenant): void {
  if (waitingOf(tenant) > 0 || tenant.inFlight > 0 || tenant.isPaused) return;
  const tier = tierOf(state, tenant);
  if (tenant.tag > tier.clock) tier.parked.add(tenant.name, tenant.tag);
  else state.tenants.delete(tenant.id);
}

/** The tenant as somebody who knows it now says it is: moved when its tier or weight was another. */
export function tenantAs(state: PoolState, facts: TenantFacts): Tenant {
  const tenant = tenantFor(state, facts);
  if (tenant.tier !== facts.tier || tenant.weight !== facts.weight) moveTenant(state, tenant, facts.tier, facts.weight);
  return tenant;
}

/** The tenant of a job, made when it is not known. What the job says of it may be of yesterday. */
export function tenantFor(state: PoolState, { tenantId, tier, weight }: TenantFacts): Tenant {
  const known = state.tenants.get(tenantId);
  if (known !== undefined) return known;
  const tenant: Tenant = {
    id: tenantId,
    name: numbered(state, tenantId),
    tier,
    weight,
    tag: 0,
    standing: undefined,
    isPaused: false,
    isActive: false,
    inFlight: 0,
    queuedCost: 0,
    attached: createSortedSet(),
    detached: createSortedSet(),
  };
  state.tenants.set(tenantId, tenant);
  return tenant;
}

/** Gives a tenant another tier or weight; how far it is ahead of the clock goes along, credit does not. */
function moveTenant(state: PoolState, tenant: Tenant, tierName: string, weight: number): void {
  const from = tierOf(state, tenant);
  const to = found(state.tiers.get(tierName), `tier ${tierName}`);
  const aheadOfClock = Math.max(tenant.tag - from.clock, 0);
  if (tenant.standing !== undefined) from[tenant.standing].remove(tenant.name);
  from.parked.remove(tenant.name);
  if (tenant.isActive) addWeight(state, from, -tenant.weight);
  Object.assign(tenant, { tier: tierName, weight, tag: to.clock + aheadOfClock, standing: undefined, isActive: false });
  weigh(state, tenant);
  place(state, tenant);
}

function countWaiting(state: PoolState, tenant: Tenant, { kind, estimatedCost }: Job, sign: 1 | -1): void {
  if (kind === 'detached') {
    state.queuedDetached += sign;
    return;
  }
  state.queuedAttached += sign;
  tenant.queuedCost += sign * estimatedCost;
  weigh(state, tenant);
}

/** Keeps how heavy a tenant's queue is. */
function weigh(state: PoolState, tenant: Tenant): void {
  if (tenant.queuedCost > 0) state.heaviest.add(tenant.id, heaviness(state, tenant, tenant.queuedCost));
  else state.heaviest.remove(tenant.id);
}

/** How much waits, measured by the share of the pool it waits for. */
export function heaviness(state: PoolState, { tier, weight }: { tier: string; weight: number }, cost: number): number {
  return advance(cost * 100, found(state.tiers.get(tier), `tier ${tier}`).weight * weight);
}
