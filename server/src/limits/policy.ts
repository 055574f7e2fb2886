/** Which limits there are, how high each is, and which of them one piece of work meets. Pure. */

import type { LimitName } from '../config/index.ts';
import type { Principal, TenantTier } from '../context.ts';
import {
  type BudgetDemand,
  microsPerMs,
  type PlaceDemand,
  type RateDemand,
  type Scope,
  type Take,
} from './counters.ts';
import { daily, monthly, type Period } from './periods.ts';

/** Rates of one subject; 0 is no limit. */
export interface Rates {
  readonly requestsPerMinute: number;
  readonly tokensPerMinute: number;
}

/** Limits of a tenant of a tier; 0 is no limit. */
export interface TierLimits extends Rates {
  /** Questions and chats that run at once. */
  readonly concurrency: number;
  readonly budgetNanoPerDay: number;
  readonly budgetNanoPerMonth: number;
}

/** How high each limit is, and what happens at it. */
export interface LimitPolicy {
  readonly tiers: Readonly<Record<TenantTier, TierLimits>>;
  /** Of one user. */
  readonly user: Rates;
  /** Of one API key or session. */
  readonly key: Rates & Pick<TierLimits, 'concurrency'>;
  /** Of one tenant to one model. */
  readonly model: Rates;
  readonly anonymousRequestsPerMinute: number;
  /** Limits that refuse nothing: what they would have refused is told. */
  readonly shadow: ReadonlySet<LimitName>;
  /** Budgets that only tell how much is spent. */
  readonly soft: ReadonlySet<LimitName>;
}

/** Who is counted. */
export interface Counted {
  readonly tenantId: string;
  readonly tier: TenantTier;
  readonly principal: Pick<Principal, 'userId' | 'credential'>;
}

/** What a piece of work may use at most. */
export interface UpperBound {
  readonly tokens: number;
  readonly costNano: bigint;
}

/** A piece of work that asks for tokens, a place and money. */
export interface Work extends UpperBound {
  /** Its reservation; no two pieces of work may share one. */
  readonly id: string;
  readonly model: string;
  /** When its reservation may be given back, if nobody settles it, in milliseconds since the epoch. */
  readonly expiresMs: number;
}

type Named<Demand> = Demand & { readonly limitName: LimitName };

/** What to take, with the limit that each part stands for. */
export interface Plan extends Take {
  readonly rates: readonly Named<RateDemand>[];
  readonly places: readonly Named<PlaceDemand>[];
  readonly budgets: readonly Named<BudgetDemand>[];
}

/** Characters of a model's name that tell it from others here; longer names share their limit. */
const modelCharactersMax = 200;

/** The scope of a tenant. */
export const tenantScope = (tenantId: string): Scope => ({ kind: 'tenant', id: tenantId });

/** One request: it is counted, and its tokens are looked at for the headers of the answer. */
export function requestPlan(policy: LimitPolicy, counted: Counted): Plan {
  const rates = [...ratesOf(policy, 'requests', counted, 1), ...ratesOf(policy, 'tokens', counted, 0)];
  return { rates, places: [], budgets: [] };
}

/** One request of somebody without credential. */
export function anonymousPlan(policy: LimitPolicy, network: string): Plan {
  const limit = policy.anonymousRequestsPerMinute;
  const rate = { limitName: 'anonymous_requests', name: network, limit, amount: 1, isBound: false } as const;
  return { rates: inForce(policy, [rate]), places: [], budgets: [] };
}

/** One piece of work: everything that it may use. */
export function workPlan(policy: LimitPolicy, counted: Counted, work: Work, nowMs: number): Plan {
  const model = encodeURIComponent(work.model).slice(0, modelCharactersMax);
  const ofModel = { model, requests: policy.model.requestsPerMinute, tokens: policy.model.tokensPerMinute };
  const rates = [
    ...ratesOf(policy, 'tokens', counted, work.tokens),
    ...inForce(policy, [
      rate('model_requests', `requests:model:${ofModel.model}`, ofModel.requests, 1, false),
      rate('model_tokens', `tokens:model:${ofModel.model}`, ofModel.tokens, work.tokens, true),
    ]),
  ];
  const places = inForce(policy, [
    { limitName: 'tenant_concurrency', name: 'tenant', limit: policy.tiers[counted.tier].concurrency } as const,
    {
      limitName: 'key_concurrency',
      name: `key:${counted.principal.credential.id}`,
      limit: policy.key.concurrency,
    } as const,
  ]);
  const budgets = budgetsOf(policy, counted.tier, work.costNano, nowMs);
  const reservation = { id: work.id, expiresUs: Math.ceil(work.expiresMs) * microsPerMs };
  return { rates, places, budgets, reservation };
}

/** The budgets of a tenant; that of the month is always counted, so that it can be shown. */
export function budgetsOf(
  policy: LimitPolicy,
  tier: TenantTier,
  costNano: bigint,
  nowMs: number,
): readonly Named<BudgetDemand>[] {
  const { budgetNanoPerDay, budgetNanoPerMonth } = policy.tiers[tier];
  const demand = (limitName: LimitName, period: Period, limitNano: number): Named<BudgetDemand> => ({
    ...{ limitName, limitNano, costNano: Number(costNano), name: period.name, endsUs: period.endsMs * microsPerMs },
    mode: modeOf(policy, limitName),
  });
  return [
    demand('monthly_budget', monthly(nowMs), budgetNanoPerMonth),
    ...(budgetNanoPerDay > 0 ? [demand('daily_budget', daily(nowMs), budgetNanoPerDay)] : []),
  ];
}

function modeOf({ shadow, soft }: LimitPolicy, limitName: LimitName): BudgetDemand['mode'] {
  if (shadow.has(limitName)) return 'shadow';
  return soft.has(limitName) ? 'soft' : 'hard';
}

function ratesOf(
  policy: LimitPolicy,
  what: 'requests' | 'tokens',
  { tier, principal }: Counted,
  amount: number,
): readonly Named<RateDemand>[] {
  const limitOf = (rates: Rates) => (what === 'requests' ? rates.requestsPerMinute : rates.tokensPerMinute);
  const isBound = what === 'tokens' && amount > 0;
  return inForce(policy, [
    rate(`tenant_${what}`, `${what}:tenant`, limitOf(policy.tiers[tier]), amount, isBound),
    rate(`user_${what}`, `${what}:user:${principal.userId}`, limitOf(policy.user), amount, isBound),
    rate(`key_${what}`, `${what}:key:${principal.credential.id}`, limitOf(policy.key), amount, isBound),
  ]);
}

function rate(limitName: LimitName, name: string, limit: number, amount: number, isBound: boolean) {
  return { limitName, name, limit, amount, isBound };
}

/** Without those that are no limit. */
function inForce<Demand extends { readonly limitName: LimitName; readonly limit: number }>(
  { shadow }: LimitPolicy,
  demands: readonly Demand[],
): readonly (Demand & { readonly isShadow: boolean })[] {
  return demands
    .filter(({ limit }) => limit > 0)
    .map((demand) => ({ ...demand, isShadow: shadow.has(demand.limitName) }));
}
