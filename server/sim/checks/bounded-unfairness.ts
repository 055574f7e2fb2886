/**
 * I7: two flows that could both be served all the while got service that differs by a bound that does not grow with time.
 *
 * For flows f and g of one parent: |W_f/w_f - W_g/w_g| <= (e_f + c + 4 K_f eps_f)/w_f + (e_g + c + 4 K_g eps_g)/w_g, where W is
 * the final cost of the jobs granted between any two moments of such a time, e the largest charge or cost of a job, K the most
 * in flight, eps the largest difference between what was charged at the grant and in the end, and c the most that is charged
 * before a job runs: so much is owed to a flow that was held back before. A flow could be served while it waits below its cap
 * and is not held back; a grant from the slots that are kept for newcomers ends its time, and so does a new weight or tier.
 */

import type { PoolDump } from '../../src/scheduler/kernel/dump.ts';
import { idOf, type Job } from '../../src/scheduler/kernel/state.ts';
import { eachMoment, type SeenStep, slotsOf } from './grants.ts';

/** What is known of a flow: a tenant among those of its tier, or a tier among all. */
interface Flow {
  readonly weight: number;
  /** Most that is charged before a job runs. */
  readonly chargeMax: number;
  costMax: number;
  inFlightMax: number;
  errorMax: number;
}

/** One run of a job; its cost is known in the end. */
interface Run {
  readonly charged: number;
  cost: number;
  readonly flows: Flow[];
}

/** A time in which two flows could both be served: who was, in order. */
interface Race {
  readonly one: Flow;
  readonly other: Flow;
  readonly runs: { readonly flow: Flow; readonly run: Run }[];
}

/** Watches all pairs; the verdict comes at the end, when all costs are known. */
export function createUnfairnessCheck() {
  const flows = new Map<string, Flow>();
  const runs = new Map<string, Run>();
  const races = new Map<string, Race>();
  const finished: Race[] = [];

  function flowOf(name: string, weight: number, chargeMax: number): Flow {
    const key = `${name} ${weight}`;
    const flow = flows.get(key) ?? { weight, chargeMax, costMax: 0, inFlightMax: 0, errorMax: 0 };
    flows.set(key, flow);
    return flow;
  }

  function seen(step: SeenStep): void {
    follow(step, runs);
    const { before, after, grants, policy } = step;
    const helped = helpedIn(step);
    const free = new Map<string, Flow>();
    for (const [id, tenant] of Object.entries(after.tenants)) {
      const flow = flowOf(`tenant ${tenant.tier} ${id}`, tenant.weight, policy.costMax);
      flow.inFlightMax = Math.max(flow.inFlightMax, tenant.inFlight, before.tenants[id]?.inFlight ?? 0);
      if (wasServable(step, id) && !helped.has(id)) free.set(id, flow);
    }
    for (const [name, tier] of Object.entries(after.tiers)) {
      const flow = flowOf(`tier ${name}`, tier.weight, policy.costMax);
      const members = Object.values(after.tenants).filter((one) => one.tier === name);
      flow.inFlightMax = Math.max(flow.inFlightMax, inFlightOf(after, name), inFlightOf(before, name));
      const isHelped = members.some(({ id }) => helped.has(id));
      const isSame = before.tiers[name]?.weight === tier.weight && !hasMoved(step, name);
      if (members.some(({ id }) => free.has(id)) && !isHelped && isSame) free.set(`tier ${name}`, flow);
    }
    register(step);
    arrange(after, free, grants);
  }

  function register({ after, grants, adopted, policy }: SeenStep): void {
    const begin = ({ nonce = '', tenantId }: Job, charged: number) => {
      const tenant = after.tenants[tenantId];
      if (tenant === undefined) return;
      const own = flowOf(`tenant ${tenant.tier} ${tenantId}`, tenant.weight, policy.costMax);
      const tier = flowOf(`tier ${tenant.tier}`, after.tiers[tenant.tier]?.weight ?? 1, policy.costMax);
      const run: Run = { charged, cost: charged, flows: [own, tier] };
      runs.set(nonce, run);
      note(run, charged);
    };
    for (const job of grants) begin(job, job.estimatedCost);
    for (const job of adopted) begin(job, job.chargedCost);
  }

  /** Goes on with the races of pairs that could still be served, begins new ones, and ends the others. */
  function arrange(after: PoolDump, free: ReadonlyMap<string, Flow>, grants: readonly Job[]): void {
    const going = new Set<string>();
    for (const [one, other] of pairsOf([...free], (name) => after.tenants[name]?.tier)) {
      const key = `${one[0]} ${other[0]}`;
      going.add(key);
      const race = races.get(key);
      // What was granted in the very step that begins a race may have come before the second could be served.
      if (race === undefined) races.set(key, { one: one[1], other: other[1], runs: [] });
      else race.runs.push(...runsOf(race, grants));
    }
    for (const [key, race] of races) if (!going.has(key)) finish(key, race);
  }

  function runsOf({ one, other }: Race, grants: readonly Job[]): Race['runs'] {
    return grants.flatMap(({ nonce = '' }) => {
      const run = runs.get(nonce);
      const flow = run?.flows.find((flow) => flow === one || flow === other);
      return run === undefined || flow === undefined ? [] : [{ flow, run }];
    });
  }

  function finish(key: string, race: Race): void {
    races.delete(key);
    if (race.runs.length > 0) finished.push(race);
  }

  return {
    seen,
    lost() {
      for (const [key, race] of races) finish(key, race);
    },
    /** Pairs that got more apart than they may. */
    *verdict(): Generator<string> {
      for (const [key, race] of races) finish(key, race);
      for (const race of finished) yield* judge(race);
    },
  };
}

