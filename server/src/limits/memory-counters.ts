/** Counters in this process, for a server that is the only one: the kernel, and how much of it is kept. */

import { type Attempt, budgetKeptUs, type Counters, microsPerMs, type Scope, windowUs } from './counters.ts';
import { settle } from './kernel/held.ts';
import { emptyScope, type ScopeState } from './kernel/state.ts';
import { take } from './kernel/take.ts';

/** Tenants that are counted at once; beyond it the one used longest ago is forgotten, and asked of the ledger again. */
const tenantsMax = 100_000;
/** Rates of one tenant, and of all networks together; beyond it the one used longest ago is full again. */
const ratesMax = 100_000;
/** Settled reservations of a tenant that are remembered. */
const settledMax = 100_000;
/** Windows of tries; beyond it the one that began first is forgotten. */
const windowsMax = 10_000;

/** Counters whose state can be looked at. */
export interface MemoryCounters extends Counters {
  /** For tests. */
  readonly stateOf: (scope: Scope) => ScopeState;
}

/** @param nowUs microseconds since the epoch. */
export function createMemoryCounters(nowUs = () => Date.now() * microsPerMs): MemoryCounters {
  const scopes = new Map<string, ScopeState>();
  // Apart from those of tenants, which a flood from many networks would otherwise push out and so refill.
  const networks = emptyScope();
  const windows = new Map<string, { count: number; readonly endsUs: number }>();

  function stateOf({ kind, id }: Scope): ScopeState {
    if (kind !== 'tenant') return networks;
    const state = scopes.get(id) ?? emptyScope();
    keepNewest(scopes, id, state, tenantsMax);
    return state;
  }

  return {
    stateOf,
    async take(scope, asked) {
      const state = stateOf(scope);
      const taken = take(state, asked, nowUs());
      while (state.rates.size > ratesMax) forgetOldest(state.rates);
      return taken;
    },
    async settle(scope, used) {
      const state = stateOf(scope);
      const crossings = settle(state, used, nowUs());
      // A clock that is set back by less than a window forgets nothing too early.
      forgetPassed(state.settled, nowUs() - windowUs);
      return crossings;
    },
    async seed(scope, { name, spentNano, endsUs }) {
      const { budgets } = stateOf(scope);
      for (const [old, budget] of budgets) if (budget.endsUs + budgetKeptUs <= nowUs()) budgets.delete(old);
      if (!budgets.has(name)) budgets.set(name, { spentNano, endsUs, reservedNano: 0, limitNano: 0, toldLevel: 0 });
    },
    async attempt({ id }, { max, lengthUs }): Promise<Attempt> {
      const current = windows.get(id);
      const window =
        current === undefined || current.endsUs <= nowUs() ? { count: 0, endsUs: nowUs() + lengthUs } : current;
      if (window !== current) keepNewest(windows, id, window, windowsMax);
      if (window.count >= max) return { count: window.count, retryAfterUs: window.endsUs - nowUs() };
      window.count += 1;
      return { count: window.count, retryAfterUs: 0 };
    },
    async forgive({ id }) {
      windows.delete(id);
    },
  };
}

/** Puts an entry last, and forgets the first when there are too many. */
function keepNewest<T>(entries: Map<string, T>, key: string, value: T, max: number): void {
  entries.delete(key);
  entries.set(key, value);
  if (entries.size > max) forgetOldest(entries);
}

function forgetOldest(entries: Map<string, unknown>): void {
  const [oldest] = entries.keys();
  if (oldest !== undefined) entries.delete(oldest);
}

/** Forgets from the first on what nobody asks for any more. */
function forgetPassed(entries: Map<string, number>, nowUs: number): void {
  for (const [key, untilUs] of entries) {
    if (untilUs > nowUs && entries.size <= settledMax) return;
    entries.delete(key);
  }
}
