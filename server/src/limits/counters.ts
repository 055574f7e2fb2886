/**
 * What counts: a port with two backends that give the same replies and keep the same state, one in the process and one in
 * Redis. The kernel here and the scripts in `lua/` are twins; `differential.test.ts` holds them together.
 *
 * Everything is a whole number below 2^53: time in microseconds, money in nano-dollars. A scope is whoever is counted
 * together and is one slot of a Redis Cluster; no operation spans two.
 */

/** Seconds are too coarse and floats drift: the unit of time here. */
export const microsPerMs = 1000;
/** The window of every rate, and how much of it may be used at once. */
export const windowUs = 60_000_000;
/** The highest rate per minute that keeps `amount * windowUs` exact. */
export const ratePerMinuteMax = 150_000_000;
/** Shares of a budget, in per cent, at which it is told how much is spent. */
export const budgetLevels = [50, 80, 100] as const;
/** How long after its period a budget is kept, for work that began in it. */
export const budgetKeptUs = 86_400 * 1_000_000;
/**
 * How long after its time a reservation that was settled is remembered, so that it is not settled again. What a crash
 * interrupted is looked for every minute, and charged at most two after the time of its reservation.
 */
export const memoryUs = 180 * 1_000_000;
/** Reservations whose time has passed that one operation gives back at most. */
export const sweepMax = 100;

/** A rate to take from. */
export interface RateDemand {
  /** Of the counter within its scope. */
  readonly name: string;
  /** Per minute; at least 1. */
  readonly limit: number;
  /** 0 only looks. */
  readonly amount: number;
  /** Whether the amount is a bound that settling replaces by what was used. */
  readonly isBound: boolean;
  /** A shadow limit refuses nothing, and does not count what it would have refused. */
  readonly isShadow: boolean;
}

/** A place among those that may run at once. */
export interface PlaceDemand {
  readonly name: string;
  readonly limit: number;
  readonly isShadow: boolean;
}

/** Money of a budget. */
export interface BudgetDemand {
  readonly name: string;
  /** 0 is none: it is counted, and refuses nothing. */
  readonly limitNano: number;
  readonly costNano: number;
  /** A soft budget never is over; a shadow one is, and refuses nothing. Both count everything, for it is spent. */
  readonly mode: 'hard' | 'soft' | 'shadow';
  /** When its period ends. */
  readonly endsUs: number;
}

/** Everything that one piece of work asks of its scope: all of it is taken, or nothing. */
export interface Take {
  readonly rates: readonly RateDemand[];
  readonly places: readonly PlaceDemand[];
  readonly budgets: readonly BudgetDemand[];
  /** Under which it is settled; what has none cannot be settled, and asks for rates only. */
  readonly reservation?: { readonly id: string; readonly expiresUs: number };
}

/** How a rate stands after a take, or as it was when the take was refused. */
export interface RateReading {
  readonly isOver: boolean;
  readonly remaining: number;
  /** Until all of it is there again. */
  readonly resetUs: number;
  /** Until the amount would fit; 0 when it is not over. */
  readonly retryAfterUs: number;
}

/** What became of a take. */
export interface Taken {
  /**
   * `unseeded`: of one of the budgets it is not known what is spent; nothing was done.
   * `repeated`: the reservation is there already, or was settled; nothing was done.
   */
  readonly outcome: 'taken' | 'refused' | 'unseeded' | 'repeated';
  /** In the order asked for. Empty when nothing was done. */
  readonly rates: readonly RateReading[];
  readonly places: readonly { readonly isOver: boolean; readonly inUse: number }[];
  readonly budgets: readonly { readonly isOver: boolean; readonly spentNano: number; readonly reservedNano: number }[];
}

/** What a reservation turned out to use. */
export interface Settle {
  readonly id: string;
  /** Of every rate that was bound. */
  readonly amount: number;
  readonly costNano: number;
  /** Budgets to charge when the reservation is not known any more: its time has passed, or Redis has lost it. */
  readonly budgets: readonly string[];
}

/** A budget of which more is spent than a level, for the first time. */
export interface Crossing {
  readonly budget: string;
  readonly level: (typeof budgetLevels)[number];
}

/** Tries within a window that begins with the first. */
export interface Attempt {
  readonly count: number;
  /** Until the window ends, when this try was one too many and is not counted; otherwise 0. */
  readonly retryAfterUs: number;
}

/** Who is counted together: a tenant, a network of clients without credential, an address that logs in. */
export interface Scope {
  readonly kind: 'tenant' | 'network' | 'login';
  readonly id: string;
}

/** A set of counters. Every operation is one atomic step. */
export interface Counters {
  readonly take: (scope: Scope, take: Take, signal?: AbortSignal) => Promise<Taken>;
  /** Replaces what a reservation holds by what was used, once; repetitions do nothing. */
  readonly settle: (scope: Scope, settle: Settle) => Promise<readonly Crossing[]>;
  /** Says what is spent of a budget, unless that is known. */
  readonly seed: (scope: Scope, budget: Pick<BudgetDemand, 'name' | 'endsUs'> & { spentNano: number }) => Promise<void>;
  readonly attempt: (scope: Scope, limits: { readonly max: number; readonly lengthUs: number }) => Promise<Attempt>;
  /** Ends the window of tries. */
  readonly forgive: (scope: Scope) => Promise<void>;
}
