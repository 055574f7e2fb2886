/**
 * What must hold of a pool after every step. Numbers as in docs/scheduler.md; the others speak of more than one state and
 * are checked by the simulator.
 */

import type { PoolDump, Ranking } from './dump.ts';
import type { Policy } from './operations.ts';
import { idOf, type Job } from './state.ts';

/** Says what does not hold; nothing when all is well. `isSettled` is false while a step left something to do. */
export function violationsOf(pool: PoolDump, policy: Policy, isSettled = true): readonly string[] {
  return [
    ...conservation(pool),
    ...slots(pool),
    ...(isSettled ? workConservation(pool, policy) : []),
    ...partition(pool),
    ...deadLetters(pool, policy),
  ];
}

const names = (ranking: Ranking): readonly string[] => ranking.map(([name]) => name);
const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
const isInFlight = ({ state }: Job): boolean => state === 'granted' || state === 'running';

function* unequal(invariant: string, what: string, is: number, mustBe: number): Generator<string> {
  if (is !== mustBe) yield `${invariant}: ${what} is ${is}, must be ${mustBe}`;
}

/** I1: every job is in exactly one place, the one its state says. */
function* conservation({
  jobs,
  tenants,
  dead,
  timers,
  pods,
  queuedAttached,
  queuedDetached,
}: PoolDump): Generator<string> {
  const queued = Object.values(tenants).flatMap((one) => [...names(one.attached), ...names(one.detached)]);
  const places = new Map<string, string[]>();
  const put = (name: string, place: string) => places.set(name, [...(places.get(name) ?? []), place]);
  for (const name of queued) put(idOf(name), 'queued');
  for (const name of names(dead)) put(idOf(name), 'dead');
  for (const timer of names(timers)) if (timer.startsWith('retry:')) put(timer.slice(6), 'delayed');
  for (const job of Object.values(jobs)) {
    if (isInFlight(job)) put(job.id, job.state);
    const found = places.get(job.id) ?? [];
    if (found.length !== 1 || found[0] !== job.state) yield `I1: job ${job.id} is ${job.state} and in [${found}]`;
    const mustBeAt = isInFlight(job) || job.kind === 'attached' ? job.podId : undefined;
    for (const pod of Object.values(pods)) {
      const isThere = names(pod.jobs).includes(job.name);
      if (isThere !== (pod.id === mustBeAt)) yield `I1: job ${job.id} and pod ${pod.id} do not agree`;
    }
  }
  for (const id of places.keys()) if (jobs[id] === undefined) yield `I1: ${id} is in a place and no job`;
  const waiting = (kind: string) => Object.values(jobs).filter((job) => job.state === 'queued' && job.kind === kind);
  yield* unequal('I1', 'queuedAttached', queuedAttached, waiting('attached').length);
  yield* unequal('I1', 'queuedDetached', queuedDetached, waiting('detached').length);
}

/** I3: every count of slots is the count of the jobs that hold them; I2 but for shrinking is held by the grants. */
function* slots({ jobs, tenants, pods, inFlight, ghosts, timers, workers, room }: PoolDump): Generator<string> {
  const flying = Object.values(jobs).filter(isInFlight);
  yield* unequal('I3', 'inFlight', inFlight, flying.length);
  yield* unequal('I3', 'ghosts', ghosts, names(timers).filter((name) => name.startsWith('ghost:')).length);
  yield* unequal('I3', 'workers', workers, sum(Object.values(pods).map((pod) => pod.workers)));
  for (const tenant of Object.values(tenants)) {
    const own = flying.filter(({ tenantId }) => tenantId === tenant.id).length;
    yield* unequal('I3', `inFlight of ${tenant.id}`, tenant.inFlight, own);
    const cost = sum(
      Object.values(jobs)
        .filter(({ tenantId, state, kind }) => tenantId === tenant.id && state === 'queued' && kind === 'attached')
        .map(({ estimatedCost }) => estimatedCost),
    );
    yield* unequal('I3', `queuedCost of ${tenant.id}`, tenant.queuedCost, cost);
  }
  for (const pod of Object.values(pods)) {
    yield* unequal(
      'I3',
      `inFlight of pod ${pod.id}`,
      pod.inFlight,
      flying.filter(({ podId }) => podId === pod.id).length,
    );
    const offered = new Map(room).get(pod.id) ?? 0;
    yield* unequal('I3', `room of pod ${pod.id}`, offered, Math.max(pod.workers - pod.inFlight, 0));
  }
  for (const job of Object.values(jobs)) {
    if ((job.nonce !== undefined) !== isInFlight(job))
      yield `I9: job ${job.id} is ${job.state} with nonce ${job.nonce}`;
  }
}

