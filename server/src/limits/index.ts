/** Counters of rates and budgets. */

export {
  type Counted,
  createMemoryLimits,
  type Limits,
  type RateState,
  type Reservation,
  type TierLimits,
  type UpperBound,
} from './limits.ts';
export type { Allowance } from './token-bucket.ts';
