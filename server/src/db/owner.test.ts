import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { openTestPostgres } from '../../test/support/database.ts';
import { withDatabase } from '../../test/support/database-urls.ts';
import { asOwner, type OwnerLogin } from './owner.ts';

const serverUrl = inject('postgresUrl');

describe.skipIf(serverUrl === undefined)('work as the owner of the tables', () => {
  let test: Awaited<ReturnType<typeof openTestPostgres>>;
  let owner: OwnerLogin;

  beforeAll(async () => {
    test = await openTestPostgres();
    const name = new URL(test.url).pathname.slice(1);
    owner = { url: withDatabase(serverUrl ?? '', name), connectTimeoutMs: 5000 };
  });
  afterAll(() => test.close());

  it('is done while a server without Redis has the database for itself', async () => {
    expect(await asOwner(owner, async () => 'done')).toBe('done');
  });

  it('is done by one process at a time', async () => {
    const inner = asOwner(owner, () => asOwner(owner, async () => 'done'));
    expect(await inner).toBeUndefined();
    expect(await asOwner(owner, async () => 'done')).toBe('done');
  });
});
