/**
 * The grants of one step, and how things stood before each of them, worked out backwards from the state after the step.
 *
 * Grants are the last thing a step does, and each only moves one job from its queue into a slot; so undoing them one by one
 * shows what the kernel chose from.
 */

import type { PoolDump } from '../../src/scheduler/kernel/dump.ts';
import { idOf, type Job } from '../../src/scheduler/kernel/state.ts';
import type { Step } from '../model/store.ts';

/** How far a cost moves a tag: written down again, so that a mistake in the kernel's own rule shows. */
export const tagOf = (cost: number, weight: number): number => Math.floor((cost * 300) / weight);

/** A tenant before a grant. */
export interface TenantThen {
  readonly id: string;
  readonly tier: string;
  readonly weight: number;
  readonly isPaused: boolean;
  inFlight: number;
  tag: number;
  readonly waiting: Set<string>;
}

/** How things stand before a grant. */
export interface Moment {
  readonly job: Job;
  readonly tenant: TenantThen;
  readonly freeSlots: number;
  readonly tenants: readonly TenantThen[];
  readonly tierTags: ReadonlyMap<string, number>;
}

/** A step, and what became of slots in it. */
export interface SeenStep extends Step {
  /** Jobs in flight that a pod brought along into a state that did not know them. */
  readonly adopted: readonly Job[];
  /** Jobs that were granted, in that order. */
  readonly grants: readonly Job[];
}

/** Works out what became of slots. */
export function see(step: Step): SeenStep {
  const adopted = adoptedIn(step);
  return { ...step, adopted, grants: grantsIn(step, adopted) };
}

function adoptedIn({ before, operation, after }: Step): readonly Job[] {
  if (operation.type !== 'beat') return [];
  return operation.flights.flatMap(({ jobId, nonce }) => {
    const job = after.jobs[jobId];
    // A job that was known may have ended in this very step, and come again with the pod: it has another name then.
    const isNew = job !== undefined && before.jobs[jobId]?.name !== job.name;
    return isNew && job.nonce === nonce ? [job] : [];
  });
}

function grantsIn({ before, after }: Step, adopted: readonly Job[]): readonly Job[] {
  const granted = Object.values(after.jobs).filter(
    (job) => job.nonce !== undefined && job.nonce !== before.jobs[job.id]?.nonce && !adopted.includes(job),
  );
  return granted.sort((one, other) => placeOf(one) - placeOf(other));
}

/** Nonces of one step are numbered. */
const placeOf = ({ nonce = '' }: Job): number => Number(nonce.slice(nonce.lastIndexOf('.') + 1));

/** Shows each grant of a step, from the last to the first, to whoever wants to see. */
export function eachMoment({ after, grants }: SeenStep, look: (moment: Moment) => void): void {
  if (grants.length === 0) return;
  const tenants = new Map(Object.values(after.tenants).map((tenant) => [tenant.id, tenantThen(tenant)]));
  const tierTags = new Map(Object.entries(after.tiers).map(([name, { tag }]) => [name, tag]));
  let freeSlots = slotsOf(after) - after.inFlight - after.ghosts;
  for (const job of grants.toReversed()) {
    const tenant = tenants.get(job.tenantId);
    const tier = after.tiers[tenant?.tier ?? ''];
    if (tenant === undefined || tier === undefined) continue;
    tenant.inFlight -= 1;
    tenant.tag -= tagOf(job.estimatedCost, tenant.weight);
    tenant.waiting.add(job.id);
    tierTags.set(tenant.tier, (tierTags.get(tenant.tier) ?? 0) - tagOf(job.estimatedCost, tier.weight));
    freeSlots += 1;
    look({ job, tenant, freeSlots, tenants: [...tenants.values()], tierTags });
  }
}

function tenantThen({ id, tier, weight, isPaused, inFlight, tag, attached, detached }: PoolDump['tenants'][string]) {
  const waiting = new Set([...attached, ...detached].map(([name]) => idOf(name)));
  return { id, tier, weight, isPaused, inFlight, tag, waiting };
}

/** Jobs that may be in flight at once. */
export const slotsOf = ({ upstreamSlots, workers }: PoolDump): number => Math.min(upstreamSlots, workers);
