/** Counters of rates, places and budgets. */

export type { Counters } from './counters.ts';
export {
  type Admission,
  createLimits,
  type Limits,
  type LimitsOptions,
  type OverrunEvent,
  type Reservation,
} from './limits.ts';
export { createMemoryCounters } from './memory-counters.ts';
export type { LimitPolicy, TierLimits, UpperBound } from './policy.ts';
export { createRedisCounters } from './redis-counters.ts';
export type { Allowance, RateState } from './refusals.ts';
export type { CrossingEvent } from './settlements.ts';
