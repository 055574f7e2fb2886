/**
 * Counters of rates and budgets, and the one check of all of them that then commits all of them.
 *
 * This implementation keeps its counters in the process; it is for a single server. Money spent before the start comes
 * from `loadSpent`, asked once per tenant and month.
 */

import type { Principal, TenantTier } from '../context.ts';
import { AppError } from '../errors.ts';
import { networkOf } from './network.ts';
import { type Allowance, createTokenBuckets } from './token-bucket.ts';

/** Limits of a tenant of a tier. */
export interface TierLimits {
  readonly requestsPerMinute: number;
  readonly tokensPerMinute: number;
  readonly budgetNanoPerMonth: bigint;
}

/** Who is counted. */
export interface Counted {
  readonly tenantId: string;
  readonly tier: TenantTier;
  readonly principal: Pick<Principal, 'credential'>;
}

/** What is left, for the headers of the answer. */
export interface RateState {
  readonly requests: Allowance;
  readonly tokens: Allowance;
}

/** What a piece of work may cost at most. */
export interface UpperBound {
  readonly tokens: number;
  readonly costNano: bigint;
}

/** A granted reservation; settled exactly once. */
export interface Reservation {
  /** Replaces the bound by what was used; further calls do nothing. */
  readonly settle: (actual: UpperBound) => void;
}

/** Rates and budgets. */
export interface Limits {
  /** Counts one request of a credential, or throws `rate_limit_exceeded` and counts nothing. */
  readonly admit: (counted: Counted) => RateState;
  /** Counts one request of a client without a valid credential by its network, or throws `rate_limit_exceeded`. */
  readonly admitAnonymous: (address: string) => Allowance;
  /** Reserves tokens and money together, or throws `rate_limit_exceeded` or `insufficient_quota` and reserves nothing. */
  readonly reserve: (counted: Counted, bound: UpperBound) => Promise<Reservation>;
  /** What is left now, counting nothing. */
  readonly state: (counted: Counted) => RateState;
  /** What the tenant spent and reserved this month, and may spend. */
  readonly budget: (counted: Counted) => Promise<{ spentNano: bigint; reservedNano: bigint; limitNano: bigint }>;
}

/** What the limits need. */
export interface LimitsOptions {
  readonly tiers: Readonly<Record<TenantTier, TierLimits>>;
  readonly keyRequestsPerMinute: number;
  readonly anonymousRequestsPerMinute: number;
  /** Nano-dollars charged to a tenant since a time. */
  readonly loadSpent: (tenantId: string, since: Date) => Promise<bigint>;
  readonly now?: () => number;
}

interface Budget {
  spentNano: bigint;
  reservedNano: bigint;
}

/** Credentials and addresses that are counted at once. */
const bucketsMax = 100_000;