/** The final charge of runs that ended, and the present one of those that go on. */
function follow({ before, operation, reply, after }: SeenStep, runs: ReadonlyMap<string, Run>): void {
  for (const was of Object.values(before.jobs)) {
    const run = runs.get(was.nonce ?? '');
    if (run === undefined) continue;
    const is = after.jobs[was.id];
    if (is?.nonce === was.nonce) note(run, Math.max(is?.chargedCost ?? 0, was.chargedCost));
    else if (operation.type === 'settle' && operation.jobId === was.id && reply.status === 'ok')
      note(run, operation.actualCost ?? was.chargedCost);
    else note(run, was.state === 'granted' ? 0 : was.chargedCost);
  }
}

function note(run: Run, cost: number): void {
  run.cost = cost;
  for (const flow of run.flows) {
    flow.costMax = Math.max(flow.costMax, cost);
    flow.errorMax = Math.max(flow.errorMax, Math.abs(cost - run.charged));
  }
}

function inFlightOf({ tenants }: PoolDump, tier: string): number {
  return Object.values(tenants).reduce((sum, one) => sum + (one.tier === tier ? one.inFlight : 0), 0);
}

/** Whether a tenant left a tier for another. */
function hasMoved({ before, after }: SeenStep, tier: string): boolean {
  return Object.values(before.tenants).some(
    (was) => was.tier === tier && (after.tenants[was.id]?.tier ?? tier) !== tier,
  );
}

/** All pairs with the same parent. */
function* pairsOf<T>(flows: readonly (readonly [string, T])[], parentOf: (name: string) => string | undefined) {
  for (const [place, one] of flows.entries()) {
    for (const other of flows.slice(place + 1))
      if (parentOf(one[0]) === parentOf(other[0])) yield [one, other] as const;
  }
}

/** Tenants that were given a slot kept for newcomers, out of turn. */
function helpedIn(step: SeenStep): ReadonlySet<string> {
  const helped = new Set<string>();
  if (step.policy.headroomSlots === 0) return helped;
  const { after } = step;
  if (slotsOf(after) - after.inFlight - after.ghosts >= step.policy.headroomSlots) return helped;
  eachMoment(step, ({ tenant, freeSlots }) => {
    if (freeSlots <= step.policy.headroomSlots) helped.add(tenant.id);
  });
  return helped;
}

/** Whether a tenant could be served all through a step: some job of it waited until the grants, and one waits still. */
function wasServable({ before, after }: SeenStep, id: string): boolean {
  const [was, is] = [before.tenants[id], after.tenants[id]];
  if (was === undefined || is === undefined) return false;
  if (was.tier !== is.tier || was.weight !== is.weight || was.name !== is.name) return false;
  const isFree = ({ standing }: { standing: string | undefined }) => standing === 'fresh' || standing === 'ready';
  if (!isFree(was) || !isFree(is)) return false;
  return [...was.attached, ...was.detached].some(([name]) => {
    const job = after.jobs[idOf(name)];
    return job?.state === 'queued' || job?.nonce !== undefined;
  });
}

function* judge({ one, other, runs }: Race): Generator<string> {
  let [difference, least, most] = [0, 0, 0];
  for (const { flow, run } of runs) {
    difference += flow === one ? run.cost / one.weight : -run.cost / other.weight;
    [least, most] = [Math.min(least, difference), Math.max(most, difference)];
  }
  const allowance = ({ costMax, inFlightMax, errorMax, weight }: Flow) =>
    (costMax + 4 * inFlightMax * errorMax) / weight;
  // Tags are whole: each run may lose less than one step of a tag, three times.
  const rounding = runs.length / 100;
  const bound = allowance(one) + allowance(other) + rounding;
  if (most - least > bound)
    yield `I7: service differs by ${(most - least).toFixed(1)} where ${bound.toFixed(1)} is the bound`;
}
