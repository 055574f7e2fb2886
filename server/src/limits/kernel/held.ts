/** What is reserved: held until it is settled or its time has passed, whichever is first. */

import {
  type BudgetDemand,
  budgetLevels,
  type Crossing,
  memoryUs,
  type PlaceDemand,
  type RateDemand,
  type Settle,
  sweepMax,
} from '../counters.ts';
import { correctedUs } from './rate.ts';
import type { Held, ScopeState } from './state.ts';

/** Whether a reservation is held, or was settled not long ago. */
export function isKnown(state: ScopeState, id: string, nowUs: number): boolean {
  return state.held.has(id) || (state.settled.get(id) ?? 0) > nowUs;
}

/** Holds what was taken, whose rates are counted already. */
export function hold(
  state: ScopeState,
  { id, expiresUs }: { readonly id: string; readonly expiresUs: number },
  taken: {
    readonly rates: readonly RateDemand[];
    readonly places: readonly PlaceDemand[];
    readonly budgets: readonly BudgetDemand[];
  },
): void {
  for (const { name } of taken.places) {
    const held = state.places.get(name) ?? new Map<string, number>();
    state.places.set(name, held.set(id, expiresUs));
  }
  for (const { name, costNano, limitNano } of taken.budgets) {
    const budget = state.budgets.get(name);
    if (budget === undefined) continue;
    budget.reservedNano += costNano;
    budget.limitNano = limitNano;
  }
  state.held.set(id, {
    expiresUs,
    rates: taken.rates.map(({ name, limit, amount }) => ({ name, limit, amount })),
    places: taken.places.map(({ name }) => name),
    budgets: taken.budgets.map(({ name, costNano }) => ({ name, costNano })),
  });
  state.firstExpiryUs = Math.min(state.firstExpiryUs, expiresUs);
}

/** Gives back what is reserved for work whose time has passed. */
export function giveBackExpired(state: ScopeState, nowUs: number): void {
  if (state.firstExpiryUs > nowUs) return;
  const expired = [...state.held].filter(([, { expiresUs }]) => expiresUs <= nowUs).sort(byExpiry);
  for (const [id, held] of expired.slice(0, sweepMax)) release(state, id, held, 0, nowUs);
  state.firstExpiryUs = Math.min(...[...state.held.values()].map(({ expiresUs }) => expiresUs));
}

/** The order of a sorted set. */
function byExpiry([idA, a]: [string, Held], [idB, b]: [string, Held]): number {
  return a.expiresUs - b.expiresUs || (idA < idB ? -1 : 1);
}

/** Lets go of a reservation, of whose rates an amount was used. */
function release(state: ScopeState, id: string, held: Held, amount: number, nowUs: number): void {
  state.held.delete(id);
  for (const { name, limit, amount: from } of held.rates) {
    state.rates.set(name, correctedUs(state.rates.get(name), { limit, from, to: amount }, nowUs));
  }
  for (const name of held.places) {
    state.places.get(name)?.delete(id);
    if (state.places.get(name)?.size === 0) state.places.delete(name);
  }
  for (const { name, costNano } of held.budgets) {
    const budget = state.budgets.get(name);
    if (budget !== undefined) budget.reservedNano -= costNano;
  }
}

/** Replaces what a reservation holds by what was used. */
export function settle(state: ScopeState, { id, amount, costNano, budgets }: Settle, nowUs: number): Crossing[] {
  giveBackExpired(state, nowUs);
  if ((state.settled.get(id) ?? 0) > nowUs) return [];
  const held = state.held.get(id);
  if (held !== undefined) release(state, id, held, amount, nowUs);
  state.settled.set(id, Math.max(held?.expiresUs ?? nowUs, nowUs) + memoryUs);
  const charged = held?.budgets.map(({ name }) => name) ?? budgets;
  return charged.flatMap((name) => spend(state, name, costNano));
}

/** Adds to what is spent of a budget; of one that nobody knows, the ledger will say when it is asked for. */
function spend(state: ScopeState, name: string, costNano: number): Crossing[] {
  const budget = state.budgets.get(name);
  if (budget === undefined) return [];
  budget.spentNano += costNano;
  const { limitNano, spentNano } = budget;
  const level = budgetLevels.findLast((percent) => limitNano > 0 && spentNano >= (limitNano / 100) * percent);
  if (level === undefined || level <= budget.toldLevel) return [];
  budget.toldLevel = level;
  return [{ budget: name, level }];
}
