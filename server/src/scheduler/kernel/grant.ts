/** Gives the free slots to whoever is next. Every operation ends here, so no slot stays free while somebody waits. */

import { capOf, charge, place, tick } from './fairness.ts';
import { takeOff } from './flights.ts';
import { drop, unqueue } from './queues.ts';
import {
  found,
  freeSlots,
  idOf,
  type Job,
  type PoolState,
  type Standing,
  type Tenant,
  type Tier,
  tierOf,
} from './state.ts';
import { type Step, tell } from './step.ts';

/** Jobs that are granted or found to be over in one step. */
const grantsMax = 64;
/** Tenants whose tag the clock has passed that are let go with a grant. */
const letGoMax = 2;

/** Grants jobs until no slot is free or nobody may be served. */
export function grant(step: Step): void {
  const { state } = step;
  for (let count = 0; count < grantsMax; count++) {
    if (state.areCapsStale) liftCaps(state);
    const tenant = next(state);
    if (tenant === undefined) return;
    grantTo(step, tenant);
  }
  step.hasMore = next(state) !== undefined;
}

/** Who is served next, if anybody may be. */
function next(state: PoolState): Tenant | undefined {
  const free = freeSlots(state);
  const { headroomSlots, capPolicy } = state.policy;
  if (free <= 0) return undefined;
  if (free <= headroomSlots) return leastOf(state, ['fresh']);
  const below = leastBelowCap(state);
  if (below !== undefined || capPolicy === 'strict') return below;
  return leastOf(state, ['capped']);
}

/** The next tenant below its cap; those met that have reached it since are set aside. */
function leastBelowCap(state: PoolState): Tenant | undefined {
  for (;;) {
    const tenant = leastOf(state, ['fresh', 'ready']);
    if (tenant === undefined || tenant.inFlight < capOf(state, tenant)) return tenant;
    place(state, tenant);
  }
}

/** The tenant with the least tag in the tier with the least tag, among those of some standings. */
function leastOf(state: PoolState, standings: readonly Standing[]): Tenant | undefined {
  let least: Tier | undefined;
  for (const tier of state.tiers.values()) {
    if (standings.every((standing) => tier[standing].size() === 0)) continue;
    if (least === undefined || tier.tag < least.tag) least = tier;
  }
  if (least === undefined) return undefined;
  let first: string | undefined;
  let firstTag = Number.POSITIVE_INFINITY;
  for (const standing of standings) {
    const name = least[standing].first();
    if (name === undefined) continue;
    const tag = least[standing].scoreOf(name) ?? 0;
    if (first === undefined || tag < firstTag || (tag === firstTag && name < first)) [first, firstTag] = [name, tag];
  }
  return first === undefined ? undefined : found(state.tenants.get(idOf(first)), first);
}

/** Grants the first job of a tenant, or ends it when it is too late for it. */
function grantTo(step: Step, tenant: Tenant): void {
  const { state } = step;
  const job = firstOf(state, tenant);
  const pod = state.pods.get(job.podId ?? state.room.last() ?? '');
  if (job.deadlineMs <= state.nowMs || pod === undefined) {
    tell(step, job.podId, { type: 'ended', jobId: job.id, reason: pod === undefined ? 'pod_died' : 'expired' });
    drop(state, job);
    return;
  }
  tick(state, tenant);
  unqueue(state, job);
  takeOff(state, job, pod, step.nonce());
  charge(state, tenant, 0, job.estimatedCost);
  job.chargedCost = job.estimatedCost;
  place(state, tenant);
  letGo(state, tierOf(state, tenant));
  tell(step, pod.id, grantedMessage(job, state.nowMs));
}

/** What a pod is told about a job that it is to run. */
export function grantedMessage({ id, tenantId, kind, nonce = '', attempts, queuedAtMs }: Job, nowMs: number) {
  return { type: 'granted', jobId: id, tenantId, kind, nonce, attempts, waitedMs: nowMs - queuedAtMs } as const;
}

/** The first of a tenant's jobs, of either kind. */
function firstOf(state: PoolState, { attached, detached, id }: Tenant): Job {
  const [one, other] = [attached.first(), detached.first()].map((name) =>
    name === undefined ? undefined : state.jobs.get(idOf(name)),
  );
  if (one === undefined || other === undefined) return found(one ?? other, `the jobs of ${id}`);
  return other.order < one.order || (other.order === one.order && other.name < one.name) ? other : one;
}

/** Puts back those that stand below their cap since others left or slots came. They are few: all of them hold slots. */
function liftCaps(state: PoolState): void {
  state.areCapsStale = false;
  for (const tier of state.tiers.values()) {
    for (const name of [...tier.capped.names()]) place(state, found(state.tenants.get(idOf(name)), name));
  }
}

/** Forgets tenants at rest that the clock has passed: their tags say nothing any more. */
function letGo(state: PoolState, tier: Tier): void {
  for (let count = 0; count < letGoMax; count++) {
    const name = tier.parked.first();
    if (name === undefined || (tier.parked.scoreOf(name) ?? 0) > tier.clock) return;
    tier.parked.remove(name);
    state.tenants.delete(idOf(name));
  }
}
