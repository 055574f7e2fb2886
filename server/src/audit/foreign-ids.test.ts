import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../test/support/database.ts';
import { documentsOn, type TestDocuments } from '../../test/support/documents.ts';
import type { Database } from '../db/index.ts';
import { newId } from '../db/index.ts';
import type { SecurityEvent } from './audit-log.ts';
import { createForeignIdWatch, type ForeignIdWatch } from './foreign-ids.ts';

describe.each(testDatabases)('the watch for foreign ids on $name', ({ open }) => {
  let test: TestDatabase;
  let on: TestDocuments;
  let caller: Parameters<ForeignIdWatch['notice']>[0];
  let own: string;
  let foreign: string;
  let events: SecurityEvent[];
  let transactions: number;
  let watch: ForeignIdWatch;

  beforeAll(async () => {
    test = await open();
    on = documentsOn(test);
    const [here, there] = [await on.addTenant(), await on.addTenant()];
    caller = on.as(here);
    [own, foreign] = (await Promise.all([here, there].map(collectionOf))) as [string, string];
  });
  afterAll(async () => {
    on.close();
    await test.close();
  });
  beforeEach(() => {
    events = [];
    transactions = 0;
    const counted: Database = {
      ...test.database,
      asSystem(reason, fn) {
        transactions += 1;
        return test.database.asSystem(reason, fn);
      },
    };
    watch = createForeignIdWatch(counted, { recordSecurityEvent: async (event) => void events.push(event) });
  });

  const collectionOf = async (tenantId: string) =>
    (await on.documents.listCollections(on.as(tenantId))).map(({ id }) => id)[0];

  it('does nothing with the database when an id is named, whosever it is', () => {
    for (const id of [own, foreign, newId('collection')]) watch.notice(caller, id);
    expect(transactions).toBe(0);
  });

  it('records who named the id of another tenant, once, and nothing of other ids', async () => {
    const owner = test.superuser('select tenant_id from genai.collections where id = $1', [foreign]);
    for (const id of [own, foreign, newId('collection'), 'nonsense', '__proto__']) watch.notice(caller, id);
    await watch.look();
    await watch.look();
    expect(events).toMatchObject([
      {
        kind: 'foreign_id.named',
        tenantId: caller.tenantId,
        requestId: caller.requestId,
        details: { kind: 'collection', id: foreign, owner: (await owner)[0]?.['tenant_id'] },
      },
    ]);
  });

  it('looks up all ids of a kind at once, and keeps a bounded number of them', async () => {
    for (let index = 0; index < 20_000; index += 1) watch.notice(caller, foreign);
    await watch.look();
    expect(transactions).toBe(1);
    expect(events).toHaveLength(10_000);
  });
});
