/**
 * Rates, places and budgets: what applies to whom, checked and counted in one atomic step.
 *
 * Counting is left to counters, in this process or in Redis; what is spent of a budget comes from the ledger whenever the
 * counters do not know it, so that they may be lost. Everything that is refused, or would be by a limit in shadow mode, is
 * told to `onOverrun`.
 */

import type { TenantTier } from '../context.ts';
import { type AppError, isAppError } from '../errors.ts';
import { microsPerMs, type Taken } from './counters.ts';
import { networkOf } from './network.ts';
import { periodsOf } from './periods.ts';
import {
  anonymousPlan,
  budgetsOf,
  type Counted,
  type LimitPolicy,
  type Plan,
  requestPlan,
  tenantScope,
  type UpperBound,
  type Work,
  workPlan,
} from './policy.ts';
import { impossibilityOf, type Overrun, overrunsOf, type RateState, rateStateOf, refusalOf } from './refusals.ts';
import { createSettlements, type SettlementsOptions } from './settlements.ts';

/** Whether a request may go on. */
export interface Admission {
  readonly rates: RateState;
  /** `rate_limit_exceeded`, to be thrown once the rates are told; then nothing was counted. */
  readonly refusal: AppError | undefined;
}

/** A granted reservation. */
export interface Reservation {
  /** Replaces the bound by what was used; further calls do nothing. Never fails: it is tried again until it is counted. */
  readonly settle: (actual: UpperBound) => void;
}

/** What the tenant spent and reserved this month, and may spend. */
export interface BudgetState {
  readonly spentNano: bigint;
  readonly reservedNano: bigint;
  /** `undefined` when there is no limit. */
  readonly limitNano: bigint | undefined;
}

/** Rates, places and budgets. */
export interface Limits {
  /** Counts one request of a credential. */
  readonly admit: (counted: Counted) => Promise<Admission>;
  /** Counts one request of a client without a valid credential, by its network. */
  readonly admitAnonymous: (address: string) => Promise<Admission>;
  /**
   * Reserves tokens, a place and money together, or nothing.
   * @throws {AppError} rate_limit_exceeded, insufficient_quota, or context_length_exceeded for what can never fit.
   */
  readonly reserve: (counted: Counted, work: Work, signal?: AbortSignal) => Promise<Reservation>;
  /** Charges work whose server died before it could settle, under the id of its reservation. */
  readonly charge: (work: { tenantId: string; id: string; startedMs: number } & UpperBound) => void;
  readonly budget: (counted: Pick<Counted, 'tenantId' | 'tier'>) => Promise<BudgetState>;
  /** Resolves when everything that was settled is counted, or given up. */
  readonly close: () => Promise<void>;
}

/** Who was over a limit. */
export interface OverrunEvent extends Overrun {
  readonly tenantId: string | undefined;
  readonly tier: TenantTier | 'anonymous';
}

/** What the limits need. */
export interface LimitsOptions extends SettlementsOptions {
  readonly policy: LimitPolicy;
  /** Nano-dollars charged to a tenant since a time. */
  readonly loadSpent: (tenantId: string, since: Date) => Promise<bigint>;
  readonly onOverrun: (event: OverrunEvent) => void;
  readonly now?: () => number;
}

/** Tries of a take that found a budget unknown: it may be lost again while it is loaded. */
const seedingsMax = 3;

/** Makes limits. */
export function createLimits(options: LimitsOptions): Limits {
  const { counters, policy } = options;
  const now = options.now ?? Date.now;
  const settlements = createSettlements(options);
  const seedings = new Map<string, Promise<void>>();

  function tell(overruns: readonly Overrun[], who: Pick<OverrunEvent, 'tenantId' | 'tier'>): void {
    for (const overrun of overruns) options.onOverrun({ ...overrun, ...who });
  }

  /** Says what is spent of all budgets; whoever comes while that is loaded waits for the same. */
  function seed(tenantId: string, atMs: number): Promise<void> {
    const running = seedings.get(tenantId);
    if (running !== undefined) return running;
    const seeding = Promise.all(
      periodsOf(atMs).map(async ({ name, startsMs, endsMs }) => {
        const spentNano = Number(await options.loadSpent(tenantId, new Date(startsMs)));
        await counters.seed(tenantScope(tenantId), { name, spentNano, endsUs: endsMs * microsPerMs });
      }),
    ).then(() => {});
    seedings.set(tenantId, seeding);
    return seeding.finally(() => seedings.delete(tenantId));
  }

  async function takeSeeded(tenantId: string, plan: Plan, atMs: number, signal?: AbortSignal): Promise<Taken> {
    for (let seeded = 0; ; seeded++) {
      const taken = await counters.take(tenantScope(tenantId), plan, signal);
      if (taken.outcome === 'repeated') throw new Error('The reservation is there already, or was settled.');
      if (taken.outcome !== 'unseeded') return taken;
      if (seeded === seedingsMax) throw new Error('What is spent of a budget was lost as often as it was loaded.');
      await seed(tenantId, atMs);
    }
  }

  function admissionFrom(plan: Plan, taken: Taken, who: Pick<OverrunEvent, 'tenantId' | 'tier'>): Admission {
    const overruns = overrunsOf(plan, taken);
    tell(overruns, who);
    return {
      rates: rateStateOf(plan, taken),
      refusal: taken.outcome === 'refused' ? refusalOf(overruns) : undefined,
    };
  }

  return {
    async admit(counted) {
      const plan = requestPlan(policy, counted);
      return admissionFrom(plan, await counters.take(tenantScope(counted.tenantId), plan), counted);
    },

    async admitAnonymous(address) {
      const network = networkOf(address);
      const plan = anonymousPlan(policy, network);
      const taken = await counters.take({ kind: 'network', id: network }, plan);
      return admissionFrom(plan, taken, { tenantId: undefined, tier: 'anonymous' });
    },

    async reserve(counted, work, signal) {
      const { tenantId } = counted;
      const atMs = now();
      const plan = workPlan(policy, counted, work, atMs);
      const impossibility = impossibilityOf(plan);
      if (impossibility !== undefined) throw impossibility;
      const settle = settlements.of(
        tenantId,
        work.id,
        plan.budgets.map(({ name }) => name),
      );
      const taken = await takeSeeded(tenantId, plan, atMs, signal).catch((error: unknown) => {
        // Perhaps only the answer was lost; what nobody holds must not stay reserved.
        if (isAppError(error, 'dependency_unavailable')) settle({ tokens: 0, costNano: 0n });
        throw error;
      });
      const overruns = overrunsOf(plan, taken);
      tell(overruns, counted);
      if (taken.outcome === 'refused') throw refusalOf(overruns);
      return { settle };
    },

    charge({ tenantId, id, startedMs, ...actual }) {
      settlements.of(
        tenantId,
        id,
        periodsOf(startedMs).map(({ name }) => name),
      )(actual);
    },

    async budget({ tenantId, tier }) {
      const atMs = now();
      const [budget] = budgetsOf(policy, tier, 0n, atMs);
      if (budget === undefined) throw new Error('The budget of the month is always counted.');
      const plan = { rates: [], places: [], budgets: [budget] };
      const [reading] = (await takeSeeded(tenantId, plan, atMs)).budgets;
      return {
        spentNano: BigInt(reading?.spentNano ?? 0),
        reservedNano: BigInt(reading?.reservedNano ?? 0),
        limitNano: budget.limitNano > 0 ? BigInt(budget.limitNano) : undefined,
      };
    },

    close: settlements.drain,
  };
}
