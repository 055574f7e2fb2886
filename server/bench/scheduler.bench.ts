/**
 * How many jobs a pool in Redis takes through their life in a second: queued, granted by fair share, and settled. BullMQ,
 * which shares nothing, takes as many through the same Redis: added, processed by a worker that does nothing, completed.
 *
 * Both run in this process, one round of each after the other, with as many jobs under way at once.
 */

import { randomUUID } from 'node:crypto';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { findOnPath } from '../../scripts/services/programs.ts';
import { startRedis } from '../../scripts/services/redis.ts';
import { createRedisPool } from '../src/redis/index.ts';
import type { Message, NewJob, Policy, Reply } from '../src/scheduler/kernel/operations.ts';
import { createRedisBackend } from '../src/scheduler/redis-backend.ts';
import type { Benchmark } from './benchmark.ts';

/** Jobs under way at once. */
const concurrency = 64;
const slots = 64;
/** Jobs that wait for each tenant before the clock starts, so that every grant has to choose. */
const backlogPerTenant = 2;

const policy: Policy = {
  tierWeights: { enterprise: 50, professional: 30, starter: 15, free: 5 },
  capPercent: 20,
  capPolicy: 'entitlement',
  headroomSlots: 1,
  bandOffsetsMs: [0, 5000, 30_000, 120_000],
  costMax: 100_000,
  queuedMax: 1_000_000,
  inboxMax: 100,
  attemptsMax: 3,
  deathsMax: 2,
  leaseMs: 3_600_000,
  ghostMs: 5000,
  deadMax: 1000,
};
const tiers = Object.keys(policy.tierWeights);

/** The Redis that is measured, and a connection to look at it. */
interface Server {
  readonly url: string;
  readonly observer: Redis;
}

/** One measurement. */
interface Round {
  readonly perSecond: number;
  /** Processor time of Redis for one job, in microseconds. */
  readonly redisUs: number;
}

/** Seconds that the main thread of Redis has worked. */
async function cpuSeconds(redis: Redis): Promise<number> {
  const parts = (await redis.info('cpu')).matchAll(/used_cpu_(?:user|sys)_main_thread:([\d.]+)/g);
  return [...parts].reduce((sum, [, seconds]) => sum + Number(seconds), 0);
}

/** Times what is done with some jobs. */
async function timed(observer: Redis, jobs: number, work: () => Promise<void>): Promise<Round> {
  const cpuBefore = await cpuSeconds(observer);
  const startedMs = performance.now();
  await work();
  const perSecond = (jobs / (performance.now() - startedMs)) * 1000;
  return { perSecond, redisUs: (((await cpuSeconds(observer)) - cpuBefore) / jobs) * 1e6 };
}

