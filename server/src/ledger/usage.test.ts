import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../test/support/database.ts';
import { cost, ledgerOn, settlementOf } from '../../test/support/ledger.ts';
import { newId } from '../db/index.ts';
import type { Ledger } from './ledger.ts';
import type { Settlement } from './settlement.ts';

describe.each(testDatabases)('sums of charges on $name', ({ open }) => {
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

  const day = (date: string) => new Date(`2026-03-${date}:00.000Z`);
  const charge = (at: string, rest: Partial<Settlement>) => on.open(day(at)).settle(settlementOf(tenantId, rest));
  const march = { from: day('01T00:00'), to: day('31T23:59') };

  beforeEach(async () => {
    await charge('10T23:59', { userId: 'usr_1', model: 'gpt-4o', actual: cost(10, 1, 100n) });
    await charge('11T00:00', { userId: 'usr_1', model: 'gpt-4', actual: cost(20, 2, 2n ** 61n) });
    await charge('11T12:00', { userId: 'usr_2', model: 'gpt-4', actual: cost(30, 3, 2n ** 61n) });
  });

  it('of a tenant since a time are exact, beyond what a double can hold', async () => {
    expect(await ledger.spentSince(tenantId, day('11T00:00'))).toBe(2n ** 62n);
    expect(await ledger.spentSince(tenantId, day('10T00:00'))).toBe(2n ** 62n + 100n);
    expect(await ledger.spentSince(tenantId, day('12T00:00'))).toBe(0n);
    expect(await ledger.spentSince(newId('tenant'), new Date(0))).toBe(0n);
  });

  it('are grouped by day in UTC, by model and by user', async () => {
    const by = async (groupBy: 'day' | 'model' | 'user') =>
      (await ledger.usage({ tenantId }, { ...march, groupBy })).map(({ key, requests, inputTokens, costNano }) => [
        key,
        requests,
        inputTokens,
        costNano,
      ]);
    expect(await by('day')).toEqual([
      ['2026-03-10', 1, 10, 100n],
      ['2026-03-11', 2, 50, 2n ** 62n],
    ]);
    expect(await by('model')).toEqual([
      ['gpt-4', 2, 50, 2n ** 62n],
      ['gpt-4o', 1, 10, 100n],
    ]);
    expect(await by('user')).toEqual([
      ['usr_1', 2, 30, 2n ** 61n + 100n],
      ['usr_2', 1, 30, 2n ** 61n],
    ]);
  });

  it('begin with their first instant, end before their last, and can be of one user', async () => {
    const query = { from: day('11T00:00'), to: day('11T12:00'), groupBy: 'day' as const };
    expect(await ledger.usage({ tenantId }, query)).toMatchObject([{ requests: 1, inputTokens: 20 }]);
    expect(await ledger.usage({ tenantId }, { ...march, groupBy: 'day', userId: 'usr_2' })).toMatchObject([
      { requests: 1, inputTokens: 30 },
    ]);
    expect(await ledger.usage({ tenantId: newId('tenant') }, { ...march, groupBy: 'day' })).toEqual([]);
  });

  it('count a corrected request once', async () => {
    await test.superuser(
      `insert into genai.usage_events select tenant_id, id || 'c', request_id, 'correction', user_id, credential_id, provider, model,
         0, 0, 0, -1, 0, -40, 'provider', occurred_at from genai.usage_events where tenant_id = $1 and model = 'gpt-4o'`,
      [tenantId],
    );
    const query = { ...march, groupBy: 'model' as const };
    expect((await ledger.usage({ tenantId }, query)).at(-1)).toMatchObject({
      requests: 1,
      inputTokens: 9,
      costNano: 60n,
    });
  });
});
