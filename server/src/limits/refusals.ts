/** What a reading means to who asked: an error, or nothing. Pure. */

import type { LimitName } from '../config/index.ts';
import { AppError } from '../errors.ts';
import { microsPerMs, type RateReading, type Taken } from './counters.ts';
import type { Plan } from './policy.ts';

/** A limit that something was over. */
export interface Overrun {
  readonly limit: LimitName;
  readonly isShadow: boolean;
  /** Until it would fit, where that is known. */
  readonly retryAfterMs: number | undefined;
}

/** What is left of a rate, for the headers of the answer. */
export interface Allowance {
  /** Per minute. */
  readonly limit: number;
  readonly remaining: number;
  /** Until all of it is there again. */
  readonly resetMs: number;
}

/** What is left of each kind of rate; of several that apply, the one of which the least is left. */
export interface RateState {
  readonly requests?: Allowance;
  readonly tokens?: Allowance;
}

/** Work that is done makes room; nobody knows when. */
const placeRetryMs = 1000;

/** The limits that a take was over, or would have been. */
export function overrunsOf(plan: Plan, taken: Taken): readonly Overrun[] {
  const rates = taken.rates.flatMap(({ isOver, retryAfterUs }, at) => {
    const demand = plan.rates[at];
    if (demand === undefined || !isOver) return [];
    const { limitName: limit, isShadow } = demand;
    return [{ limit, isShadow, retryAfterMs: Math.ceil(retryAfterUs / microsPerMs) }];
  });
  const places = taken.places.flatMap(({ isOver }, at) => {
    const demand = plan.places[at];
    if (demand === undefined || !isOver) return [];
    return [{ limit: demand.limitName, isShadow: demand.isShadow, retryAfterMs: placeRetryMs }];
  });
  const budgets = taken.budgets.flatMap(({ isOver }, at) => {
    const demand = plan.budgets[at];
    if (demand === undefined || !isOver) return [];
    return [{ limit: demand.limitName, isShadow: demand.mode === 'shadow', retryAfterMs: undefined }];
  });
  return [...rates, ...places, ...budgets];
}

const limitTexts = {
  tenant_requests: 'requests per minute of your tenant',
  user_requests: 'requests per minute of one user',
  key_requests: 'requests per minute of one key or session',
  model_requests: 'requests per minute to this model',
  tenant_tokens: 'tokens per minute of your tenant',
  user_tokens: 'tokens per minute of one user',
  key_tokens: 'tokens per minute of one key or session',
  model_tokens: 'tokens per minute of this model',
  tenant_concurrency: 'questions and chats of your tenant at once',
  key_concurrency: 'questions and chats of one key or session at once',
  daily_budget: 'this day',
  monthly_budget: 'this month',
  anonymous_requests: 'requests per minute without a valid credential',
} as const satisfies Record<LimitName, string>;

/** The error of a take that was refused; a budget comes first, because waiting for the rest would be in vain. */
export function refusalOf(overruns: readonly Overrun[]): AppError {
  const enforced = overruns.filter(({ isShadow }) => !isShadow);
  const budget = enforced.find(({ retryAfterMs }) => retryAfterMs === undefined);
  if (budget !== undefined) {
    const detail = `The budget of your tenant for ${limitTexts[budget.limit]} does not cover this request.`;
    return new AppError('insufficient_quota', { detail });
  }
  const waits = enforced.map(({ limit, retryAfterMs = 0 }) => ({ limit, retryAfterMs }));
  const longest = waits.reduce((a, b) => (b.retryAfterMs > a.retryAfterMs ? b : a));
  return new AppError('rate_limit_exceeded', {
    detail: `The limit of ${limitTexts[longest.limit]} is reached.`,
    retryAfterMs: longest.retryAfterMs,
  });
}

/** The error of work that is larger than a minute of a rate, which waiting cannot mend; `undefined` when there is none. */
export function impossibilityOf({ rates }: Plan): AppError | undefined {
  const tooSmall = rates.find(({ limit, amount, isBound, isShadow }) => isBound && !isShadow && amount > limit);
  if (tooSmall === undefined) return undefined;
  const { amount, limit, limitName } = tooSmall;
  return new AppError('context_length_exceeded', {
    detail: `The request may use ${amount} tokens; the limit of ${limitTexts[limitName]} is ${limit}.`,
  });
}

/** What is left of the rates that are enforced. */
export function rateStateOf(plan: Plan, { rates }: Pick<Taken, 'rates'>): RateState {
  const tightest = (what: 'requests' | 'tokens'): Allowance | undefined =>
    plan.rates
      .map((demand, at) => ({ demand, reading: rates[at] }))
      .filter(({ demand }) => demand.limitName.endsWith(what) && !demand.isShadow)
      .flatMap(({ demand, reading }) => (reading === undefined ? [] : [allowanceFrom(demand.limit, reading)]))
      .sort((a, b) => a.remaining - b.remaining || a.limit - b.limit)
      .at(0);
  const [requests, tokens] = [tightest('requests'), tightest('tokens')];
  return { ...(requests && { requests }), ...(tokens && { tokens }) };
}

function allowanceFrom(limit: number, { remaining, resetUs }: RateReading): Allowance {
  return { limit, remaining, resetMs: Math.ceil(resetUs / microsPerMs) };
}
