/** What the counters of one scope hold. */

/** What a budget holds. */
export interface Budget {
  spentNano: number;
  reservedNano: number;
  /** Of the last reservation. */
  limitNano: number;
  /** The highest level that was told. */
  toldLevel: number;
  readonly endsUs: number;
}

/** What a reservation holds. */
export interface Held {
  readonly expiresUs: number;
  readonly rates: readonly { readonly name: string; readonly limit: number; readonly amount: number }[];
  readonly places: readonly string[];
  readonly budgets: readonly { readonly name: string; readonly costNano: number }[];
}

/** The state of a scope. */
export interface ScopeState {
  /** Arrival times by the name of the rate. */
  readonly rates: Map<string, number>;
  /** By the name of the limit: reservations, and when they expire. */
  readonly places: Map<string, Map<string, number>>;
  readonly budgets: Map<string, Budget>;
  readonly held: Map<string, Held>;
  /** Reservations that were settled, and until when that is remembered. */
  readonly settled: Map<string, number>;
  /** No reservation expires before. */
  firstExpiryUs: number;
}

/** The counters of somebody who was never counted. */
export function emptyScope(): ScopeState {
  return {
    rates: new Map(),
    places: new Map(),
    budgets: new Map(),
    held: new Map(),
    settled: new Map(),
    firstExpiryUs: Number.POSITIVE_INFINITY,
  };
}
