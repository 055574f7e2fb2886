/** I6, I9, I10, I11, I13, I16: what a step may change, and what not. */

import type { PoolDump } from '../../src/scheduler/kernel/dump.ts';
import type { Operation } from '../../src/scheduler/kernel/operations.ts';
import type { Job } from '../../src/scheduler/kernel/state.ts';
import { type SeenStep, tagOf } from './grants.ts';

const refusals = new Set(['stale', 'known', 'exhausted', 'unknown_pod', 'tenant_queue_full', 'pool_queue_full']);

/** Judges steps; remembers which nonces were given out. */
export function createChangeCheck(): {
  readonly seen: (step: SeenStep) => Iterable<string>;
  readonly lost: () => void;
} {
  const ownerOf = new Map<string, string>();

  /** I9: a nonce is given once, to one job. */
  function* nonces(step: SeenStep): Generator<string> {
    for (const { id, nonce = '' } of step.grants) {
      if (ownerOf.has(nonce)) yield `I9: the nonce of ${id} was given before, to ${ownerOf.get(nonce)}`;
      ownerOf.set(nonce, id);
    }
  }

  return {
    *seen(step) {
      yield* nonces(step);
      yield* fence(step);
      yield* refusal(step);
      yield* clocks(step);
      yield* credit(step);
      yield* charges(step);
      yield* attempts(step);
      yield* isolation(step);
    },
    lost: () => {},
  };
}

/** Whether something happened by itself in this step, or was left over by the one before. */
function isQuiet({ before, after, wasSettled }: SeenStep): boolean {
  const [first] = before.timers;
  return wasSettled && (first === undefined || first[1] > after.nowMs);
}

/** I9: whoever does not hold a job by its nonce can do nothing with it. */
function* fence({ before, operation, reply, after, adopted }: SeenStep): Generator<string> {
  if (operation.type === 'start' || operation.type === 'settle') {
    const job = before.jobs[operation.jobId];
    const isHeld = job?.nonce === operation.nonce && job.podId === operation.podId;
    if (!isHeld && reply.status !== 'stale') yield `I9: ${operation.type} of ${operation.jobId} by a stale nonce`;
  }
  if (operation.type !== 'beat') return;
  for (const { jobId, nonce } of operation.flights) {
    const job = before.jobs[jobId];
    if (job === undefined || (job.nonce === nonce && job.podId === operation.podId)) continue;
    if (adopted.some(({ id }) => id === jobId)) continue;
    if (!(reply.staleJobIds ?? []).includes(jobId)) yield `I9: the pod was not told that ${jobId} is stale`;
    if (after.jobs[jobId]?.nonce === nonce) yield `I9: ${jobId} was taken over by a stale nonce`;
  }
}

/** I11: an operation that is refused leaves no trace. */
function* refusal(step: SeenStep): Generator<string> {
  const { before, reply, after, operation } = step;
  if (!refusals.has(reply.status) || !isQuiet(step)) return;
  const [was, is] = [before, after].map(({ nowMs: _, ...rest }) => JSON.stringify(rest));
  if (was !== is) yield `I11: ${operation.type} was refused as ${reply.status} and changed something`;
}

/** I6: clocks never go back. */
function* clocks({ before, after }: SeenStep): Generator<string> {
  if (after.nowMs < before.nowMs) yield `I6: time went back from ${before.nowMs} to ${after.nowMs}`;
  if (after.clock < before.clock) yield `I6: the clock of the pool went back`;
  for (const [name, { clock }] of Object.entries(before.tiers)) {
    if ((after.tiers[name]?.clock ?? 0) < clock) yield `I6: the clock of ${name} went back`;
  }
}

/** I6: tags fall by corrections alone, debts outlive a rest, and a rest earns nothing. */
function* credit(step: SeenStep): Generator<string> {
  const { before, operation, after, grants } = step;
  for (const was of Object.values(before.tenants)) {
    const is = after.tenants[was.id];
    const landed = Object.values(before.jobs).filter(
      (job) => job.tenantId === was.id && job.nonce !== undefined && after.jobs[job.id]?.nonce !== job.nonce,
    );
    const least = landed.reduce((tag, { chargedCost }) => tag - tagOf(chargedCost, was.weight), was.tag);
    const isMoved = operation.type === 'setTenant' && operation.tenantId === was.id && operation.tier !== was.tier;
    if (is === undefined && !isMoved && least > (after.tiers[was.tier]?.clock ?? 0))
      yield `I6: the debt of ${was.id} was forgotten`;
    // One that was at rest with nothing owed either way may be forgotten, and begin anew in the same step.
    const isAnother = is?.name !== was.name && least <= (after.tiers[was.tier]?.clock ?? 0);
    if (is !== undefined && is.tier === was.tier && is.weight === was.weight && !isAnother && is.tag < least)
      yield `I6: the tag of ${was.id} fell from ${was.tag} to ${is.tag}`;
  }
  if (operation.type !== 'enqueue' || !isQuiet(step)) return;
  const { id, tenantId, tier } = operation.job;
  const [was, is] = [before.tenants[tenantId], after.tenants[tenantId]];
  const hadNothing = was === undefined || was.attached.length + was.detached.length === 0;
  if (!hadNothing || is === undefined || after.jobs[id] === undefined || before.jobs[id] !== undefined) return;
  const own = grants.filter((job) => job.tenantId === tenantId);
  const began = own.reduce((tag, { estimatedCost }) => tag - tagOf(estimatedCost, is.weight), is.tag);
  const clock = before.tiers[tier]?.clock ?? 0;
  if (began < clock) yield `I6: ${tenantId} came back with credit`;
  if (was === undefined && began > clock) yield `I8: newcomer ${tenantId} began behind the others`;
}

