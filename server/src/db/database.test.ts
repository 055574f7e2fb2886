import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../test/support/database.ts';
import type { TenantTx } from './database.ts';
import { sqlStateOf } from './errors.ts';

describe.each(testDatabases)('transactions on $name', ({ name, open }) => {
  let test: TestDatabase;
  const acme = { tenantId: 'ten_acme' };
  const globex = { tenantId: 'ten_globex' };

  beforeAll(async () => {
    test = await open();
    await test.database.asSystem('tenants.administer', (tx) =>
      tx.execute(sql`insert into genai.tenants (tenant_id, slug, name, tier)
        values ('ten_acme', 'acme', 'Acme', 'enterprise'), ('ten_globex', 'globex', 'Globex', 'free')`),
    );
  });
  afterAll(() => test.close());

  it('shows a tenant its own rows only, whatever the query says', async () => {
    const select = sql`select tenant_id from genai.tenants`;
    expect((await test.database.withTenant(acme, (tx) => tx.execute(select))).rows).toEqual([
      { tenant_id: 'ten_acme' },
    ]);
    expect((await test.database.withTenant(globex, (tx) => tx.execute(select))).rows).toEqual([
      { tenant_id: 'ten_globex' },
    ]);
    expect((await test.database.withTenant({ tenantId: 'ten_nobody' }, (tx) => tx.execute(select))).rows).toEqual([]);
  });

  it('refuses a row of another tenant', async () => {
    const insert = sql`insert into genai.teams (tenant_id, id, name) values ('ten_globex', 'tem_1', 'Red')`;
    await expect(test.database.withTenant(acme, (tx) => tx.execute(insert))).rejects.toThrow(/row-level security/);
  });

  it('keeps neither role nor tenant on the connection after commit, rollback or error', async () => {
    const look = sql`select current_user as role, current_setting('app.tenant_id', true) as tenant`;
    for (const statement of [sql`select 1`, sql`select broken`]) {
      await test.database.withTenant(acme, (tx) => tx.execute(statement)).catch(() => {});
      // On PGlite everybody shares the one session, so a superuser sees what is left in it.
      if (name === 'pglite') {
        expect(await test.superuser(`select coalesce(current_setting('app.tenant_id', true), '') as tenant`)).toEqual([
          { tenant: '' },
        ]);
      }
      const { rows } = await test.database.asSystem('tenants.administer', (tx) => tx.execute(look));
      expect(rows).toEqual([{ role: 'genai_system', tenant: '' }]);
    }
  });

  it('keeps concurrent tenants apart', async () => {
    const seen = await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const scope = index % 2 === 0 ? acme : globex;
        const { rows } = await test.database.withTenant(scope, async (tx) => {
          await tx.execute(sql`select 1`);
          return tx.execute(sql`select tenant_id from genai.tenants`);
        });
        return rows.length === 1 && rows[0]?.['tenant_id'] === scope.tenantId;
      }),
    );
    expect(seen.every(Boolean)).toBe(true);
  });

  it('refuses to open a transaction inside another one', async () => {
    await expect(test.database.withTenant(acme, () => test.database.withTenant(globex, async () => 1))).rejects.toThrow(
      /inside another/,
    );
    await expect(
      test.database.withTenant(acme, () => test.database.asSystem('jobs.queue', async () => 1)),
    ).rejects.toThrow(/inside another/);
  });

  it('rolls back what a failing function did', async () => {
    const failing = test.database.withTenant(acme, async (tx) => {
      await tx.execute(sql`insert into genai.teams (tenant_id, id, name) values ('ten_acme', 'tem_2', 'Blue')`);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    const { rows } = await test.database.withTenant(acme, (tx) =>
      tx.execute(sql`select id from genai.teams where id = 'tem_2'`),
    );
    expect(rows).toEqual([]);
  });

  it('rejects a tenant id that is not one of ours before it reaches SQL', () => {
    expect(() =>
      test.database.withTenant({ tenantId: "x', true); drop table genai.tenants; --" }, async () => 1),
    ).toThrow(/tenant id/);
  });

  it('translates a conflict without quoting values', async () => {
    const insert = sql`insert into genai.teams (tenant_id, id, name) values ('ten_acme', 'tem_3', 'secret-name')`;
    await test.database.withTenant(acme, (tx) => tx.execute(insert));
    const error = await test.database.withTenant(acme, (tx) => tx.execute(insert)).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'state_conflict' });
    expect(JSON.stringify(error) + String(error) + String((error as Error).stack)).not.toContain('secret-name');
    expect(sqlStateOf(error)).toBeUndefined();
  });

  it('takes no statement from work that outlived its transaction', async () => {
    let kept: TenantTx | undefined;
    const failing = test.database.withTenant(acme, (tx) => {
      kept = tx;
      return Promise.all([tx.execute(sql`select broken`), tx.execute(sql`select 1`)]);
    });
    await expect(failing).rejects.toThrow(/broken/);
    await test.database.withTenant(globex, async (tx) => {
      await tx.execute(sql`select 1`);
      const late = kept?.execute(sql`select tenant_id from genai.tenants`);
      await expect(late).rejects.toMatchObject({ cause: { message: 'The transaction has ended.' } });
    });
  });

  it('names no parameter in an error, wherever the statement failed', async () => {
    const unsendable = {
      toPostgres: () => {
        throw new Error('cannot be sent');
      },
    };
    const error = await test.database
      .withTenant(acme, (tx) => tx.execute(sql`select ${'secret-name'}, ${unsendable}`))
      .catch((caught: unknown) => caught);
    expect(String(error)).toBe('Error: Database call failed: cannot be sent');
    expect(JSON.stringify(error) + String((error as Error).stack)).not.toContain('secret-name');
  });

  it('loses no update among writers of one row', async () => {
    await test.superuser(`insert into genai.teams (tenant_id, id, name) values ('ten_acme', 'tem_count', '0')`);
    const increment = sql`update genai.teams set name = (name::int + 1)::text where id = 'tem_count'`;
    await Promise.all(Array.from({ length: 25 }, () => test.database.withTenant(acme, (tx) => tx.execute(increment))));
    expect(await test.superuser(`select name from genai.teams where id = 'tem_count'`)).toEqual([{ name: '25' }]);
  });

  it.runIf(name === 'postgresql')('survives a connection that is lost in the middle of a transaction', async () => {
    const cutOff = test.database.withTenant(acme, async (tx) => {
      const { rows } = await tx.execute(sql`select pg_backend_pid() as pid`);
      await test.superuser('select pg_terminate_backend($1)', [rows[0]?.['pid']]);
      for (;;) await tx.execute(sql`select 1`);
    });
    await expect(cutOff).rejects.toMatchObject({ code: 'dependency_unavailable' });
    await test.database.ping();
    expect((await test.database.withTenant(acme, (tx) => tx.execute(sql`select 1 as one`))).rows).toEqual([{ one: 1 }]);
  });

  it.runIf(name === 'postgresql')('ends a statement that runs too long', async () => {
    const slow = test.database.withTenant(acme, async (tx) => {
      await tx.execute(sql`set local statement_timeout = 20`);
      await tx.execute(sql`select pg_sleep(30)`);
    });
    await expect(slow).rejects.toMatchObject({ code: 'request_timeout' });
  });
});