/** I4: no slot is free while somebody may be served. */
function* workConservation(pool: PoolDump, policy: Policy): Generator<string> {
  const free = Math.min(pool.upstreamSlots, pool.workers) - pool.inFlight - pool.ghosts;
  if (free <= 0) return;
  for (const [name, tier] of Object.entries(pool.tiers)) {
    const mayBeServed = [
      ...tier.fresh,
      ...(free > policy.headroomSlots ? tier.ready : []),
      ...(free > policy.headroomSlots && policy.capPolicy === 'entitlement' ? tier.capped : []),
    ];
    if (mayBeServed.length > 0) yield `I4: ${free} slots are free and ${mayBeServed.length} tenants of ${name} wait`;
  }
}

/** I12: a tenant stands in one set of its tier exactly when it waits and is not held back, and weighs when it waits or runs. */
function* partition({ tiers, tenants, activeTierWeight }: PoolDump): Generator<string> {
  for (const tenant of Object.values(tenants)) {
    const waits = tenant.attached.length + tenant.detached.length > 0 && !tenant.isPaused;
    for (const [name, tier] of Object.entries(tiers)) {
      for (const standing of ['fresh', 'ready', 'capped', 'parked'] as const) {
        const entry = tier[standing].find(([one]) => one === tenant.name);
        const isOwn = name === tenant.tier && standing === (tenant.standing ?? 'parked');
        if (entry !== undefined && (!isOwn || entry[1] !== tenant.tag))
          yield `I12: ${tenant.id} is among ${standing} of ${name}`;
        if (entry === undefined && isOwn && tenant.standing !== undefined)
          yield `I12: ${tenant.id} is not among ${standing}`;
      }
    }
    if (waits !== (tenant.standing !== undefined)) yield `I12: ${tenant.id} stands as ${tenant.standing}`;
    if (tenant.standing === 'fresh' && tenant.inFlight > 0) yield `I12: ${tenant.id} is fresh and runs`;
    if (tenant.isActive !== (waits || tenant.inFlight > 0)) yield `I12: ${tenant.id} weighs wrongly`;
  }
  const all = Object.entries(tiers);
  for (const [name, tier] of all) {
    const weight = sum(
      Object.values(tenants)
        .filter((one) => one.tier === name && one.isActive)
        .map((one) => one.weight),
    );
    yield* unequal('I12', `activeWeight of ${name}`, tier.activeWeight, weight);
    const known = new Set(Object.values(tenants).map((one) => one.name));
    for (const standing of ['fresh', 'ready', 'capped', 'parked'] as const)
      for (const one of names(tier[standing])) if (!known.has(one)) yield `I12: ${one} of ${name} is no tenant`;
  }
  const weights = all.filter(([, tier]) => tier.activeWeight > 0).map(([, tier]) => tier.weight);
  yield* unequal('I12', 'activeTierWeight', activeTierWeight, sum(weights));
}

/** I13: nothing is tried more often than it may be; what was is a dead letter, once. */
function* deadLetters({ jobs, dead }: PoolDump, { attemptsMax, deadMax }: Policy): Generator<string> {
  for (const job of Object.values(jobs)) {
    if (job.attempts > attemptsMax) yield `I13: job ${job.id} was tried ${job.attempts} times`;
  }
  if (dead.length > deadMax) yield `I13: ${dead.length} dead letters`;
}
