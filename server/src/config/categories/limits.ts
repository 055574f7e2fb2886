import { integer, number } from '../setting.ts';

function perTier(tier: string, requests: number, tokens: number, dollars: number) {
  const name = tier.toUpperCase();
  return {
    requestsPerMinute: integer({
      env: `RATE_LIMIT_${name}_REQUESTS_PER_MINUTE`,
      default: requests,
      min: 1,
      max: 10_000_000,
      unit: 'per minute',
      description: `Requests per minute of a tenant of tier ${tier}.`,
    }),
    tokensPerMinute: integer({
      env: `RATE_LIMIT_${name}_TOKENS_PER_MINUTE`,
      default: tokens,
      min: 1,
      max: 10_000_000_000,
      unit: 'tokens',
      description: `Tokens per minute of a tenant of tier ${tier}.`,
    }),
    budgetDollarsPerMonth: number({
      env: `BUDGET_${name}_DOLLARS_PER_MONTH`,
      default: dollars,
      min: 0,
      max: 1_000_000_000,
      unit: 'US dollars per month',
      description: `Model spend per calendar month (UTC) of a tenant of tier ${tier}.`,
    }),
  };
}

const enterprise = perTier('enterprise', 6000, 4_000_000, 10_000);
const professional = perTier('professional', 1200, 1_000_000, 1000);
const starter = perTier('starter', 300, 250_000, 100);
const free = perTier('free', 120, 60_000, 5);

/** Rates and spend by tier, and per key. */
export const limits = {
  enterpriseRequestsPerMinute: enterprise.requestsPerMinute,
  enterpriseTokensPerMinute: enterprise.tokensPerMinute,
  enterpriseBudgetDollarsPerMonth: enterprise.budgetDollarsPerMonth,
  professionalRequestsPerMinute: professional.requestsPerMinute,
  professionalTokensPerMinute: professional.tokensPerMinute,
  professionalBudgetDollarsPerMonth: professional.budgetDollarsPerMonth,
  starterRequestsPerMinute: starter.requestsPerMinute,
  starterTokensPerMinute: starter.tokensPerMinute,
  starterBudgetDollarsPerMonth: starter.budgetDollarsPerMonth,
  freeRequestsPerMinute: free.requestsPerMinute,
  freeTokensPerMinute: free.tokensPerMinute,
  freeBudgetDollarsPerMonth: free.budgetDollarsPerMonth,
  keyRequestsPerMinute: integer({
    env: 'RATE_LIMIT_KEY_REQUESTS_PER_MINUTE',
    default: 3000,
    min: 1,
    max: 10_000_000,
    unit: 'per minute',
    description: 'Requests per minute of one API key or one login session.',
  }),
  anonymousRequestsPerMinute: integer({
    env: 'RATE_LIMIT_ANONYMOUS_REQUESTS_PER_MINUTE',
    default: 300,
    min: 1,
    max: 10_000_000,
    unit: 'per minute',
    description: 'Requests per minute of one client address without a valid credential, logins included.',
  }),
};
