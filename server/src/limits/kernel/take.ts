/**
 * The check of everything that is asked of a scope, which then takes all or nothing.
 *
 * Like the rest of the kernel it is `(state, operation, now) → reply`, with no clock, no chance and no waiting. The
 * scripts in `lua/` do the same, line by line.
 */

import type { BudgetDemand, PlaceDemand, RateDemand, Take, Taken } from '../counters.ts';
import { giveBackExpired, hold, isKnown } from './held.ts';
import { takeRate } from './rate.ts';
import type { ScopeState } from './state.ts';

const nothingDone = { rates: [], places: [], budgets: [] };

/** Checks everything that is asked for, and takes all of it or nothing. */
export function take(state: ScopeState, asked: Take, nowUs: number): Taken {
  const { reservation } = asked;
  // Only reservations expire, so what asks for rates alone need not look.
  if (reservation !== undefined || asked.budgets.length > 0) giveBackExpired(state, nowUs);
  if (reservation !== undefined && isKnown(state, reservation.id, nowUs))
    return { outcome: 'repeated', ...nothingDone };
  if (asked.budgets.some(({ name }) => !state.budgets.has(name))) return { outcome: 'unseeded', ...nothingDone };

  const rates = asked.rates.map((demand) => takeRate(state.rates.get(demand.name), demand, nowUs).reading);
  const places = asked.places.map((demand) => placeReading(state, demand, nowUs));
  const budgets = asked.budgets.map((demand) => budgetReading(state, demand));
  const isRefused =
    rates.some(({ isOver }, at) => isOver && asked.rates[at]?.isShadow === false) ||
    places.some(({ isOver }, at) => isOver && asked.places[at]?.isShadow === false) ||
    budgets.some(({ isOver }, at) => isOver && asked.budgets[at]?.mode !== 'shadow');
  if (isRefused) return { outcome: 'refused', rates, places, budgets };

  const fits = (readings: readonly { isOver: boolean }[]) => (_: unknown, at: number) => readings[at]?.isOver === false;
  const [takenRates, takenPlaces] = [asked.rates.filter(fits(rates)), asked.places.filter(fits(places))];
  for (const demand of takenRates) keepRate(state, demand, nowUs);
  if (reservation !== undefined) {
    hold(state, reservation, {
      rates: takenRates.filter(({ isBound }) => isBound),
      places: takenPlaces,
      budgets: asked.budgets,
    });
  }
  return { outcome: 'taken', rates, places, budgets };
}

function keepRate(state: ScopeState, demand: RateDemand, nowUs: number): void {
  if (demand.amount === 0) return;
  const { arrivalUs } = takeRate(state.rates.get(demand.name), demand, nowUs);
  state.rates.delete(demand.name);
  state.rates.set(demand.name, arrivalUs);
}

function placeReading(state: ScopeState, { name, limit }: PlaceDemand, nowUs: number): Taken['places'][number] {
  let inUse = 0;
  for (const expiresUs of state.places.get(name)?.values() ?? []) if (expiresUs > nowUs) inUse += 1;
  return { isOver: inUse >= limit, inUse };
}

function budgetReading(state: ScopeState, { name, limitNano, costNano, mode }: BudgetDemand): Taken['budgets'][number] {
  const { spentNano = 0, reservedNano = 0 } = state.budgets.get(name) ?? {};
  // What costs nothing cannot overrun, also after the budget was lowered below what is spent.
  const isLimited = limitNano > 0 && costNano > 0 && mode !== 'soft';
  return { isOver: isLimited && spentNano + reservedNano + costNano > limitNano, spentNano, reservedNano };
}
