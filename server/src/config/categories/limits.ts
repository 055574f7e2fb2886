import { integer, list, number } from '../setting.ts';

/** All limits, as LIMITS_SHADOW names them. */
export const limitNames = [
  'tenant_requests',
  'user_requests',
  'key_requests',
  'model_requests',
  'tenant_tokens',
  'user_tokens',
  'key_tokens',
  'model_tokens',
  'tenant_concurrency',
  'key_concurrency',
  'daily_budget',
  'monthly_budget',
  'anonymous_requests',
] as const;
export type LimitName = (typeof limitNames)[number];

/** 150 million: the highest rate that counters keep exactly. */
const ratePerMinuteMax = 150_000_000;
/** Nine million dollars: the highest budget that counters keep exactly to the nano-dollar. */
const budgetDollarsMax = 9_000_000;

function requests(whose: string, env: string, perMinute: number) {
  return integer({
    env,
    default: perMinute,
    min: 0,
    max: ratePerMinuteMax,
    unit: 'per minute',
    description: `Requests per minute ${whose}; 0 is no limit.`,
  });
}

function tokens(whose: string, env: string, perMinute: number) {
  return integer({
    env,
    default: perMinute,
    min: 0,
    max: ratePerMinuteMax,
    unit: 'tokens',
    description: `Tokens per minute ${whose}; 0 is no limit.`,
  });
}

function concurrency(whose: string, env: string, places: number) {
  return integer({
    env,
    default: places,
    min: 0,
    max: 1_000_000,
    unit: 'count',
    description: `Questions and chats that run at once ${whose}; 0 is no limit.`,
  });
}

function budget(tier: string, period: 'day' | 'month', dollars: number) {
  return number({
    env: `BUDGET_${tier.toUpperCase()}_DOLLARS_PER_${period.toUpperCase()}`,
    default: dollars,
    min: 0,
    max: budgetDollarsMax,
    unit: `US dollars per ${period}`,
    description: `Model spend per ${period === 'day' ? 'day' : 'calendar month'} (UTC) of a tenant of tier ${tier}; 0 is no limit.`,
  });
}

interface TierDefaults {
  readonly requests: number;
  readonly tokens: number;
  readonly concurrency: number;
  readonly dollarsPerMonth: number;
}

function perTier(tier: string, defaults: TierDefaults) {
  const whose = `of a tenant of tier ${tier}`;
  const name = tier.toUpperCase();
  return {
    requestsPerMinute: requests(whose, `RATE_LIMIT_${name}_REQUESTS_PER_MINUTE`, defaults.requests),
    tokensPerMinute: tokens(whose, `RATE_LIMIT_${name}_TOKENS_PER_MINUTE`, defaults.tokens),
    concurrency: concurrency(whose, `CONCURRENCY_LIMIT_${name}`, defaults.concurrency),
    budgetDollarsPerDay: budget(tier, 'day', 0),
    budgetDollarsPerMonth: budget(tier, 'month', defaults.dollarsPerMonth),
  };
}

const enterprise = perTier('enterprise', {
  requests: 6000,
  tokens: 4_000_000,
  concurrency: 1000,
  dollarsPerMonth: 10_000,
});
const professional = perTier('professional', {
  requests: 1200,
  tokens: 1_000_000,
  concurrency: 500,
  dollarsPerMonth: 1000,
});
const starter = perTier('starter', { requests: 300, tokens: 250_000, concurrency: 200, dollarsPerMonth: 100 });
const free = perTier('free', { requests: 120, tokens: 60_000, concurrency: 50, dollarsPerMonth: 5 });

/** Rates, concurrency and spend: by tier, and of one user, key or model. */
export const limits = {
  enterpriseRequestsPerMinute: enterprise.requestsPerMinute,
  enterpriseTokensPerMinute: enterprise.tokensPerMinute,
  enterpriseConcurrency: enterprise.concurrency,
  enterpriseBudgetDollarsPerDay: enterprise.budgetDollarsPerDay,
  enterpriseBudgetDollarsPerMonth: enterprise.budgetDollarsPerMonth,
  professionalRequestsPerMinute: professional.requestsPerMinute,
  professionalTokensPerMinute: professional.tokensPerMinute,
  professionalConcurrency: professional.concurrency,
  professionalBudgetDollarsPerDay: professional.budgetDollarsPerDay,
  professionalBudgetDollarsPerMonth: professional.budgetDollarsPerMonth,
  starterRequestsPerMinute: starter.requestsPerMinute,
  starterTokensPerMinute: starter.tokensPerMinute,
  starterConcurrency: starter.concurrency,
  starterBudgetDollarsPerDay: starter.budgetDollarsPerDay,
  starterBudgetDollarsPerMonth: starter.budgetDollarsPerMonth,
  freeRequestsPerMinute: free.requestsPerMinute,
  freeTokensPerMinute: free.tokensPerMinute,
  freeConcurrency: free.concurrency,
  freeBudgetDollarsPerDay: free.budgetDollarsPerDay,
  freeBudgetDollarsPerMonth: free.budgetDollarsPerMonth,
  userRequestsPerMinute: requests('of one user', 'RATE_LIMIT_USER_REQUESTS_PER_MINUTE', 0),
  userTokensPerMinute: tokens('of one user', 'RATE_LIMIT_USER_TOKENS_PER_MINUTE', 0),
  keyRequestsPerMinute: requests('of one API key or one login session', 'RATE_LIMIT_KEY_REQUESTS_PER_MINUTE', 3000),
  keyTokensPerMinute: tokens('of one API key or one login session', 'RATE_LIMIT_KEY_TOKENS_PER_MINUTE', 0),
  keyConcurrency: concurrency('of one API key or one login session', 'CONCURRENCY_LIMIT_KEY', 0),
  modelRequestsPerMinute: requests('of one tenant to one model', 'RATE_LIMIT_MODEL_REQUESTS_PER_MINUTE', 0),
  modelTokensPerMinute: tokens('of one tenant to one model', 'RATE_LIMIT_MODEL_TOKENS_PER_MINUTE', 0),
  anonymousRequestsPerMinute: requests(
    'of one client address without a valid credential, logins included',
    'RATE_LIMIT_ANONYMOUS_REQUESTS_PER_MINUTE',
    300,
  ),
  shadow: list({
    env: 'LIMITS_SHADOW',
    description: 'Limits that refuse nothing: what they would have refused is counted and logged. See docs/limits.md.',
  }),
  soft: list({
    env: 'BUDGETS_SOFT',
    description:
      'Budgets that refuse nothing and only tell when 50, 80 and 100 % are spent: daily_budget, monthly_budget.',
  }),
};