/** Does something so many times, some at once. */
async function repeat(times: number, act: () => Promise<unknown>): Promise<void> {
  let begun = 0;
  const lane = async () => {
    for (; begun < times; ) {
      begun += 1;
      await act();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
}

/** A pool with many tenants that wait, in each of which every job that ends is followed by another. */
async function ours({ url, observer }: Server, tenants: number, jobs: number): Promise<Round> {
  const times = { connectTimeoutMs: 5000, commandTimeoutMs: 60_000 };
  const redis = createRedisPool({ url, isCluster: false, clusterNodes: [], poolSize: 2, onError: () => {}, ...times });
  await redis.ready();
  const backend = createRedisBackend({ redis, pool: randomUUID(), policy, upstreamSlots: slots });
  const podId = 'pod_1';
  const granted: (Message & { type: 'granted' })[] = [];
  let sequence = 0;

  async function heard(step: Promise<Reply>): Promise<void> {
    for (const message of (await step).messages) if (message.type === 'granted') granted.push(message);
  }
  function newJob(): NewJob {
    sequence += 1;
    const number = sequence % tenants;
    return {
      id: `job_${String(sequence).padStart(26, '0')}`,
      kind: 'attached',
      tenantId: `ten_${String(number).padStart(26, '0')}`,
      tier: tiers[number % tiers.length] ?? '',
      weight: 100,
      queueMax: 1000,
      estimatedCost: 500 + ((sequence * 7919) % 1000),
      priority: 0,
      deadlineMs: Date.now() + 3_600_000,
      attempts: 0,
    };
  }
  const enqueue = () => heard(backend.transition({ type: 'enqueue', podId, job: newJob() }));
  async function settle(): Promise<void> {
    const grant = granted.shift();
    if (grant === undefined) throw new Error('A pool whose tenants wait has its slots in use.');
    const ends = { outcome: 'done', actualCost: 700, retryAtMs: 0 } as const;
    await heard(backend.transition({ type: 'settle', podId, jobId: grant.jobId, nonce: grant.nonce, ...ends }));
  }

  await backend.transition({ type: 'beat', podId, generation: 'g', workers: slots, flights: [] });
  await repeat(tenants * backlogPerTenant + slots, enqueue);
  const round = await timed(observer, jobs, () => repeat(jobs, () => Promise.all([settle(), enqueue()])));
  // One step a call, to see how long each keeps Redis.
  await observer.config('RESETSTAT');
  for (let count = 0; count < jobs / 20; count++) {
    await settle();
    await enqueue();
  }
  await redis.close();
  return round;
}

/** A queue with a worker that does nothing. */
async function bullmq({ url, observer }: Server, jobs: number): Promise<Round> {
  const { hostname, port, password } = new URL(url);
  const connection = { host: hostname, port: Number(port), password, maxRetriesPerRequest: null };
  const name = randomUUID();
  const queue = new Queue(name, { connection, defaultJobOptions: { removeOnComplete: true } });
  let completed = 0;
  const worker = new Worker(name, async () => {}, { connection, concurrency, autorun: false });
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
  const all = new Promise<void>((resolve) => {
    worker.on('completed', () => {
      completed += 1;
      if (completed === jobs) resolve();
    });
  });
  const round = await timed(observer, jobs, async () => {
    void worker.run();
    await repeat(jobs, () => queue.add('job', { cost: 700 }));
    await all;
  });
  await worker.close();
  await queue.close();
  return round;
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}

interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

/** Percentiles of the time of a step, as Redis measures it, in microseconds. */
async function stepPercentiles(observer: Redis): Promise<Percentiles> {
  const line = /latency_percentiles_usec_fcall:(.*)/.exec(await observer.info('latencystats'))?.[1] ?? '';
  const percentile = (name: string) => Number(new RegExp(`${name}=([\\d.]+)`).exec(line)?.[1]);
  return { p50: percentile('p50'), p99: percentile('p99') };
}

/** Measures in turns: a pool of a hundred tenants, BullMQ, a pool of ten thousand. */
async function measure(
  server: Server,
  { jobs, rounds }: { readonly jobs: number; readonly rounds: number },
  progress: (line: string) => void,
): Promise<Readonly<Record<string, number>>> {
  const few: Round[] = [];
  const many: Round[] = [];
  const peer: Round[] = [];
  const steps: Percentiles[] = [];
  for (let number = 0; number <= rounds; number++) {
    progress(number === 0 ? 'warming up' : `round ${number}`);
    const measured = [
      await ours(server, 100, jobs),
      await bullmq(server, jobs),
      await ours(server, 10_000, jobs),
    ] as const;
    // The first round teaches the processes what to do.
    if (number === 0) continue;
    for (const [index, list] of [few, peer, many].entries()) list.push(measured[index] as Round);
    steps.push(await stepPercentiles(server.observer));
  }
  const perSecond = (list: readonly Round[]) => median(list.map((round) => round.perSecond));
  const redisUs = (list: readonly Round[]) => median(list.map((round) => round.redisUs));
  return {
    scheduler_100_tenants_per_s: Math.round(perSecond(few)),
    scheduler_10000_tenants_per_s: Math.round(perSecond(many)),
    bullmq_per_s: Math.round(perSecond(peer)),
    times_bullmq: Math.round((perSecond(few) / perSecond(peer)) * 100) / 100,
    redis_100_tenants_us: Math.round(redisUs(few)),
    redis_10000_tenants_us: Math.round(redisUs(many)),
    redis_bullmq_us: Math.round(redisUs(peer)),
    redis_growth_from_100_to_10000_tenants_percent: Math.round((redisUs(many) / redisUs(few) - 1) * 100),
    step_10000_tenants_p50_us: median(steps.map(({ p50 }) => p50)),
    step_10000_tenants_p99_us: median(steps.map(({ p99 }) => p99)),
  };
}

export const benchmark: Benchmark = {
  name: 'scheduler',
  title: 'Jobs taken through their life in a second',
  goals: [
    { id: 'throughput', figure: 'scheduler_100_tenants_per_s', reach: { atLeast: 10_000 } },
    { id: 'peer', figure: 'times_bullmq', reach: { atLeast: 1.3 } },
    { id: 'many-tenants', figure: 'redis_growth_from_100_to_10000_tenants_percent', reach: { atMost: 20 } },
    { id: 'step', figure: 'step_10000_tenants_p99_us', reach: { atMost: 300 } },
  ],
  async run({ quick, progress }) {
    const program = findOnPath('redis-server', 'valkey-server');
    if (program === undefined) throw new Error('This benchmark needs redis-server.');
    const cleanup = new AsyncDisposableStack();
    try {
      const url = await startRedis(program, cleanup);
      const observer = new Redis(url);
      cleanup.defer(() => observer.disconnect());
      return await measure(
        { url, observer },
        quick ? { jobs: 4000, rounds: 1 } : { jobs: 40_000, rounds: 5 },
        progress,
      );
    } finally {
      await cleanup.disposeAsync();
    }
  },
};
