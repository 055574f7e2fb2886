/** One simulated stretch of time with faults, after which all must come to rest. */

import type { NewJob, Policy } from '../src/scheduler/kernel/operations.ts';
import { createWatch, type Watch } from './checks/watch.ts';
import { createDatabase, isOver } from './model/database.ts';
import { planFaults } from './model/faults.ts';
import { createNetwork, goodNetwork } from './model/network.ts';
import { createPeople } from './model/people.ts';
import { type Pod, startPod } from './model/pod.ts';
import type { Random } from './model/random.ts';
import type { Stage, TenantPlan } from './model/stage.ts';
import { createStore } from './model/store.ts';
import { createWorld } from './model/world.ts';

/** What came of an episode. */
export interface EpisodeResult {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly steps: number;
  readonly jobs: number;
  readonly faults: number;
}

const tiers = ['enterprise', 'professional', 'starter', 'free'];
/** Simulated time: how long faults happen, and how long things may take to come to rest. */
const [faultyMs, restMs] = [6000, 60_000];

/** Runs the episode of a seed, with an eye on all invariants or on one alone. */
export function runEpisode(seed: number, only?: string): EpisodeResult {
  const stage = setStage(seed, only);
  const { world, watch } = stage;
  let faults = 0;
  let jobs = 0;
  try {
    jobs = planWork(stage);
    faults = planFaults(stage, faultyMs);
    world.run(faultyMs);
    settleDown(stage);
    world.run(faultyMs + restMs, () => isAtRest(stage));
    judgeRest(stage);
  } catch (error) {
    watch.note(`crash: ${error instanceof Error ? error.message : String(error)}`);
  }
  return { seed, violations: watch.finish(), steps: stage.steps(), jobs, faults };
}

function setStage(seed: number, only: string | undefined): Stage & { readonly steps: () => number } {
  const world = createWorld(seed);
  const { random } = world;
  const watch = createWatch(only);
  let [steps, lostMs] = [0, 0];
  const observer = {
    seen(step: Parameters<Watch['seen']>[0]) {
      steps += 1;
      watch.seen(step);
    },
    lost() {
      lostMs = world.now();
      watch.lost();
    },
  };
  const isCrowd = random.chance(0.03);
  const policy = policyBy(random, isCrowd);
  const store = createStore(world, policy, random.integer(1, 8), observer);
  const quality = {
    delayMsMax: random.pick([2, 20, 200]),
    lossProbability: random.pick([0, 0, 0.02, 0.1]),
    repeatProbability: random.pick([0, 0, 0.02, 0.1]),
  };
  const network = createNetwork(world, store, quality);
  const database = createDatabase();
  const people = createPeople(world);
  const pods: Pod[] = [];
  const retryProbability = random.pick([0, 0.1, 0.6]);
  const start = () => {
    const options = { ...policy, workers: random.integer(1, 4), retryProbability };
    pods.push(startPod({ id: `pod_${pods.length + 1}`, ...options, world, network, database, people }));
  };
  const tiersHere = random.chance(0.3) ? [random.pick(tiers)] : tiers;
  const podCount = random.integer(1, 3);
  for (let count = 0; count < podCount; count++) start();
  return {
    ...{ world, store, network, database, people, watch, isCrowd },
    tenants: Array.from({ length: random.integer(1, 6) }, (_, number) => ({
      tenantId: `ten_${number + 1}`,
      tier: random.pick(tiersHere),
      weight: random.pick([100, 100, 300]),
      isPaused: false,
    })),
    pods: () => pods,
    livePods: () => pods.filter((pod) => pod.isAlive()),
    startPod: start,
    lostMs: () => lostMs,
    steps: () => steps,
  };
}

function policyBy(random: Random, isCrowd: boolean): Policy {
  return {
    tierWeights: { enterprise: 50, professional: 30, starter: 15, free: 5 },
    capPercent: random.pick([20, 50]),
    capPolicy: random.pick(['entitlement', 'entitlement', 'strict']),
    headroomSlots: random.pick([0, 0, 1]),
    bandOffsetsMs: [0, 500, 3000],
    costMax: isCrowd ? 10 : 1000,
    queuedMax: random.pick([4, 12, 1000]),
    inboxMax: random.pick([2, 100]),
    attemptsMax: 3,
    deathsMax: 2,
    leaseMs: 900,
    ghostMs: random.pick([0, 400]),
    deadMax: 2,
  };
}

