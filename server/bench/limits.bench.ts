/**
 * Checks per second of one Redis core and of the process, beside rate-limiter-flexible on the same Redis, and whether
 * anybody lets in more than fits when a thousand ask at once.
 *
 * A check is one script: the time that Redis itself says it spent decides, since a client of one thread is busy before a
 * Redis of one thread is. A check goes over one rate, over the three of an ordinary request, or over everything that a
 * question reserves and then settles.
 *
 * The peer's windows are fixed: at their edge it lets in twice the limit, and it counts what it refuses. Three rates are
 * three scripts to it, so that a refusal by one leaves traces in the others.
 */

import { Redis } from 'ioredis';
import { RateLimiterRedis, RateLimiterUnion } from 'rate-limiter-flexible';
import { findOnPath } from '../../scripts/services/programs.ts';
import { startRedis } from '../../scripts/services/redis.ts';
import { newId } from '../src/db/index.ts';
import type { Counters } from '../src/limits/counters.ts';
import { createLimits, createMemoryCounters, createRedisCounters, type Limits } from '../src/limits/index.ts';
import { createRedisPool, type RedisPool } from '../src/redis/index.ts';
import type { Benchmark } from './benchmark.ts';

/** Checks under way at once. */
const inFlight = 200;
const tenantsCount = 1000;
const rounds = 5;
const high = 150_000_000;

/** Something that is measured: one call is one check. */
type Check = (n: number) => Promise<unknown>;

interface Rate {
  readonly perSecond: number;
  readonly perRedisSecond: number;
}

/** Everything that an operator may set, set, and nothing of it in the way. */
function limitsOn(
  counters: Counters,
  changes: { concurrency?: number; budgetNano?: number; tokens?: number } = {},
): Limits {
  const rates = { requestsPerMinute: high, tokensPerMinute: changes.tokens ?? high };
  const tier = {
    ...rates,
    concurrency: changes.concurrency ?? 1_000_000,
    budgetNanoPerDay: 9e15,
    budgetNanoPerMonth: changes.budgetNano ?? 9e15,
  };
  return createLimits({
    counters,
    policy: {
      tiers: { enterprise: tier, professional: tier, starter: tier, free: tier },
      user: { requestsPerMinute: 0, tokensPerMinute: 0 },
      key: { requestsPerMinute: high, tokensPerMinute: 0, concurrency: 0 },
      model: { requestsPerMinute: 0, tokensPerMinute: 0 },
      anonymousRequestsPerMinute: high,
      shadow: new Set(),
      soft: new Set(),
    },
    loadSpent: async () => 0n,
    onOverrun: () => {},
    onCrossing: () => {},
    onUncounted: (error) => {
      throw error;
    },
  });
}

const tenants = Array.from({ length: tenantsCount }, () => newId('tenant'));
const countedBy = (n: number) =>
  ({
    tenantId: tenants[n % tenantsCount] ?? '',
    tier: 'free',
    principal: { userId: 'usr_1', credential: { kind: 'api_key', id: `key_${n % tenantsCount}` } },
  }) as const;
const work = () => ({ id: newId('request'), model: 'm', tokens: 100, costNano: 1000n, expiresMs: Date.now() + 60_000 });

function checksOf(counters: Counters) {
  const limits = limitsOn(counters);
  const rate = { limit: high, amount: 1, isBound: false, isShadow: false, name: 'requests' };
  return {
    one_rate: (n: number) =>
      counters.take(
        { kind: 'tenant', id: tenants[n % tenantsCount] ?? '' },
        { rates: [rate], places: [], budgets: [] },
      ),
    request: (n: number) => limits.admit(countedBy(n)),
    async reservation(n: number) {
      const { settle } = await limits.reserve(countedBy(n), work());
      settle({ tokens: 50, costNano: 500n });
    },
    drain: limits.close,
  };
}

/** Runs checks side by side; the best of some rounds, since others use the machine too. */
async function measure(check: Check, count: number, drain: () => Promise<void>, redis?: Redis): Promise<Rate> {
  let best: Rate = { perSecond: 0, perRedisSecond: 0 };
  for (let round = 0; round < rounds; round += 1) {
    let next = 0;
    const usedBefore = await redisSeconds(redis);
    const startedMs = performance.now();
    await Promise.all(
      Array.from({ length: inFlight }, async () => {
        while (next < count) await check(next++);
      }),
    );
    await drain();
    const seconds = (performance.now() - startedMs) / 1000;
    const perRedisSecond = count / ((await redisSeconds(redis)) - usedBefore);
    best = {
      perSecond: Math.max(best.perSecond, count / seconds),
      perRedisSecond: Math.max(best.perRedisSecond, perRedisSecond),
    };
  }
  return best;
}

