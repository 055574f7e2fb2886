import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../test/support/database.ts';
import { attemptOf, cost, ledgerOn, noon, settlementOf } from '../../test/support/ledger.ts';
import { newId } from '../db/index.ts';
import type { Ledger } from './ledger.ts';
import type { Attempt, Settlement } from './settlement.ts';

const after = (ms: number) => new Date(noon.getTime() + ms);

describe.each(testDatabases)('the ledger on $name', ({ open }) => {
  let test: TestDatabase;
  let on: ReturnType<typeof ledgerOn>;
  let ledger: Ledger;
  let tenantId: string;

  beforeAll(async () => {
    test = await open();
    on = ledgerOn(test);
  });
  afterAll(async () => {
    on.close();
    await test.close();
  });
  beforeEach(() => {
    tenantId = newId('tenant');
    ledger = on.open();
  });

  const attempt = (rest?: Partial<Attempt>) => attemptOf(tenantId, rest);
  const settlement = (rest?: Partial<Settlement>) => settlementOf(tenantId, rest);
  const once = { requests: 1, usage_events: 1, audit_events: 1 };

  describe('settling', () => {
    it('writes request, charge and audit event, exactly as told', async () => {
      const told = settlement();
      await ledger.settle(told);
      expect(await on.rowCounts(tenantId)).toMatchObject(once);
      const [charge] = await test.superuser('select * from genai.usage_events where tenant_id = $1', [tenantId]);
      expect(charge).toMatchObject({
        request_id: told.requestId,
        kind: 'charge',
        estimated_cost_nano: '7500000',
        input_tokens: 900,
        output_tokens: 100,
        cost_nano: '3250000',
        usage_source: 'provider',
        occurred_at: noon,
      });
    });

    it('adds nothing the second time, whether later, at once, or from another process', async () => {
      const told = settlement();
      const other = on.open();
      await Promise.all([ledger.settle(told), ledger.settle(told), other.settle(told)]);
      await ledger.settle({ ...told, actual: cost(1, 1, 1n) });
      expect(await on.rowCounts(tenantId)).toMatchObject(once);
      expect(await ledger.spentSince(tenantId, new Date(0))).toBe(3_250_000n);
    });

    it('keeps requests of different tenants apart that have the same id', async () => {
      const told = settlement();
      const foreign = { ...told, tenantId: newId('tenant') };
      await ledger.settle(told);
      await Promise.all([ledger.settle(told), ledger.settle(foreign)]);
      expect(await on.rowCounts(tenantId)).toMatchObject(once);
      expect(await ledger.spentSince(foreign.tenantId, new Date(0))).toBe(3_250_000n);
    });

    it('writes all three or none, and a bad settlement takes no other with it', async () => {
      const good = settlement();
      const bad = settlement({ audit: { ...good.audit, details: { odd: Number.NaN } } });
      const [first, second] = await Promise.allSettled([ledger.settle(good), ledger.settle(bad)]);
      expect([first?.status, second?.status]).toEqual(['fulfilled', 'rejected']);
      expect(await on.rowCounts(tenantId)).toMatchObject(once);
    });

    it('is pending from the first moment, and closing waits for it', async () => {
      const settled = ledger.settle(settlement());
      expect(ledger.pending()).toBe(1);
      await ledger.close();
      expect(ledger.pending()).toBe(0);
      expect(await on.rowCounts(tenantId)).toMatchObject(once);
      await settled;
    });
  });

  describe('attempts', () => {
    // Orphans are looked for in all tenants, so those of other tests must be gone.
    beforeEach(async () => void (await ledger.settleOrphans(after(1_000_000))));

    it('are on record before their promise resolves, once each', async () => {
      const told = attempt();
      await Promise.all([
        ledger.recordAttempt(told),
        ledger.recordAttempt(told),
        ledger.recordAttempt({ ...told, number: 2 }),
      ]);
      expect(await on.rowCounts(tenantId)).toMatchObject({ attempts: 2, requests: 0 });
    });

    it('that were never settled are charged at their bound, exactly once, however many processes look', async () => {
      await ledger.recordAttempt(attempt());
      const later = after(1);
      await Promise.all([ledger, on.open(), on.open()].map((each) => each.settleOrphans(later)));
      expect(await on.rowCounts(tenantId)).toMatchObject(once);
      const [charge] = await test.superuser(
        'select cost_nano, usage_source from genai.usage_events where tenant_id = $1',
        [tenantId],
      );
      expect(charge).toEqual({ cost_nano: '7500000', usage_source: 'unconfirmed' });
      const { data } = await on.audit.list({ tenantId }, { limit: 9, cursor: undefined });
      expect(data).toMatchObject([
        { event: { action: 'query.interrupted', outcome: 'failure', details: { cost_nano_usd: '7500000' } } },
      ]);
      expect(await ledger.settleOrphans(later)).toBe(0);
    });

    it('that were never settled are told, so that they count towards the budget', async () => {
      const told = attempt();
      await ledger.recordAttempt(told);
      const orphans: Settlement[] = [];
      await on.open(noon, (orphan) => void orphans.push(orphan)).settleOrphans(after(1));
      expect(orphans).toMatchObject([{ tenantId, requestId: told.requestId, startedAt: noon, actual: told.estimate }]);
    });

    it('are left alone while they may still be settled, also when an earlier one of the request is old', async () => {
      const told = attempt();
      await ledger.recordAttempt(told);
      expect(await ledger.settleOrphans(noon)).toBe(0);
      const later = after(60_000);
      await on.open(later).recordAttempt({ ...told, number: 2 });
      expect(await ledger.settleOrphans(later)).toBe(0);
      await ledger.settle(settlement({ requestId: told.requestId }));
      expect(await ledger.settleOrphans(after(60_001))).toBe(0);
      expect(await on.rowCounts(tenantId)).toMatchObject(once);
    });

    it('are charged by the last of their request, and a settlement that comes too late adds nothing', async () => {
      const told = attempt();
      await ledger.recordAttempt(told);
      await ledger.recordAttempt({ ...told, number: 2, model: 'gpt-4o-mini', estimate: cost(1, 1, 42n) });
      expect(await ledger.settleOrphans(after(1))).toBe(1);
      await ledger.settle(settlement({ requestId: told.requestId }));
      expect(await ledger.spentSince(tenantId, new Date(0))).toBe(42n);
      expect(await on.rowCounts(tenantId)).toMatchObject(once);
    });

    it('are all found, however many a crash left', async () => {
      await test.superuser(
        `insert into genai.attempts select $1, 'req_' || n, 1, 'usr_1', 'key_1', 'query', 'p', 'm', 1, 1, 10, $2
         from generate_series(1, 1001) n`,
        [tenantId, noon],
      );
      expect(await ledger.settleOrphans(after(1))).toBe(1001);
      expect(await ledger.spentSince(tenantId, new Date(0))).toBe(10_010n);
    });
  });
});
