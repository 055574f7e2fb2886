import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Counted, createMemoryLimits, type LimitsOptions, monthStart, type TierLimits } from './limits.ts';

const tier: TierLimits = { requestsPerMinute: 10, tokensPerMinute: 1000, budgetNanoPerMonth: 100n };
const by = (credential: string, tenantId = 'ten_a'): Counted => ({
  tenantId,
  tier: 'free',
  principal: { credential: { kind: 'api_key', id: credential } },
});
const bound = (tokens: number, costNano: bigint) => ({ tokens, costNano });

function limitsWith(options: Partial<Omit<LimitsOptions, 'tiers'>> & Partial<TierLimits> = {}) {
  const own = { ...tier, ...options };
  return createMemoryLimits({
    tiers: { free: own, starter: own, professional: own, enterprise: own },
    keyRequestsPerMinute: 100,
    anonymousRequestsPerMinute: 5,
    loadSpent: async () => 0n,
    now: () => 0,
    ...options,
  });
}

/** How many of the calls succeed before one throws. */
function admittedBy(admit: () => unknown): number {
  for (let count = 0; ; count++) {
    try {
      admit();
    } catch {
      return count;
    }
  }
}

describe('rates of requests', () => {
  it('bound the tenant over all its credentials, and each credential by itself', () => {
    const limits = limitsWith({ keyRequestsPerMinute: 4 });
    expect(admittedBy(() => limits.admit(by('key_1')))).toBe(4);
    expect(admittedBy(() => limits.admit(by('key_2')))).toBe(4);
    expect(admittedBy(() => limits.admit(by('key_3')))).toBe(2);
    expect(admittedBy(() => limits.admit(by('key_4', 'ten_b')))).toBe(4);
  });

  it('count nothing when they refuse, and say how long to wait', () => {
    const limits = limitsWith({ keyRequestsPerMinute: 1 });
    limits.admit(by('key_1'));
    for (let n = 0; n < 50; n++) {
      expect(() => limits.admit(by('key_1'))).toThrow(
        expect.objectContaining({ code: 'rate_limit_exceeded', retryAfterMs: 60_000 }),
      );
    }
    expect(limits.state(by('key_2')).requests.remaining).toBe(1);
    expect(admittedBy(() => limits.admit(by('key_2')))).toBe(1);
    expect(limits.state({ ...by('key_9') }).requests).toMatchObject({ limit: 1, remaining: 1 });
  });

  it('show the tighter of the two limits', () => {
    const limits = limitsWith({ keyRequestsPerMinute: 4 });
    expect(limits.admit(by('key_1')).requests).toMatchObject({ limit: 4, remaining: 3 });
    for (const key of ['key_2', 'key_3', 'key_4', 'key_5', 'key_6', 'key_7', 'key_8']) limits.admit(by(key));
    expect(limits.state(by('key_9')).requests).toMatchObject({ limit: 10, remaining: 2 });
  });

  it('bound anonymous clients by network, apart from tenants', () => {
    const limits = limitsWith();
    expect(admittedBy(() => limits.admitAnonymous('192.0.2.1'))).toBe(5);
    let host = 0;
    expect(admittedBy(() => limits.admitAnonymous(`2001:db8::${(host++).toString(16)}`))).toBe(5);
    expect(admittedBy(() => limits.admitAnonymous('ten_a'))).toBe(5);
    expect(limits.state(by('key_1')).requests.remaining).toBe(10);
  });
});