/** Processor time that Redis has used. */
async function redisSeconds(redis: Redis | undefined): Promise<number> {
  const info = (await redis?.info('cpu')) ?? '';
  const seconds = (name: string) => Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1] ?? 0);
  return seconds('used_cpu_user') + seconds('used_cpu_sys');
}

/** How many more than a hundred of a thousand at once are let in. */
async function overshoot(ask: () => Promise<unknown>): Promise<number> {
  const all = await Promise.allSettled(Array.from({ length: 1000 }, ask));
  return Math.abs(all.filter(({ status }) => status === 'fulfilled').length - 100);
}

async function overshootOf(pools: readonly Counters[]): Promise<number> {
  const limited = [{ concurrency: 100 }, { budgetNano: 100_000 }];
  let sum = 0;
  for (const [index, changes] of limited.entries()) {
    const servers = pools.map((counters) => limitsOn(counters, changes));
    let turn = 0;
    const counted = { ...countedBy(0), tenantId: `${newId('tenant')}${index}` };
    sum += await overshoot(async () => servers[turn++ % servers.length]?.reserve(counted, work()));
  }
  return sum;
}

export const benchmark: Benchmark = {
  name: 'limits',
  title: 'Checks per second of one Redis core',
  goals: [
    { id: 'redis-core', figure: 'one_rate_per_redis_core_s', reach: { atLeast: 50_000 } },
    { id: 'overshoot', figure: 'overshoot_redis_requests', reach: { atMost: 0 } },
    { id: 'overshoot-in-process', figure: 'overshoot_process_requests', reach: { atMost: 0 } },
  ],
  async run({ quick, progress }) {
    const cleanup = new AsyncDisposableStack();
    try {
      return await figuresOf(quick ? 10_000 : 100_000, progress, cleanup);
    } finally {
      await cleanup.disposeAsync();
    }
  },
};

/** Measures everything, with so many checks each. */
async function figuresOf(count: number, progress: (line: string) => void, cleanup: AsyncDisposableStack) {
  const program = findOnPath('redis-server', 'valkey-server');
  if (program === undefined) throw new Error('This needs redis-server or valkey-server on the PATH.');
  const url = await startRedis(program, cleanup);
  const client = new Redis(url);
  cleanup.defer(() => client.disconnect());
  const pools = await Promise.all([poolOn(url, cleanup), poolOn(url, cleanup)]);
  const figures: Record<string, number> = {};

  const peerRates = ['requests', 'keys', 'tokens'].map(
    (keyPrefix) => new RateLimiterRedis({ storeClient: client, keyPrefix, points: high, duration: 60 }),
  );
  const peers = { one_rate: peerRates[0], request: new RateLimiterUnion(...peerRates) };
  for (const [name, peer] of Object.entries(peers)) {
    progress(`${name} of rate-limiter-flexible`);
    const check = (n: number) => peer?.consume(tenants[n % tenantsCount] ?? '') ?? Promise.resolve();
    const rate = await measure(check, count, async () => {}, client);
    figures[`peer_${name}_per_redis_core_s`] = Math.round(rate.perRedisSecond);
    figures[`peer_${name}_per_s`] = Math.round(rate.perSecond);
  }

  const [redisCounters, otherCounters] = pools.map((pool) => createRedisCounters(pool));
  if (redisCounters === undefined || otherCounters === undefined) throw new Error('There are two pools.');
  const { drain, ...checks } = checksOf(redisCounters);
  for (const [name, check] of Object.entries(checks)) {
    progress(`${name} in Redis`);
    const rate = await measure(check, count, drain, client);
    figures[`${name}_per_redis_core_s`] = Math.round(rate.perRedisSecond);
    figures[`${name}_per_s`] = Math.round(rate.perSecond);
  }
  const { drain: drainProcess, ...inProcess } = checksOf(createMemoryCounters());
  for (const [name, check] of Object.entries(inProcess)) {
    progress(`${name} in the process`);
    figures[`${name}_in_process_per_s`] = Math.round((await measure(check, count, drainProcess)).perSecond);
  }

  progress('a thousand at once');
  figures['overshoot_redis_requests'] = await overshootOf([redisCounters, otherCounters]);
  figures['overshoot_process_requests'] = await overshootOf([createMemoryCounters()]);
  return figures;
}

async function poolOn(url: string, cleanup: AsyncDisposableStack): Promise<RedisPool> {
  const times = { connectTimeoutMs: 5000, commandTimeoutMs: 10_000 };
  const pool = createRedisPool({ url, isCluster: false, clusterNodes: [], poolSize: 1, ...times, onError: () => {} });
  cleanup.defer(pool.close);
  await pool.ready();
  return pool;
}
