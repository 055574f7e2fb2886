/**
 * Settling reservations behind the back of who made them: it is tried again while the counters are away, for as long as a
 * server of theirs needs to come back, and told when it was in vain. Then the reservation expires by itself.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { isAppError } from '../errors.ts';
import type { Counters, Crossing, Settle } from './counters.ts';
import { tenantScope, type UpperBound } from './policy.ts';

/** Tries, some twenty seconds in all, and the longest pause between two in milliseconds. */
const attemptsMax = 10;
const pauseMsMax = 5000;
/** Settlements that may wait for the counters; further ones are tried once. */
const waitingMax = 10_000;

/** Whose budget it is of which more is spent than a level. */
export interface CrossingEvent extends Crossing {
  readonly tenantId: string;
}

/** What settlements need. */
export interface SettlementsOptions {
  readonly counters: Counters;
  /** Told when more of a budget is spent than a level, by the server that counts it. */
  readonly onCrossing: (event: CrossingEvent) => void;
  /** Told when something that was settled could not be counted; it is in the ledger all the same. */
  readonly onUncounted: (error: unknown, tenantId: string) => void;
}

/** Settlements that are under way. */
export interface Settlements {
  /** The function that settles a reservation, once. */
  readonly of: (tenantId: string, id: string, budgets: readonly string[]) => (actual: UpperBound) => void;
  /** Resolves when none is under way. */
  readonly drain: () => Promise<void>;
}

/** Makes settlements. */
export function createSettlements({ counters, onCrossing, onUncounted }: SettlementsOptions): Settlements {
  const underWay = new Set<Promise<void>>();

  async function settle(tenantId: string, used: Settle): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        const crossings = await counters.settle(tenantScope(tenantId), used);
        for (const crossing of crossings) onCrossing({ ...crossing, tenantId });
        return;
      } catch (error) {
        const isLast = attempt === attemptsMax || underWay.size > waitingMax;
        if (isLast || !isAppError(error, 'dependency_unavailable')) return onUncounted(error, tenantId);
        await delay(Math.min(pauseMsMax, 50 * 2 ** attempt));
      }
    }
  }

  return {
    of(tenantId, id, budgets) {
      let isSettled = false;
      return ({ tokens, costNano }) => {
        if (isSettled) return;
        isSettled = true;
        const used = { id, amount: tokens, costNano: Number(costNano), budgets };
        const settled = settle(tenantId, used).finally(() => underWay.delete(settled));
        underWay.add(settled);
      };
    },
    async drain() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}