describe('reserving tokens and money', () => {
  it('admits exactly as many as the budget covers, out of a thousand at once', async () => {
    const limits = limitsWith({ tokensPerMinute: 1_000_000 });
    const all = await Promise.allSettled(Array.from({ length: 1000 }, () => limits.reserve(by('key_1'), bound(1, 1n))));
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(100);
    const reasons = all.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []));
    expect(new Set(reasons)).toEqual(new Set(['insufficient_quota']));
    expect(await limits.budget(by('key_1'))).toEqual({ spentNano: 0n, reservedNano: 100n, limitNano: 100n });
  });

  it('never lets spent and reserved money exceed the budget, whatever is reserved, used and given back', async () => {
    const steps = fc.array(
      fc.record({ cost: fc.bigInt(0n, 60n), share: fc.integer({ min: 0, max: 100 }), settles: fc.boolean() }),
    );
    await fc.assert(
      fc.asyncProperty(steps, async (plan) => {
        const limits = limitsWith({ tokensPerMinute: 1_000_000 });
        const open: (() => void)[] = [];
        for (const { cost, share, settles } of plan) {
          const granted = await limits.reserve(by('key_1'), bound(1, cost)).catch(() => undefined);
          if (granted !== undefined) open.push(() => granted.settle(bound(1, (cost * BigInt(share)) / 100n)));
          if (settles) open.shift()?.();
          const { spentNano, reservedNano } = await limits.budget(by('key_1'));
          expect(spentNano + reservedNano).toBeLessThanOrEqual(100n);
          expect(reservedNano).toBeGreaterThanOrEqual(0n);
        }
      }),
    );
  });

  it('takes both or neither', async () => {
    const limits = limitsWith();
    await expect(limits.reserve(by('key_1'), bound(10, 101n))).rejects.toMatchObject({ code: 'insufficient_quota' });
    expect(limits.state(by('key_1')).tokens.remaining).toBe(1000);
    await limits.reserve(by('key_1'), bound(999, 1n));
    await expect(limits.reserve(by('key_1'), bound(2, 1n))).rejects.toMatchObject({
      code: 'rate_limit_exceeded',
      retryAfterMs: 60,
    });
    expect(await limits.budget(by('key_1'))).toMatchObject({ reservedNano: 1n });
  });

  it('replaces the bound by what was used, once', async () => {
    const limits = limitsWith();
    const reservation = await limits.reserve(by('key_1'), bound(500, 50n));
    for (let n = 0; n < 3; n++) reservation.settle(bound(100, 10n));
    expect(await limits.budget(by('key_1'))).toEqual({ spentNano: 10n, reservedNano: 0n, limitNano: 100n });
    expect(limits.state(by('key_1')).tokens.remaining).toBe(900);
  });

  it('refuses at once what could never fit into a minute', async () => {
    await expect(limitsWith().reserve(by('key_1'), bound(1001, 0n))).rejects.toMatchObject({
      code: 'context_length_exceeded',
    });
  });

  it('lets free work pass when the budget was lowered below what is spent, and no other', async () => {
    const limits = limitsWith({ loadSpent: async () => 500n });
    await expect(limits.reserve(by('key_1'), bound(1, 0n))).resolves.toBeDefined();
    await expect(limits.reserve(by('key_1'), bound(1, 1n))).rejects.toMatchObject({ code: 'insufficient_quota' });
  });
});

describe('the budget of a month', () => {
  it('is that of each tenant, whatever others spend', async () => {
    const limits = limitsWith({ loadSpent: async (tenantId) => (tenantId === 'ten_a' ? 90n : 1n) });
    await limits.reserve(by('key_1'), bound(1, 10n));
    await expect(limits.reserve(by('key_1'), bound(1, 1n))).rejects.toMatchObject({ code: 'insufficient_quota' });
    await limits.reserve(by('key_2', 'ten_b'), bound(1, 99n));
    expect(await limits.budget(by('key_1'))).toMatchObject({ spentNano: 90n, reservedNano: 10n });
    expect(await limits.budget(by('key_2', 'ten_b'))).toMatchObject({ spentNano: 1n, reservedNano: 99n });
  });

  it('begins with what the ledger knows, asked once however many need it', async () => {
    const asked: string[] = [];
    const limits = limitsWith({
      now: () => Date.UTC(2026, 0, 15),
      loadSpent: async (tenantId, since) => {
        asked.push(`${tenantId} since ${since.toISOString()}`);
        return 98n;
      },
    });
    const all = await Promise.allSettled(Array.from({ length: 10 }, () => limits.reserve(by('key_1'), bound(1, 1n))));
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    expect(asked).toEqual(['ten_a since 2026-01-01T00:00:00.000Z']);
  });

  it('ends with the month, in UTC', async () => {
    let nowMs = Date.UTC(2026, 1, 1) - 1;
    const limits = limitsWith({ now: () => nowMs });
    const old = await limits.reserve(by('key_1'), bound(1, 100n));
    await expect(limits.reserve(by('key_1'), bound(1, 1n))).rejects.toMatchObject({ code: 'insufficient_quota' });
    nowMs += 1;
    await expect(limits.reserve(by('key_1'), bound(1, 100n))).resolves.toBeDefined();
    old.settle(bound(1, 100n));
    expect(await limits.budget(by('key_1'))).toMatchObject({ spentNano: 0n, reservedNano: 100n });
  });

  it('is asked for again after the ledger could not say', async () => {
    let isDown = true;
    const limits = limitsWith({ loadSpent: () => (isDown ? Promise.reject(new Error('down')) : Promise.resolve(0n)) });
    await expect(limits.reserve(by('key_1'), bound(1, 1n))).rejects.toThrow('down');
    isDown = false;
    await expect(limits.reserve(by('key_1'), bound(1, 1n))).resolves.toBeDefined();
    expect(limits.state(by('key_1')).tokens.remaining).toBe(999);
  });

  it('starts at the first instant of the month in UTC', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true }), (date) => {
        const start = monthStart(date.getTime());
        expect(start.getTime()).toBeLessThanOrEqual(date.getTime());
        expect(start.toISOString()).toBe(`${date.toISOString().slice(0, 7)}-01T00:00:00.000Z`);
      }),
    );
  });
});
