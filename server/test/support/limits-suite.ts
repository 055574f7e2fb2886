/** What the suites of limits need: counters of a kind by a clock of their own, and short ways to ask for things. */

import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { LimitName } from '../../src/config/index.ts';
import { newId } from '../../src/db/index.ts';
import { type AppError, isAppError } from '../../src/errors.ts';
import type { Counters, Scope } from '../../src/limits/counters.ts';
import type { Limits, OverrunEvent } from '../../src/limits/limits.ts';
import { createMemoryCounters } from '../../src/limits/memory-counters.ts';
import type { Counted, LimitPolicy, Work } from '../../src/limits/policy.ts';
import { createRedisCounters } from '../../src/limits/redis-counters.ts';
import type { CrossingEvent } from '../../src/limits/settlements.ts';
import { type TestLimits, testLimits, testPolicy } from './limits.ts';
import { dumpOfState, redisDumper, redisLoser } from './limits-dump.ts';
import { testRedisKinds } from './redis.ts';

/** Counters to be tested. */
interface CountersUnderTest {
  readonly counters: Counters;
  /** Everything that is kept of a scope, one line each. */
  readonly dump: (scope: Scope) => Promise<readonly string[]>;
  /** Forgets everything of a scope, as a server of counters that is started anew. */
  readonly lose: (scope: Scope) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Where counters are, and how to make them by a clock in microseconds. */
export interface CountersKind {
  readonly name: string;
  readonly open: (nowUs: () => number) => Promise<CountersUnderTest>;
}

/** Far in the future, so that nothing expires by another clock than that of the suite; the middle of a month and a day. */
const noonMs = Date.UTC(2100, 5, 15, 12);

/** Everywhere that this machine can count. */
export const countersKinds: readonly CountersKind[] = [
  {
    name: 'this process',
    async open(nowUs) {
      const counters = createMemoryCounters(nowUs);
      return {
        counters,
        dump: async (scope) => dumpOfState(counters.stateOf(scope), nowUs()),
        async lose(scope) {
          const { rates, places, budgets, held, settled } = counters.stateOf(scope);
          for (const entries of [rates, places, budgets, held, settled]) entries.clear();
        },
        close: async () => {},
      };
    },
  },
  ...testRedisKinds.map(
    ({ name, open }): CountersKind => ({
      name,
      async open(nowUs) {
        const { pool, close } = await open();
        const inputs = { nowUs, random: () => '' };
        const counters = createRedisCounters(pool, inputs);
        return { counters, dump: redisDumper(pool, inputs), lose: redisLoser(pool), close };
      },
    }),
  ),
];

/** Policies in which one limit stands at one request, one place, or what asks for sixty twice. */
export const tightPolicies: Readonly<Record<LimitName, Partial<LimitPolicy>>> = (() => {
  const { tiers, key, user, model } = testPolicy();
  const free = (changes: object) => ({ tiers: { ...tiers, free: { ...tiers.free, ...changes } } });
  return {
    tenant_requests: free({ requestsPerMinute: 1 }),
    user_requests: { user: { ...user, requestsPerMinute: 1 } },
    key_requests: { key: { ...key, requestsPerMinute: 1 } },
    model_requests: { model: { ...model, requestsPerMinute: 1 } },
    tenant_tokens: free({ tokensPerMinute: 100 }),
    user_tokens: { user: { ...user, tokensPerMinute: 100 } },
    key_tokens: { key: { ...key, tokensPerMinute: 100 } },
    model_tokens: { model: { ...model, tokensPerMinute: 100 } },
    tenant_concurrency: free({ concurrency: 1 }),
    key_concurrency: { key: { ...key, concurrency: 1 } },
    daily_budget: free({ budgetNanoPerDay: 100 }),
    monthly_budget: free({ budgetNanoPerMonth: 100 }),
    anonymous_requests: { anonymousRequestsPerMinute: 1 },
  };
})();

/** Registers the hooks of a suite and gives it its tools. Each test has a tenant of its own. */
export function limitsSuite({ open }: CountersKind) {
  let under: CountersUnderTest;
  let tenantId = newId('tenant');
  const clock = { nowMs: noonMs };
  const overruns: OverrunEvent[] = [];
  const crossings: CrossingEvent[] = [];

  beforeAll(async () => {
    under = await open(() => clock.nowMs * 1000);
  });
  afterAll(() => under?.close());
  beforeEach(() => {
    tenantId = newId('tenant');
    clock.nowMs = noonMs;
    overruns.length = 0;
    crossings.length = 0;
  });

  const limitsWith = (changes: TestLimits = {}): Limits =>
    testLimits({
      counters: under.counters,
      now: () => clock.nowMs,
      onOverrun: (event) => void overruns.push(event),
      onCrossing: (event) => void crossings.push(event),
      ...changes,
    });
  const by = (key = 'key_1', userId = 'usr_1', tenant = tenantId): Counted => ({
    tenantId: tenant,
    tier: 'free',
    principal: { userId, credential: { kind: 'api_key', id: key } },
  });
  const work = (more: Partial<Work> = {}): Work => ({
    ...{ id: newId('request'), model: 'test-model', tokens: 1, costNano: 0n, expiresMs: clock.nowMs + 60_000 },
    ...more,
  });
  const tenant = (): Scope => ({ kind: 'tenant', id: tenantId });
  /** How many of many requests at once are let in, and the error of the others. */
  async function admittedOf(count: number, ask: () => Promise<AppError | undefined>) {
    const refusals = (await Promise.all(Array.from({ length: count }, ask))).filter((error) => error !== undefined);
    return { admitted: count - refusals.length, codes: [...new Set(refusals.map(({ code }) => code))] };
  }
  const request =
    (limits: Limits, counted = by()) =>
    async () =>
      (await limits.admit(counted)).refusal;
  const reservation =
    (limits: Limits, more: Partial<Work> = {}, counted = by()) =>
    async (): Promise<AppError | undefined> => {
      try {
        await limits.reserve(counted, work(more));
      } catch (error) {
        if (isAppError(error)) return error;
        throw error;
      }
      return undefined;
    };

  return {
    ...{ clock, overruns, crossings, limitsWith, by, work, tenant, admittedOf, request, reservation },
    counters: () => under.counters,
    dump: (scope: Scope) => under.dump(scope),
    lose: (scope: Scope) => under.lose(scope),
    newTenant: () => {
      tenantId = newId('tenant');
    },
  };
}

/** The tools of a suite. */
export type LimitsSuite = ReturnType<typeof limitsSuite>;