/** Lets work come: in bursts and one by one, too cheap and too dear to what was expected. */
function planWork({ world, tenants, livePods, database, people, isCrowd }: Stage): number {
  const { random } = world;
  const count = isCrowd ? 250 : random.integer(15, 50);
  const slowest = isCrowd ? 30 : random.pick([40, 300, 900]);
  const spread = isCrowd ? 1 : random.pick([faultyMs / 4, faultyMs]);
  for (let number = 1; number <= count; number++) {
    const atMs = random.integer(0, spread);
    world.after(atMs, () => {
      const [pods, tenant] = [livePods(), random.pick(tenants)];
      if (pods.length === 0) return;
      const pod = random.pick(pods);
      const plain = isCrowd ? { estimatedCost: 10, deadlineMs: 60_000, queueMax: 1000 } : {};
      const job = { ...newJob(random, tenant, `job_${number}`, world.now()), ...plain };
      const error = isCrowd ? 1 : random.pick([0, 0.5, 1, 1, 3]);
      people.expect(job.id, random.integer(1, slowest), Math.floor(job.estimatedCost * error));
      if (job.kind === 'attached') pod.ask(job);
      else {
        database.insert(job, world.now());
        pod.offer(job, 0);
      }
      if (random.chance(0.1)) world.after(random.integer(0, 1000), () => cancel(job, pod));
    });
  }

  function cancel(job: NewJob, pod: Pod): void {
    if (!pod.isAlive()) return;
    if (job.kind === 'attached') pod.leave(job.id);
    else {
      database.end(job.id, 'cancelled');
      pod.call({ type: 'cancel', podId: pod.id, jobId: job.id });
    }
  }
  return count;
}

function newJob(random: Random, { tenantId, tier, weight }: TenantPlan, id: string, nowMs: number): NewJob {
  return {
    id,
    kind: random.pick(['attached', 'detached']),
    ...{ tenantId, tier, weight },
    queueMax: random.pick([3, 100]),
    estimatedCost: random.pick([1, 10, 100, 900, 1500]),
    priority: random.pick([0, 0, 1, 2]),
    deadlineMs: nowMs + random.pick([200, 2000, 15_000]),
    attempts: 0,
  };
}

/** Ends all faults. */
function settleDown({ network, livePods, startPod: start, world, tenants }: Stage): void {
  network.setQuality(goodNetwork);
  if (livePods().length === 0) start();
  const [pod] = livePods();
  if (pod === undefined) return;
  pod.call({ type: 'setCapacity', podId: pod.id, upstreamSlots: 4 });
  for (const tenant of tenants) {
    tenant.isPaused = false;
    const { tenantId, tier, weight } = tenant;
    const resume = () => pod.call({ type: 'setTenant', podId: pod.id, tenantId, tier, weight, isPaused: false });
    // A pause that was on its way when the faults ended must not be the last word.
    for (const delayMs of [0, 1000]) world.after(delayMs, resume);
  }
}

function isAtRest({ store, database, livePods }: Stage): boolean {
  const { jobs, dead, inFlight, ghosts } = store.look();
  if (inFlight > 0 || ghosts > 0 || Object.keys(jobs).length > dead.length) return false;
  return livePods().every((pod) => pod.isIdle()) && [...database.rows.values()].every(isOver);
}

/** Liveness, and what the ledger must say when all is over. */
function judgeRest(stage: Stage): void {
  const { store, database, people, watch } = stage;
  const pool = store.look();
  if (pool.inFlight > 0 || pool.ghosts > 0) watch.note(`L3: at rest ${pool.inFlight}+${pool.ghosts} slots are taken`);
  if (!isAtRest(stage)) watch.note(`L1: not at rest ${restMs} ms after the last fault: ${unfinished(stage)}`);
  for (const violation of people.violations) watch.note(violation);
  for (const row of database.rows.values()) {
    if ((row.state === 'done') !== database.charges.has(row.job.id))
      watch.note(`I10: job ${row.job.id} is ${row.state} and charged ${database.charges.get(row.job.id)}`);
  }
  for (const [jobId, ending] of people.endings) {
    if (ending === 'done' && !database.charges.has(jobId)) watch.note(`I10: job ${jobId} is done and not charged`);
  }
  const verdicts = [...people.executions];
  const charged = verdicts.filter(([, verdict]) => verdict === 'charged').map(([{ cost }]) => cost);
  const sum = (costs: Iterable<number>) => [...costs].reduce((total, cost) => total + cost, 0);
  if (sum(charged) !== sum(database.charges.values()))
    watch.note('I10: the ledger is not the sum of what was paid for');
  if (verdicts.some(([, verdict]) => verdict === undefined)) watch.note('L1: a run has no end');
}

function unfinished({ store, database, livePods }: Stage): string {
  const jobs = Object.values(store.look().jobs).filter(({ state }) => state !== 'dead');
  const rows = [...database.rows.values()].filter((row) => !isOver(row));
  const busy = livePods().filter((pod) => !pod.isIdle());
  return [
    ...jobs.map(({ id, state }) => `${id} ${state}`),
    ...rows.map(({ job, state }) => `row ${job.id} ${state}`),
    ...busy.map(({ id }) => `${id} busy`),
  ].join(', ');
}
