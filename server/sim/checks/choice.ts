/** I2, I5, I8, I14, I15: whom a slot is given to. */

import { eachMoment, type Moment, type SeenStep, slotsOf, type TenantThen } from './grants.ts';

/** Follows when jobs came, by its own account, and judges each grant. */
export function createChoiceCheck(): {
  readonly seen: (step: SeenStep) => Iterable<string>;
  readonly lost: () => void;
} {
  /** Where jobs stand in their tenant's queue: later by the offset of their priority. */
  const places = new Map<string, number>();
  const cancelled = new Set<string>();

  function note({ operation, before, reply, after, policy }: SeenStep): void {
    const placeAt = (priority: number) => after.nowMs + (policy.bandOffsetsMs[priority] ?? 0);
    if (operation.type === 'enqueue' && reply.status === 'ok') {
      places.set(operation.job.id, placeAt(operation.job.priority));
      cancelled.delete(operation.job.id);
    }
    if (operation.type === 'beat') {
      for (const { job } of operation.flights)
        if (before.jobs[job.id] === undefined) {
          places.set(job.id, placeAt(job.priority));
          cancelled.delete(job.id);
        }
    }
    if (reply.status !== 'ok') return;
    if (operation.type === 'cancel') cancelled.add(operation.jobId);
    if (operation.type === 'redrive') {
      const job = after.jobs[operation.jobId];
      if (job !== undefined) places.set(job.id, placeAt(job.priority));
    }
  }

  function* judge(step: SeenStep): Generator<string> {
    const { after } = step;
    const found: string[] = [];
    const areCapsKnown = !hasDropped(step);
    eachMoment(step, (moment) => {
      const { job, tenant, freeSlots } = moment;
      if (freeSlots <= 0) found.push(`I2: job ${job.id} was granted with ${freeSlots} slots free`);
      if (areCapsKnown) found.push(...capAndTurn(step, moment));
      const place = places.get(job.id) ?? 0;
      for (const other of tenant.waiting) {
        if ((places.get(other) ?? place) < place) found.push(`I14: job ${job.id} went before ${other}`);
      }
      if (job.deadlineMs <= after.nowMs) found.push(`I15: job ${job.id} was granted after its deadline`);
      if (cancelled.has(job.id)) found.push(`I15: job ${job.id} was granted after it was cancelled`);
    });
    yield* found;
  }

  return {
    *seen(step) {
      note(step);
      yield* occupation(step);
      yield* judge(step);
    },
    lost() {
      places.clear();
      cancelled.clear();
    },
  };
}

/** I2: more jobs than slots are in flight only where slots went, or where a lost state forgot what was in flight. */
function* occupation(step: SeenStep): Generator<string> {
  const { before, after } = step;
  const [was, is] = [before.inFlight + before.ghosts, after.inFlight + after.ghosts];
  if (is > slotsOf(after) && is > was + step.adopted.length) yield `I2: ${is} of ${slotsOf(after)} slots are taken`;
}

/** Whether a job was found to be too late by a grant, which may change the caps between two grants. */
function hasDropped({ before, operation, after }: SeenStep): boolean {
  const known =
    operation.type === 'enqueue' ? [...Object.values(before.jobs), operation.job] : Object.values(before.jobs);
  return known.some(({ id, deadlineMs }) => deadlineMs <= after.nowMs && after.jobs[id] === undefined);
}

/** I5 and I8: nobody passes a cap while others wait below theirs, and of those that may be served the least served is. */
function* capAndTurn(step: SeenStep, { tenant, freeSlots, tenants, tierTags, job }: Moment): Generator<string> {
  const { headroomSlots, capPolicy } = step.policy;
  const waiting = tenants.filter(({ isPaused, waiting }) => !isPaused && waiting.size > 0);
  const capOf = capsIn(step);
  const isBelow = (one: TenantThen) => one.inFlight < capOf(one);
  const isHeadroom = freeSlots <= headroomSlots;
  if (isHeadroom && tenant.inFlight > 0) yield `I5: ${tenant.id} took a slot kept for newcomers with job ${job.id}`;
  if (!isBelow(tenant) && capPolicy === 'strict') yield `I5: ${tenant.id} holds more than the strict cap`;
  if (!isBelow(tenant) && waiting.some(isBelow)) yield `I5: ${tenant.id} passed its cap while others waited`;
  const peers = waiting.filter(
    (one) => (isHeadroom ? one.inFlight === 0 : isBelow(one)) || (!isBelow(tenant) && capPolicy === 'entitlement'),
  );
  for (const peer of peers) {
    const isSibling = peer.tier === tenant.tier;
    if (isSibling && peer.tag < tenant.tag) yield `I8: ${tenant.id} went before ${peer.id}, which had less`;
    if (!isSibling && (tierTags.get(peer.tier) ?? 0) < (tierTags.get(tenant.tier) ?? 0))
      yield `I8: tier ${tenant.tier} went before ${peer.tier}, which had less`;
  }
}

/** Slots each tenant may hold, by the definition: a part of all, but never less than it is entitled to. */
function capsIn({ after, policy }: SeenStep): (tenant: TenantThen) => number {
  const slots = slotsOf(after);
  const literal = Math.max(Math.floor((slots * policy.capPercent) / 100), 1);
  if (policy.capPolicy === 'strict') return () => literal;
  const active = Object.values(after.tenants).filter(({ isActive }) => isActive);
  const weightOf = (tier: string) => active.reduce((sum, one) => sum + (one.tier === tier ? one.weight : 0), 0);
  const present = [...new Set(active.map(({ tier }) => tier))];
  const all = present.reduce((sum, name) => sum + (after.tiers[name]?.weight ?? 0), 0);
  return ({ tier, weight }) => {
    const part = (slots * (after.tiers[tier]?.weight ?? 0) * weight) / (all * weightOf(tier));
    return Math.max(literal, Math.ceil(part));
  };
}
