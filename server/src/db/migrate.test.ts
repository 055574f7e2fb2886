import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../test/support/database.ts';
import { withDatabase } from '../../test/support/database-urls.ts';
import { assertMigrated, migrate } from './migrate.ts';

const blank = 'drop schema if exists genai cascade; drop schema if exists pgboss cascade';

async function migrated(client: pg.Client): Promise<string[]> {
  const names: string[] = [];
  const login = { name: 'genai_server', password: undefined };
  await migrate(client, { login, onMigration: (name) => names.push(name) });
  return names;
}

async function appliedNames(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>('select name from genai.schema_migrations order by name');
  return rows.map(({ name }) => name);
}

/** Whether the server's login may start after a change, which is then undone. */
async function startAfter(test: TestDatabase, change: string): Promise<unknown> {
  return test.asSuperuser(async (client) => {
    await client.query(change);
    await client.query('set session authorization genai_server');
    return assertMigrated(client).catch((error: unknown) => error);
  });
}

describe.each(testDatabases)('migrating $name', ({ name, open }) => {
  let test: TestDatabase;
  beforeEach(async () => {
    test = await open();
  });
  afterEach(() => test.close());

  it('applies every file once, in order, and nothing the second time', async () => {
    await test.asSuperuser(async (client) => {
      expect(await migrated(client)).toEqual([]);
      await client.query(blank);
      const first = await migrated(client);
      expect(first).toEqual([...first].sort());
      expect(first).toEqual(await appliedNames(client));
      expect(await migrated(client)).toEqual([]);
    });
    expect(await startAfter(test, 'select 1')).toBeUndefined();
  });

  it.runIf(name === 'postgresql')('applies every file once, however many migrate at once', async () => {
    const [row] = await test.superuser('select current_database() as name');
    const clients = [1, 2, 3].map(
      () => new pg.Client(withDatabase(inject('postgresUrl') ?? '', String(row?.['name']))),
    );
    await Promise.all(clients.map((client) => client.connect()));
    await clients[0]?.query(blank);
    const applied = (await Promise.all(clients.map(migrated))).flat();
    expect(applied).toEqual(await test.asSuperuser(appliedNames));
    await Promise.all(clients.map((client) => client.end()));
  });

  it('leaves nothing of a file that fails, and goes on from there', async () => {
    await test.asSuperuser(async (client) => {
      await client.query(
        `${blank}; create schema genai authorization genai_owner; create type genai.user_role as enum ()`,
      );
      await expect(migrated(client)).rejects.toThrow(/"user_role" already exists/);
      expect(await appliedNames(client)).toEqual(['0001_tenants.sql']);
      expect((await client.query(`select to_regclass('genai.users') as users`)).rows).toEqual([{ users: null }]);
      await client.query('drop type genai.user_role');
      expect(await migrated(client)).toContain('0002_identity.sql');
    });
  });

  it('refuses a file that changed after it was applied, before it applies anything', async () => {
    await test.asSuperuser(async (client) => {
      await client.query(`update genai.schema_migrations set checksum = 'other' where name = '0001_tenants.sql'`);
      await expect(migrated(client)).rejects.toThrow('Migration 0001_tenants.sql was changed after it was applied.');
    });
  });

  it('completes a job schema whose making was cut short', async () => {
    await test.asSuperuser(async (client) => {
      await client.query('drop schema pgboss cascade; create schema pgboss authorization genai_owner');
      expect(await migrated(client)).toEqual([]);
      const { rows } = await client.query(
        `select has_table_privilege('genai_system', 'pgboss.job', 'insert') as granted`,
      );
      expect(rows).toEqual([{ granted: true }]);
    });
  });

  it('lets the server start on nothing but exactly its own migrations', async () => {
    const pending = await startAfter(test, `delete from genai.schema_migrations where name = '0005_ledger.sql'`);
    expect(String(pending)).toMatch(/Migrations are pending: 0005_ledger.sql. Run `genai migrate`/);
    const later = `insert into genai.schema_migrations values ('0005_ledger.sql', ''), ('9999_future.sql', '')`;
    expect(String(await startAfter(test, later))).toMatch(/migrated by a later version \(9999_future.sql\)/);
    for (const unready of ['drop table genai.schema_migrations', 'drop schema genai cascade']) {
      expect(String(await startAfter(test, unready))).toMatch(/The database is not set up. Run `genai migrate`/);
    }
  });
});
