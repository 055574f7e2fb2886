/** What limits promise of rates and of many requests at once, wherever they are counted. */

import { describe, expect, it } from 'vitest';
import type { TestLimits } from '../../test/support/limits.ts';
import { type LimitsSuite, tightPolicies } from '../../test/support/limits-suite.ts';
import { type LimitName, limitNames } from '../config/index.ts';
import { newId } from '../db/index.ts';
import type { Scope } from './counters.ts';
import type { Limits } from './limits.ts';

/** Runs the suite. */
export function limitsConformance(suite: LimitsSuite): void {
  const { clock, overruns, limitsWith, by, tenant, admittedOf, request, reservation, counters, dump } = suite;

  describe('of rates', () => {
    it('bound the tenant over all users and keys, each user over their keys, and each key by itself', async () => {
      const limits = limitsWith({
        tier: { requestsPerMinute: 10 },
        policy: {
          user: { requestsPerMinute: 6, tokensPerMinute: 0 },
          key: { requestsPerMinute: 4, tokensPerMinute: 0, concurrency: 0 },
        },
      });
      const admitted = async (key: string, user: string) =>
        (await admittedOf(20, request(limits, by(key, user)))).admitted;
      expect(await admitted('key_1', 'usr_1')).toBe(4);
      expect(await admitted('key_2', 'usr_1')).toBe(2);
      expect(await admitted('key_3', 'usr_2')).toBe(4);
      expect(await admitted('key_4', 'usr_3')).toBe(0);
    });

    it('are those of each tenant, whatever others do', async () => {
      const limits = limitsWith({ tier: { requestsPerMinute: 3, concurrency: 3, budgetNanoPerMonth: 3 } });
      const other = newId('tenant');
      for (const mine of [by(), by('key_1', 'usr_1', other)]) {
        expect((await admittedOf(9, request(limits, mine))).admitted).toBe(3);
        expect((await admittedOf(9, reservation(limits, { costNano: 1n }, mine))).admitted).toBe(3);
      }
    });

    it('count nothing when they refuse, and say to the millisecond how long to wait', async () => {
      const limits = limitsWith({ tier: { requestsPerMinute: 2 } });
      const ask = request(limits);
      await admittedOf(2, ask);
      const before = await dump(tenant());
      expect((await admittedOf(50, ask)).admitted).toBe(0);
      expect(await dump(tenant())).toEqual(before);
      const { retryAfterMs } = (await ask()) ?? {};
      expect(retryAfterMs).toBe(30_000);
      clock.nowMs += 29_999;
      expect(await ask()).toMatchObject({ retryAfterMs: 1 });
      clock.nowMs += 1;
      expect(await ask()).toBeUndefined();
    });

    it('show the tightest of what applies, and nothing of what has no limit', async () => {
      const limits = limitsWith({
        tier: { requestsPerMinute: 10, tokensPerMinute: 0 },
        policy: { key: { requestsPerMinute: 4, tokensPerMinute: 0, concurrency: 0 } },
      });
      expect((await limits.admit(by('key_1'))).rates).toEqual({
        requests: { limit: 4, remaining: 3, resetMs: 15_000 },
      });
      for (const key of ['key_2', 'key_3', 'key_4', 'key_5', 'key_6', 'key_7', 'key_8']) await limits.admit(by(key));
      expect((await limits.admit(by('key_9'))).rates.requests).toMatchObject({ limit: 10, remaining: 1 });
    });

    it('bound anonymous clients by network, apart from tenants', async () => {
      const limits = limitsWith({ policy: { anonymousRequestsPerMinute: 5 } });
      const [hosts, network] = [Math.floor(Math.random() * 2 ** 16), Math.floor(Math.random() * 2 ** 16).toString(16)];
      let host = hosts;
      const anonymous = (address: () => string) => async () => (await limits.admitAnonymous(address())).refusal;
      const sameNetwork = anonymous(() => `2001:db8:${network}::${(host++).toString(16)}`);
      expect((await admittedOf(9, sameNetwork)).admitted).toBe(5);
      expect(
        (
          await admittedOf(
            9,
            anonymous(() => tenant().id),
          )
        ).admitted,
      ).toBe(5);
      expect((await limits.admit(by())).rates.requests?.remaining).toBe(999_999);
    });
  });

  const ask = (limits: Limits, limit: LimitName) => {
    if (limit === 'anonymous_requests') return async () => (await limits.admitAnonymous(tenant().id)).refusal;
    const isAdmission = limit.endsWith('_requests') && limit !== 'model_requests';
    return isAdmission ? request(limits) : reservation(limits, { tokens: 60, costNano: 60n });
  };

  describe.each(limitNames)('named %s', (limit) => {
    it('refuses by itself, and is told by its name', async () => {
      const limits = limitsWith({ policy: tightPolicies[limit] });
      const { admitted, codes } = await admittedOf(3, ask(limits, limit));
      expect(admitted).toBe(1);
      expect(codes).toEqual([limit.endsWith('budget') ? 'insufficient_quota' : 'rate_limit_exceeded']);
      expect(overruns).toMatchObject([
        { limit, isShadow: false },
        { limit, isShadow: false },
      ]);
    });

    it('refuses nothing in shadow mode, and tells what it would have refused', async () => {
      const limits = limitsWith({ policy: { ...tightPolicies[limit], shadow: new Set([limit]) } });
      expect((await admittedOf(3, ask(limits, limit))).admitted).toBe(3);
      expect(overruns).toMatchObject([
        { limit, isShadow: true },
        { limit, isShadow: true },
      ]);
    });
  });

  describe('of a thousand at once', () => {
    it.each<[what: string, tier: TestLimits['tier'], code: string]>([
      ['running work', { concurrency: 100 }, 'rate_limit_exceeded'],
      ['the budget of the month', { budgetNanoPerMonth: 100 }, 'insufficient_quota'],
      ['the budget of the day', { budgetNanoPerDay: 100 }, 'insufficient_quota'],
      ['tokens, while no time passes', { tokensPerMinute: 100 }, 'rate_limit_exceeded'],
    ])('let in exactly the hundred that fit: %s', async (_, tier, code) => {
      const limits = limitsWith({ tier: tier ?? {} });
      const some = await admittedOf(1000, reservation(limits, { costNano: 1n }));
      expect(some).toEqual({ admitted: 100, codes: [code] });
    });

    it('let in exactly the hundred requests that fit, while no time passes', async () => {
      const limits = limitsWith({ tier: { requestsPerMinute: 100 } });
      expect((await admittedOf(1000, request(limits))).admitted).toBe(100);
    });
  });

  describe('of tries', () => {
    const scope = (): Scope => ({ kind: 'login', id: tenant().id });
    const attempt = () => counters().attempt(scope(), { max: 3, lengthUs: 900_000_000 });

    it('count so many within a window that begins with the first, and are forgiven', async () => {
      const counts = (await Promise.all([attempt(), attempt(), attempt()])).map(({ count }) => count);
      expect(counts.toSorted()).toEqual([1, 2, 3]);
      clock.nowMs += 60_000;
      expect(await attempt()).toEqual({ count: 3, retryAfterUs: 840_000_000 });
      clock.nowMs += 14 * 60_000;
      expect(await attempt()).toEqual({ count: 1, retryAfterUs: 0 });
      await counters().forgive(scope());
      expect(await attempt()).toEqual({ count: 1, retryAfterUs: 0 });
    });
  });
}
