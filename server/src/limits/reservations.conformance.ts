/** What limits promise of what is reserved and of money, wherever it is counted. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LimitsSuite, tightPolicies } from '../../test/support/limits-suite.ts';
import { AppError } from '../errors.ts';
import type { Counters } from './counters.ts';
import type { Limits } from './limits.ts';

const minuteMs = 60_000;

/** Runs the suite. */
export function reservationsConformance(suite: LimitsSuite): void {
  const { clock, overruns, crossings, limitsWith, by, work, tenant, admittedOf, reservation } = suite;
  const { counters, dump, lose, newTenant } = suite;

  describe('of reservations', () => {
    const budgetOf = async (limits: Limits) => {
      const { spentNano, reservedNano } = await limits.budget(by());
      return [spentNano, reservedNano];
    };
    const tokensLeft = async (limits: Limits) => (await limits.admit(by())).rates.tokens?.remaining;

    it('take everything or nothing, and a denial leaves no trace', async () => {
      const limits = limitsWith({ tier: { tokensPerMinute: 1000, budgetNanoPerMonth: 100, concurrency: 2 } });
      await limits.reserve(by(), work({ tokens: 900, costNano: 50n }));
      const before = await dump(tenant());
      for (const asked of [
        { tokens: 1, costNano: 51n },
        { tokens: 101, costNano: 1n },
      ])
        expect((await admittedOf(20, reservation(limits, asked))).admitted).toBe(0);
      expect(await dump(tenant())).toEqual(before);
      await limits.reserve(by(), work());
      const full = await dump(tenant());
      expect((await admittedOf(20, reservation(limits))).admitted).toBe(0);
      expect(await dump(tenant())).toEqual(full);
    });

    it('are replaced by what was used, once', async () => {
      const limits = limitsWith({ tier: { tokensPerMinute: 1000 } });
      const { settle } = await limits.reserve(by(), work({ tokens: 500, costNano: 50n }));
      expect(await budgetOf(limits)).toEqual([0n, 50n]);
      for (let n = 0; n < 3; n += 1) settle({ tokens: 100, costNano: 10n });
      await limits.close();
      expect(await budgetOf(limits)).toEqual([10n, 0n]);
      expect(await tokensLeft(limits)).toBe(900);
    });

    it('leave nothing reserved and no place taken once all is settled', async () => {
      const limits = limitsWith({ tier: { concurrency: 50 } });
      const made = await Promise.all(
        Array.from({ length: 50 }, () => limits.reserve(by(), work({ tokens: 7, costNano: 3n }))),
      );
      for (const { settle } of made) settle({ tokens: 2, costNano: 1n });
      await limits.close();
      expect(await budgetOf(limits)).toEqual([50n, 0n]);
      expect((await dump(tenant())).filter((line) => /^(held|place)/.test(line))).toEqual([]);
      expect((await admittedOf(60, reservation(limits))).admitted).toBe(50);
    });

    it('let a debt of tokens be paid by time, which never is more than one minute', async () => {
      const limits = limitsWith({ tier: { tokensPerMinute: 600 } });
      const { settle } = await limits.reserve(by(), work({ tokens: 600 }));
      settle({ tokens: 100_000, costNano: 0n });
      await limits.close();
      expect(await reservation(limits)()).toMatchObject({ code: 'rate_limit_exceeded', retryAfterMs: 60_100 });
      clock.nowMs += 60_100;
      expect(await reservation(limits)()).toBeUndefined();
    });

    it('are given back once their time has passed, and charged when they are settled after all, once', async () => {
      const limits = limitsWith({ tier: { concurrency: 1 } });
      const { settle } = await limits.reserve(by(), work({ costNano: 40n, tokens: 900_000 }));
      expect((await admittedOf(3, reservation(limits))).admitted).toBe(0);
      clock.nowMs += minuteMs;
      expect(await budgetOf(limits)).toEqual([0n, 0n]);
      const second = await limits.reserve(by(), work());
      settle({ tokens: 100, costNano: 30n });
      settle({ tokens: 100, costNano: 30n });
      second.settle({ tokens: 0, costNano: 0n });
      await limits.close();
      expect(await budgetOf(limits)).toEqual([30n, 0n]);
    });

    it('are refused what can never fit into a minute, which waiting would not mend', async () => {
      const limits = limitsWith({ tier: { tokensPerMinute: 1000 } });
      expect(await reservation(limits, { tokens: 1001 })()).toMatchObject({ code: 'context_length_exceeded' });
    });

    it('cannot be had twice under one id', async () => {
      const limits = limitsWith();
      const once = work({ costNano: 5n });
      const { settle } = await limits.reserve(by(), once);
      await expect(limits.reserve(by(), once)).rejects.toThrow('The reservation is there already');
      settle({ tokens: 1, costNano: 5n });
      await limits.close();
      await expect(limits.reserve(by(), once)).rejects.toThrow('was settled');
      expect(await budgetOf(limits)).toEqual([5n, 0n]);
    });

    it('are given back when the answer that granted them was lost', async () => {
      const lossy: Counters = {
        ...counters(),
        take: async (scope, asked) => {
          await counters().take(scope, asked);
          throw new AppError('dependency_unavailable');
        },
      };
      const limits = limitsWith();
      await limits.budget(by());
      const losing = limitsWith({ counters: lossy });
      expect(await reservation(losing, { costNano: 9n })()).toMatchObject({ code: 'dependency_unavailable' });
      await losing.close();
      expect(await budgetOf(limits)).toEqual([0n, 0n]);
    });

    it('are settled in the end when the counters were away for a moment', async () => {
      let failures = 2;
      const shaky: Counters = {
        ...counters(),
        settle: async (scope, used) => {
          failures -= 1;
          if (failures >= 0) throw new AppError('dependency_unavailable');
          return counters().settle(scope, used);
        },
      };
      const limits = limitsWith({ counters: shaky });
      const { settle } = await limits.reserve(by(), work({ costNano: 9n }));
      settle({ tokens: 1, costNano: 7n });
      await limits.close();
      expect(await budgetOf(limits)).toEqual([7n, 0n]);
    });
  });

  describe('of money', () => {
    const spentBy = async (limits: Limits, costNano: bigint) => {
      const { settle } = await limits.reserve(by(), work({ costNano }));
      settle({ tokens: 1, costNano });
      await limits.close();
    };

    it('never spend and reserve more than the budget, whatever is reserved, used and given back', async () => {
      const steps = fc.array(
        fc.record({ cost: fc.bigInt(0n, 60n), share: fc.integer({ min: 0, max: 100 }), settles: fc.boolean() }),
        { maxLength: 30 },
      );
      const property = fc.asyncProperty(steps, async (plan) => {
        newTenant();
        const limits = limitsWith({ tier: { budgetNanoPerMonth: 100 } });
        const openWork: (() => void)[] = [];
        for (const { cost, share, settles } of plan) {
          const granted = await limits.reserve(by(), work({ costNano: cost })).catch(() => undefined);
          if (granted !== undefined)
            openWork.push(() => granted.settle({ tokens: 1, costNano: (cost * BigInt(share)) / 100n }));
          if (settles) openWork.shift()?.();
          await limits.close();
          const { spentNano, reservedNano } = await limits.budget(by());
          expect(spentNano + reservedNano).toBeLessThanOrEqual(100n);
          expect(reservedNano).toBeGreaterThanOrEqual(0n);
        }
      });
      await fc.assert(property, { numRuns: 20 });
    });

    it('begin with what the ledger knows, asked once however many need it', async () => {
      const asked: string[] = [];
      const limits = limitsWith({
        tier: { budgetNanoPerMonth: 100 },
        loadSpent: async (whose, since) => {
          asked.push(`${whose} since ${since.toISOString()}`);
          return 98n;
        },
      });
      const { admitted } = await admittedOf(10, reservation(limits, { costNano: 1n }));
      expect(admitted).toBe(2);
      expect(asked.sort()).toEqual([
        `${tenant().id} since 2100-06-01T00:00:00.000Z`,
        `${tenant().id} since 2100-06-15T00:00:00.000Z`,
      ]);
    });

    it('ask the ledger again when the counters were lost', async () => {
      let spent = 0n;
      const limits = limitsWith({ tier: { budgetNanoPerMonth: 100 }, loadSpent: async () => spent });
      await spentBy(limits, 90n);
      spent = 90n;
      await lose(tenant());
      expect((await admittedOf(20, reservation(limits, { costNano: 1n }))).admitted).toBe(10);
    });

    it('ask again after the ledger could not say, and count nothing until then', async () => {
      let isDown = true;
      const limits = limitsWith({
        loadSpent: () => (isDown ? Promise.reject(new Error('down')) : Promise.resolve(0n)),
      });
      await expect(limits.reserve(by(), work({ costNano: 1n }))).rejects.toThrow('down');
      isDown = false;
      await limits.reserve(by(), work({ costNano: 1n }));
      expect((await limits.admit(by())).rates.tokens?.remaining).toBe(999_999);
    });

    it('are those of the day and of the calendar month in UTC; work counts where it began', async () => {
      clock.nowMs = Date.UTC(2100, 6, 1) - 1;
      const limits = limitsWith({ tier: { budgetNanoPerMonth: 100, budgetNanoPerDay: 60 } });
      const old = await limits.reserve(by(), work({ costNano: 60n }));
      expect(await reservation(limits, { costNano: 1n })()).toMatchObject({ code: 'insufficient_quota' });
      clock.nowMs += 1;
      await limits.reserve(by(), work({ costNano: 60n }));
      old.settle({ tokens: 1, costNano: 60n });
      await limits.close();
      expect(await limits.budget(by())).toEqual({ spentNano: 0n, reservedNano: 60n, limitNano: 100n });
      clock.nowMs += 24 * 60 * minuteMs;
      await limits.reserve(by(), work({ costNano: 40n }));
    });

    it('let free work pass when more is spent than the budget now is, and no other', async () => {
      const limits = limitsWith({ tier: { budgetNanoPerMonth: 100 }, loadSpent: async () => 500n });
      expect(await reservation(limits)()).toBeUndefined();
      expect(await reservation(limits, { costNano: 1n })()).toMatchObject({ code: 'insufficient_quota' });
    });

    it('have no limit at 0, and are counted all the same', async () => {
      const limits = limitsWith({ tier: { budgetNanoPerMonth: 0 } });
      await spentBy(limits, 10n ** 15n);
      expect(await limits.budget(by())).toEqual({ spentNano: 10n ** 15n, reservedNano: 0n, limitNano: undefined });
      expect(crossings).toEqual([]);
    });

    it('tell once that 50, 80 and 100 per cent are spent', async () => {
      const limits = limitsWith({ tier: { budgetNanoPerMonth: 100 } });
      for (const cost of [49n, 1n, 29n, 1n, 19n, 1n]) await spentBy(limits, cost);
      const month = { tenantId: tenant().id, budget: 'month:2100-06' };
      expect(crossings).toEqual([50, 80, 100].map((level) => ({ ...month, level })));
    });

    it('refuse nothing when they are soft, and tell the same', async () => {
      const limits = limitsWith({
        tier: { budgetNanoPerMonth: 100 },
        policy: { ...tightPolicies.monthly_budget, soft: new Set(['monthly_budget']) },
      });
      for (let n = 0; n < 4; n += 1) await spentBy(limits, 60n);
      expect(crossings.map(({ level }) => level)).toEqual([50, 100]);
      expect(overruns).toEqual([]);
      expect((await limits.budget(by())).spentNano).toBe(240n);
    });

    it('charge what a crash left, once, also when it was settled before', async () => {
      const limits = limitsWith();
      const lost = work({ costNano: 40n });
      const { settle } = await limits.reserve(by(), lost);
      const interrupted = { tenantId: tenant().id, id: lost.id, startedMs: clock.nowMs, tokens: 1, costNano: 40n };
      limits.charge(interrupted);
      limits.charge(interrupted);
      settle({ tokens: 1, costNano: 7n });
      await limits.close();
      expect(await limits.budget(by())).toMatchObject({ spentNano: 40n, reservedNano: 0n });
    });
  });
}