/** I10: what tiers are charged is what their jobs are: estimates, then progress, then the actual cost, each once. */
function* charges(step: SeenStep): Generator<string> {
  const { before, operation, reply, after } = step;
  const adopted = new Set(step.adopted.map(({ id }) => id));
  let change = 0;
  for (const job of Object.values(after.jobs)) {
    const was = before.jobs[job.id];
    const progress = operation.type === 'beat' ? operation.flights.find(({ jobId }) => jobId === job.id) : undefined;
    if (job.nonce === undefined || adopted.has(job.id)) continue;
    if (was?.nonce !== job.nonce) change += job.estimatedCost;
    else if (progress?.nonce === job.nonce && was !== undefined)
      change += Math.max(progress.progressCost - was.chargedCost, 0);
  }
  for (const job of Object.values(before.jobs)) {
    if (job.nonce === undefined || after.jobs[job.id]?.nonce === job.nonce) continue;
    const isSettled = operation.type === 'settle' && operation.jobId === job.id && reply.status === 'ok';
    if (isSettled) change += (operation.actualCost ?? job.chargedCost) - job.chargedCost;
    // The job of a pod that died before it began cost nothing; one that ran keeps its charge.
    else if (job.state === 'granted') change -= job.chargedCost;
  }
  const served = (pool: PoolDump) => Object.values(pool.tiers).reduce((sum, tier) => sum + tier.servedCost, 0);
  const is = served(after) - served(before);
  if (is !== change) yield `I10: ${is} was charged where ${change} was due`;
}

/** I13: only a start is an attempt, and whatever was tried often enough is a dead letter. */
function* attempts({ before, operation, after, policy }: SeenStep): Generator<string> {
  for (const job of Object.values(after.jobs)) {
    const was = before.jobs[job.id];
    const isStart = operation.type === 'start' && operation.jobId === job.id;
    const isRedrive = operation.type === 'redrive' && operation.jobId === job.id;
    // One that was too late and came again in the same step is another.
    if (was?.name === job.name && !isRedrive && job.attempts !== was.attempts) {
      if (!isStart || job.attempts !== was.attempts + 1) yield `I13: ${job.id} went to attempt ${job.attempts}`;
    }
    const isExhausted = job.attempts >= policy.attemptsMax || job.deaths >= policy.deathsMax;
    if (isExhausted && (job.state === 'queued' || job.state === 'delayed')) yield `I13: ${job.id} is tried for ever`;
  }
}

/** Whose affairs an operation is. */
function tenantsOf(operation: Operation, before: PoolDump): ReadonlySet<string | undefined> {
  if (operation.type === 'enqueue') return new Set([operation.job.tenantId]);
  if (operation.type === 'setTenant') return new Set([operation.tenantId]);
  if (operation.type === 'beat')
    return new Set(operation.flights.flatMap(({ jobId, job }) => [job.tenantId, before.jobs[jobId]?.tenantId]));
  if (operation.type === 'reap') {
    const jobs = Object.values(before.jobs).filter(({ podId }) => podId === operation.deadPodId);
    return new Set(jobs.map(({ tenantId }) => tenantId));
  }
  return 'jobId' in operation ? new Set([before.jobs[operation.jobId]?.tenantId]) : new Set();
}

/** What only a tenant's own operations change of its job. */
function ownOf({ id, name, tenantId, kind, estimatedCost, priority, order, attempts, deaths, deadlineMs }: Job) {
  return [id, name, tenantId, kind, estimatedCost, priority, order, attempts, deaths, deadlineMs].join();
}

/** I16: the operations of one tenant leave the others alone, but for their turn, and one eviction where the pool is full. */
function* isolation(step: SeenStep): Generator<string> {
  const { before, operation, after, policy, grants } = step;
  const concerned = tenantsOf(operation, before);
  for (const [id, was] of Object.entries(before.tenants)) {
    const is = after.tenants[id];
    if (concerned.has(id) || is === undefined) continue;
    if (was.tier !== is.tier || was.weight !== is.weight || was.isPaused !== is.isPaused)
      yield `I16: ${id} was changed by ${operation.type} of another`;
    if (!isQuiet(step)) continue;
    const own = grants
      .filter((job) => job.tenantId === id)
      .reduce((tag, { estimatedCost }) => tag + tagOf(estimatedCost, is.weight), 0);
    // Whoever was held back by its cap is owed at most one job when the cap lets it go.
    const lifted = (after.tiers[is.tier]?.clock ?? 0) - tagOf(policy.costMax, is.weight);
    if (is.tag < was.tag + own || is.tag > Math.max(was.tag, lifted) + own)
      yield `I16: the tag of ${id} was moved by another`;
  }
  if (!isQuiet(step)) return;
  let evictions = 0;
  for (const job of Object.values(before.jobs)) {
    if (concerned.has(job.tenantId)) continue;
    const is = after.jobs[job.id];
    if (is === undefined) {
      // Only so many dead letters are kept in the pool; the rows of the jobs stay.
      if (job.state === 'dead' && before.dead.length >= policy.deadMax) continue;
      const isExpired = job.state === 'queued' && job.deadlineMs <= after.nowMs;
      const isEvicted =
        operation.type === 'enqueue' && job.kind === 'attached' && before.queuedAttached >= policy.queuedMax;
      if (!isExpired && isEvicted) evictions += 1;
      else if (!isExpired) yield `I16: job ${job.id} was removed by ${operation.type} of another`;
    } else if (ownOf(is) !== ownOf(job) || (is.state !== job.state && !grants.includes(is))) {
      yield `I16: job ${job.id} was changed by ${operation.type} of another`;
    }
  }
  if (evictions > 1) yield `I16: ${evictions} jobs were evicted for one`;
}
