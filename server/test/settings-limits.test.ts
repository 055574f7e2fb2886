/** Settings of limits: each is set, and the limit of its name refuses, or in shadow mode does not. */

import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { type LimitName, loadConfig } from '../src/config/index.ts';
import { type TenantTier, tenantTiers } from '../src/context.ts';
import type { CrossingEvent, OverrunEvent } from '../src/limits/index.ts';
import { limitPolicy } from '../src/settings.ts';
import { testLimits } from './support/limits.ts';

/** Asks a few times for everything at once, under these settings; says which limits were met, and how. */
async function metUnder(environment: Readonly<Record<string, string>>, tier: TenantTier = 'free') {
  const overruns: OverrunEvent[] = [];
  const crossings: CrossingEvent[] = [];
  const { config } = loadConfig({ environment, directory: tmpdir() });
  const limits = testLimits({
    policy: limitPolicy(config.limits),
    now: () => Date.UTC(2026, 0, 15),
    onOverrun: (event) => void overruns.push(event),
    onCrossing: (event) => void crossings.push(event),
  });
  const counted = {
    tenantId: 'ten_1',
    tier,
    principal: { userId: 'usr_1', credential: { kind: 'api_key', id: 'k' } },
  } as const;
  for (let n = 0; n < 3; n += 1) {
    await limits.admit(counted);
    await limits.admitAnonymous('192.0.2.1');
    const work = {
      id: `req_${n}`,
      model: 'm',
      tokens: 60,
      costNano: 6_000_000_000n,
      expiresMs: Date.UTC(2026, 0, 16),
    };
    // Some settle, for soft budgets; some run on, for concurrency.
    const reservation = await limits.reserve(counted, work).catch(() => undefined);
    if (n > 0) reservation?.settle(work);
  }
  await limits.close();
  return { met: new Set(overruns.map(({ limit, isShadow }) => `${limit}${isShadow ? ' in shadow' : ''}`)), crossings };
}

/** All of no limit. */
const none = Object.fromEntries([
  ...tenantTiers.flatMap((tier) => {
    const name = tier.toUpperCase();
    const rates = [`RATE_LIMIT_${name}_REQUESTS_PER_MINUTE`, `RATE_LIMIT_${name}_TOKENS_PER_MINUTE`];
    return [...rates, `CONCURRENCY_LIMIT_${name}`, `BUDGET_${name}_DOLLARS_PER_MONTH`].map((env) => [env, '0']);
  }),
  ['RATE_LIMIT_KEY_REQUESTS_PER_MINUTE', '0'],
  ['RATE_LIMIT_ANONYMOUS_REQUESTS_PER_MINUTE', '0'],
]) as Record<string, string>;

describe('settings of limits', () => {
  it.each<[env: string, value: string, limit: LimitName]>([
    ['RATE_LIMIT_USER_REQUESTS_PER_MINUTE', '1', 'user_requests'],
    ['RATE_LIMIT_USER_TOKENS_PER_MINUTE', '100', 'user_tokens'],
    ['RATE_LIMIT_KEY_REQUESTS_PER_MINUTE', '1', 'key_requests'],
    ['RATE_LIMIT_KEY_TOKENS_PER_MINUTE', '100', 'key_tokens'],
    ['CONCURRENCY_LIMIT_KEY', '1', 'key_concurrency'],
    ['RATE_LIMIT_MODEL_REQUESTS_PER_MINUTE', '1', 'model_requests'],
    ['RATE_LIMIT_MODEL_TOKENS_PER_MINUTE', '100', 'model_tokens'],
    ['RATE_LIMIT_ANONYMOUS_REQUESTS_PER_MINUTE', '1', 'anonymous_requests'],
  ])('%s=%s is the limit %s, alone; LIMITS_SHADOW lets it pass', async (env, value, limit) => {
    expect((await metUnder({ ...none, [env]: value })).met).toEqual(new Set([limit]));
    const shadow = await metUnder({ ...none, [env]: value, LIMITS_SHADOW: `monthly_budget, ${limit}` });
    expect(shadow.met).toEqual(new Set([`${limit} in shadow`]));
  });

  it.each(tenantTiers)('of the tier %s are its own', async (tier) => {
    const name = tier.toUpperCase();
    const limits: readonly [env: string, value: string, limit: LimitName][] = [
      [`RATE_LIMIT_${name}_REQUESTS_PER_MINUTE`, '1', 'tenant_requests'],
      [`RATE_LIMIT_${name}_TOKENS_PER_MINUTE`, '100', 'tenant_tokens'],
      [`CONCURRENCY_LIMIT_${name}`, '1', 'tenant_concurrency'],
      [`BUDGET_${name}_DOLLARS_PER_DAY`, '10', 'daily_budget'],
      [`BUDGET_${name}_DOLLARS_PER_MONTH`, '10', 'monthly_budget'],
    ];
    const other = tenantTiers.find((one) => one !== tier) ?? tier;
    for (const [env, value, limit] of limits) {
      expect((await metUnder({ ...none, [env]: value }, tier)).met).toEqual(new Set([limit]));
      expect((await metUnder({ ...none, [env]: value }, other)).met).toEqual(new Set());
    }
  });

  it('in BUDGETS_SOFT make a budget tell and refuse nothing', async () => {
    const environment = { ...none, BUDGET_FREE_DOLLARS_PER_DAY: '10', BUDGETS_SOFT: 'daily_budget' };
    const { met, crossings } = await metUnder(environment);
    expect(met).toEqual(new Set());
    expect(crossings).toMatchObject([{ budget: 'day:2026-01-15', level: 50 }, { level: 100 }]);
  });

  it('that are not set leave a new server as it was', async () => {
    expect((await metUnder({})).met).toEqual(new Set(['monthly_budget']));
  });
});
