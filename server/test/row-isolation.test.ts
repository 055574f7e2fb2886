/**
 * Every table × everything that tenants may do with it: nothing of another tenant is seen, changed, removed or made.
 *
 * Tables, grants and policies come from the catalogue, so that a new table is covered without anyone remembering. That the
 * matrix itself can fail is shown by loosening each policy in turn.
 */

import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from './support/database.ts';
import { type TenantTable, tenantTables } from './support/tenant-rows.ts';

const ours = 'ten_ours';
const theirs = 'ten_theirs';

interface Policy {
  readonly table: string;
  readonly name: string;
  readonly command: string;
  readonly using: string | null;
  readonly check: string | null;
}

const policiesSql = `
  select tablename as table, policyname as name, cmd as command, qual as using, with_check as check
  from pg_policies where schemaname = 'genai' and 'genai_app' = any (roles) order by 1, 2`;

/** How a statement was refused. That a row is there already is found out after the policies have let it through. */
function refusalOf(error: unknown): string {
  if (/row-level security/.test(String(error))) return 'walled off';
  return /already exists/.test(String(error)) ? 'taken' : String(error);
}

/** What goes wrong for a tenant on a table; empty when the walls stand and its own rows are within reach. */
async function faultsOf({ database }: TestDatabase, table: TenantTable): Promise<string[]> {
  const faults: string[] = [];
  const name = `genai.${table.name}`;
  /** Runs a statement as our tenant and undoes it: how many rows it touched, or how it was refused. */
  const attempt = async (statement: string): Promise<number | string> => {
    let outcome: number | string = 'nothing ran';
    const undo = new Error('undo');
    await database
      .withTenant({ tenantId: ours }, async (tx) => {
        outcome = (await tx.execute(sql.raw(statement))).rowCount ?? 0;
        throw undo;
      })
      .catch((error: unknown) => {
        if (error !== undo) outcome = refusalOf(error);
      });
    return outcome;
  };
  const expectOutcome = async (statement: string, wanted: number | string) => {
    const outcome = await attempt(statement);
    if (outcome !== wanted) faults.push(`${statement}: ${outcome}, not ${wanted}`);
  };

  if (table.verbs.has('select')) {
    await expectOutcome(`select from ${name}`, 1);
    await expectOutcome(`select from ${name} where tenant_id = '${theirs}'`, 0);
  }
  if (table.verbs.has('insert')) {
    await expectOutcome(table.insert(ours, 3), table.isSingle ? 'taken' : 1);
    await expectOutcome(table.insert(theirs, 3), 'walled off');
  }
  if (table.verbs.has('update')) {
    await expectOutcome(`update ${name} set tenant_id = tenant_id`, 1);
    await expectOutcome(`update ${name} set tenant_id = '${theirs}'`, 'walled off');
  }
  // Without a condition, so that no policy for reading hides what the one for deleting lets through.
  if (table.verbs.has('delete')) await expectOutcome(`delete from ${name}`, 1);
  return faults;
}

describe.each(testDatabases)('rows of tenants on $name', ({ open }) => {
  let test: TestDatabase;
  let tables: readonly TenantTable[];
  let policies: readonly Policy[];

  beforeAll(async () => {
    test = await open();
    await test.asSuperuser(async (client) => {
      // References between tables would refuse rows for reasons of their own.
      const { rows } = await client.query<{ drop: string }>(
        `select format('alter table %s drop constraint %I', conrelid::regclass, conname) as drop
         from pg_constraint where contype = 'f' and connamespace = 'genai'::regnamespace`,
      );
      for (const { drop } of rows) await client.query(drop);
      tables = await tenantTables(client);
      for (const table of tables) {
        await client.query(table.insert(ours, 1));
        await client.query(table.insert(theirs, 2));
      }
      policies = (await client.query<Policy>(policiesSql)).rows;
    });
  });
  afterAll(() => test.close());

  it('are out of reach of other tenants in every table, for everything that is granted', async () => {
    expect(tables.length).toBeGreaterThan(10);
    for (const table of tables) expect(await faultsOf(test, table), table.name).toEqual([]);
  });

  it('are all there are: tables of no tenant give nothing to transactions of tenants', async () => {
    const others = await test.superuser(
      `select c.relname as name, has_table_privilege('genai_app', c.oid, 'insert, update, delete') as writable,
         has_table_privilege('genai_app', c.oid, 'select') as readable
       from pg_class c where c.relnamespace = 'genai'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
         and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id') order by 1`,
    );
    expect(others).toEqual([
      { name: 'operator_keys', writable: false, readable: false },
      { name: 'schema_migrations', writable: false, readable: true },
    ]);
  });

  it('lose their wall when any policy is loosened, and this suite notices each time', async () => {
    const unnoticed: string[] = [];
    for (const { table: name, name: policy, command, using, check } of policies) {
      const table = tables.find((candidate) => candidate.name === name);
      if (table === undefined) throw new Error(`Table ${name} has a policy for tenants but no tenant column.`);
      const on = `policy ${policy} on genai.${name}`;
      const clauses = `${using === null ? '' : ` using (${using})`}${check === null ? '' : ` with check (${check})`}`;
      const restore = `alter ${on}${clauses}`;
      const mutants: [mutant: string, restore: string][] = [
        [`drop ${on}`, `create ${on} for ${command} to genai_app${clauses}`],
        [`alter table genai.${name} disable row level security`, `alter table genai.${name} enable row level security`],
      ];
      if (using !== null) mutants.push([`alter ${on} using (true)`, restore]);
      if (check !== null) mutants.push([`alter ${on} with check (true)`, restore]);
      for (const [mutant, undo] of mutants) {
        await test.superuser(mutant);
        if ((await faultsOf(test, table)).length === 0) unnoticed.push(mutant);
        await test.superuser(undo);
      }
      expect(await faultsOf(test, table), `restored ${name}`).toEqual([]);
    }
    expect(policies.length).toBeGreaterThanOrEqual(tables.length);
    expect(unnoticed).toEqual([]);
  });
});
