/** Limits of tests: high enough to be out of the way, unless a test says otherwise. */

import {
  createLimits,
  createMemoryCounters,
  type LimitPolicy,
  type Limits,
  type LimitsOptions,
  type TierLimits,
} from '../../src/limits/index.ts';

/** What a test changes. */
export interface TestLimits extends Partial<Omit<LimitsOptions, 'policy'>> {
  /** Of all tiers. */
  readonly tier?: Partial<TierLimits>;
  readonly policy?: Partial<LimitPolicy>;
}

const high = { requestsPerMinute: 1_000_000, tokensPerMinute: 1_000_000 };
const noLimit = { requestsPerMinute: 0, tokensPerMinute: 0 };

/** The policy of a test. */
export function testPolicy({ tier, policy }: Pick<TestLimits, 'tier' | 'policy'> = {}): LimitPolicy {
  const all = { ...high, concurrency: 0, budgetNanoPerDay: 0, budgetNanoPerMonth: 1e12, ...tier };
  return {
    tiers: { enterprise: all, professional: all, starter: all, free: all },
    user: noLimit,
    key: { ...high, concurrency: 0 },
    model: noLimit,
    anonymousRequestsPerMinute: 1_000_000,
    shadow: new Set(),
    soft: new Set(),
    ...policy,
  };
}

/** Limits that count in this process, unless a test brings its own counters. */
export function testLimits({ tier, policy, ...options }: TestLimits = {}): Limits {
  const { now = Date.now } = options;
  return createLimits({
    counters: createMemoryCounters(() => Math.floor(now() * 1000)),
    policy: testPolicy({ ...(tier && { tier }), ...(policy && { policy }) }),
    loadSpent: async () => 0n,
    onOverrun: () => {},
    onCrossing: () => {},
    onUncounted: (error) => {
      throw error;
    },
    ...options,
  });
}
