/**
 * The generic cell rate algorithm (ITU-T I.371) on whole microseconds. Pure.
 *
 * A rate is one number: the theoretical arrival time, at which all of it is there again. What is taken moves it into the
 * future, by at most one window while nothing is owed and by at most two when more was used than was reserved.
 */

import { type RateReading, windowUs } from '../counters.ts';

/** By how much an amount moves the arrival time; rounded up, so that rounding never admits more. */
const widthUs = (amount: number, limit: number): number => Math.ceil((amount * windowUs) / limit);

/** The arrival time as it counts now: never past, and never further ahead than the largest debt. */
function arrivalUs(kept: number | undefined, nowUs: number): number {
  return Math.min(Math.max(kept ?? nowUs, nowUs), nowUs + 2 * windowUs);
}

/** What would be left after taking an amount, and the arrival time that would be kept. */
export function takeRate(
  kept: number | undefined,
  { limit, amount }: { readonly limit: number; readonly amount: number },
  nowUs: number,
): { readonly reading: RateReading; readonly arrivalUs: number } {
  const before = arrivalUs(kept, nowUs) - nowUs;
  const after = before + widthUs(amount, limit);
  const isOver = amount > 0 && after > windowUs;
  const used = isOver ? before : after;
  const remaining = Math.max(0, Math.floor(((windowUs - used) * limit) / windowUs));
  return {
    reading: { isOver, remaining, resetUs: used, retryAfterUs: isOver ? after - windowUs : 0 },
    arrivalUs: nowUs + after,
  };
}

/** The arrival time after an amount that was taken turned out to be another. */
export function correctedUs(
  kept: number | undefined,
  { limit, from, to }: { readonly limit: number; readonly from: number; readonly to: number },
  nowUs: number,
): number {
  return arrivalUs(arrivalUs(kept, nowUs) + widthUs(to, limit) - widthUs(from, limit), nowUs);
}