/** Makes limits that count in this process. */
export function createMemoryLimits(options: LimitsOptions): Limits {
  const now = options.now ?? Date.now;
  const requestBuckets = createTokenBuckets(bucketsMax);
  // Apart from those of tenants, which a flood from many addresses would otherwise push out and so refill.
  const addressBuckets = createTokenBuckets(bucketsMax);
  const tokenBuckets = createTokenBuckets(bucketsMax);
  const budgets = new Map<string, Promise<Budget>>();

  function requestRates({ tenantId, tier, principal }: Counted): readonly (readonly [key: string, limit: number])[] {
    return [
      [`tenant ${tenantId}`, options.tiers[tier].requestsPerMinute],
      [`credential ${principal.credential.id}`, options.keyRequestsPerMinute],
    ];
  }

  function tightest(allowances: readonly Allowance[]): Allowance {
    return allowances.reduce((a, b) => (b.remaining < a.remaining ? b : a));
  }

  function tokenAllowance({ tenantId, tier }: Counted, amount: number, nowMs: number): Allowance {
    return tokenBuckets.peek(tenantId, options.tiers[tier].tokensPerMinute, amount, nowMs);
  }

  function budgetOf(tenantId: string): Promise<Budget> {
    const start = monthStart(now());
    const key = `${tenantId} ${start.toISOString()}`;
    let budget = budgets.get(key);
    if (budget === undefined) {
      budget = options.loadSpent(tenantId, start).then((spentNano) => ({ spentNano, reservedNano: 0n }));
      // A failed load must be tried again, not remembered.
      budget.catch(() => budgets.delete(key));
      budgets.set(key, budget);
      const oldest = budgets.keys().next();
      if (budgets.size > bucketsMax && oldest.done !== true) budgets.delete(oldest.value);
    }
    return budget;
  }

  return {
    admit(counted) {
      const nowMs = now();
      const rates = requestRates(counted);
      const allowances = rates.map(([key, limit]) => requestBuckets.peek(key, limit, 1, nowMs));
      refuseOverRate(allowances, 'requests');
      for (const [key, limit] of rates) requestBuckets.take(key, limit, 1, nowMs);
      return { requests: tightest(allowances), tokens: tokenAllowance(counted, 0, nowMs) };
    },

    admitAnonymous(address) {
      const nowMs = now();
      const network = networkOf(address);
      const allowance = addressBuckets.peek(network, options.anonymousRequestsPerMinute, 1, nowMs);
      refuseOverRate([allowance], 'requests');
      addressBuckets.take(network, options.anonymousRequestsPerMinute, 1, nowMs);
      return allowance;
    },

    async reserve(counted, bound) {
      const { tenantId, tier } = counted;
      const { tokensPerMinute, budgetNanoPerMonth } = options.tiers[tier];
      const budget = await budgetOf(tenantId);
      // From here to the commit nothing is awaited, so no other reservation can come between.
      const nowMs = now();
      if (bound.tokens > tokensPerMinute) {
        throw new AppError('context_length_exceeded', {
          detail: `The request may use ${bound.tokens} tokens; your tenant may use ${tokensPerMinute} a minute.`,
        });
      }
      refuseOverRate([tokenAllowance(counted, bound.tokens, nowMs)], 'tokens');
      // What costs nothing cannot overrun, also after the budget was lowered below what is spent.
      if (bound.costNano > 0n && budget.spentNano + budget.reservedNano + bound.costNano > budgetNanoPerMonth) {
        throw new AppError('insufficient_quota', {
          detail: 'The budget of your tenant for this month does not cover this request.',
        });
      }
      tokenBuckets.take(tenantId, tokensPerMinute, bound.tokens, nowMs);
      budget.reservedNano += bound.costNano;
      let isSettled = false;
      return {
        settle(actual) {
          if (isSettled) return;
          isSettled = true;
          tokenBuckets.take(tenantId, tokensPerMinute, actual.tokens - bound.tokens, now());
          budget.reservedNano -= bound.costNano;
          budget.spentNano += actual.costNano;
        },
      };
    },

    state(counted) {
      const nowMs = now();
      return {
        requests: tightest(requestRates(counted).map(([key, limit]) => requestBuckets.peek(key, limit, 0, nowMs))),
        tokens: tokenAllowance(counted, 0, nowMs),
      };
    },

    async budget({ tenantId, tier }) {
      const { spentNano, reservedNano } = await budgetOf(tenantId);
      return { spentNano, reservedNano, limitNano: options.tiers[tier].budgetNanoPerMonth };
    },
  };
}

function refuseOverRate(allowances: readonly Allowance[], what: 'requests' | 'tokens'): void {
  const retryAfterMs = Math.max(...allowances.map((allowance) => allowance.retryAfterMs));
  if (retryAfterMs > 0) {
    throw new AppError('rate_limit_exceeded', { detail: `The limit of ${what} per minute is reached.`, retryAfterMs });
  }
}

/** First instant of the calendar month in UTC. */
export function monthStart(nowMs: number): Date {
  const date = new Date(nowMs);
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1));
}
