import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../test/support/database.ts';
import { CatalogError, lintCatalog } from './catalog-linter.ts';

const tenant = "tenant_id = current_setting('app.tenant_id', true)";
/** A table that the linter has nothing against, to be spoiled. */
const sound = `
  create table genai.notes (tenant_id text not null, id text, primary key (tenant_id, id));
  alter table genai.notes enable row level security;
  alter table genai.notes force row level security;
  create policy tenant_isolation on genai.notes for all to genai_app using (${tenant}) with check (${tenant});
  grant select on genai.notes to genai_app;
  alter table genai.notes owner to genai_owner;`;
/** What an administrator did who made the login beforehand, in the words of either version. */
const inheritingLogin = `do $$ begin
  if current_setting('server_version_num')::int >= 160000
  then execute 'grant genai_system to genai_server with inherit true';
  else execute 'alter role genai_server inherit'; end if; end $$`;

/** Each hole with the finding that must name it. */
const holes: readonly (readonly [hole: string, plant: string, finding: RegExp])[] = [
  ['a superuser as login', 'alter role genai_server superuser', /logs in as "genai_server"/],
  ['a login that bypasses row-level security', 'alter role genai_server bypassrls', /logs in as "genai_server"/],
  ['a login that may create roles', 'alter role genai_server createrole', /logs in as "genai_server"/],
  ['a login that may become a superuser', 'grant postgres to genai_server', /Membership: genai_server of postgres/],
  [
    'a login with rights of its own',
    'grant select on genai.users to genai_server',
    /Login genai_server reaches tables/,
  ],
  ['a login that inherits the rights of its roles', inheritingLogin, /Login genai_server reaches tables/],
  ['a login that owns a table', 'alter table genai.teams owner to genai_server', /Owner: genai_server of teams/],
  ['a login that may become the owner', 'grant genai_owner to genai_server', /Owner: genai_server of teams/],
  ['a superuser as role of tenants', 'alter role genai_app superuser', /Role genai_app is a superuser/],
  ['a role of tenants that bypasses row-level security', 'alter role genai_app bypassrls', /Role genai_app/],
  ['a system role that bypasses row-level security', 'alter role genai_system bypassrls', /Role genai_system/],
  [
    'a role of tenants that has the policies of the system',
    'grant genai_system to genai_app',
    /Membership: genai_app of genai_system/,
  ],
  ['a role of tenants that owns a table', 'alter table genai.teams owner to genai_app', /Owner: genai_app of teams/],
  [
    'a table without row-level security',
    'alter table genai.teams disable row level security',
    /Table teams has no forced/,
  ],
  ['a table that spares its owner', 'alter table genai.teams no force row level security', /Table teams has no forced/],
  [
    'a table of no tenant',
    `${sound} create table genai.bare (id text primary key)`,
    /Table bare has no column tenant_id/,
  ],
  [
    'rows without a tenant',
    `${sound} alter table genai.notes drop constraint notes_pkey, alter tenant_id drop not null`,
    /Table notes has no column tenant_id not null/,
  ],
  [
    'a table without an index by tenant',
    `${sound} alter table genai.notes drop constraint notes_pkey`,
    /Table notes has no index/,
  ],
  [
    'a table whose index by tenant is partial',
    `${sound} alter table genai.notes drop constraint notes_pkey; create index on genai.notes (tenant_id) where id is null`,
    /Table notes has no index/,
  ],
  [
    'vectors of several tenants in one index',
    'create index shared on genai.chunks using hnsw (embedding vector_cosine_ops)',
    /Index shared holds the vectors of several tenants/,
  ],
  [
    'vectors in an index that is partial on something else',
    "create index half on genai.chunks using hnsw (embedding vector_cosine_ops) where tenant_id >= 'a' and position > 0",
    /Index half holds the vectors of several tenants/,
  ],
  [
    'a policy without WITH CHECK',
    `drop policy tenant_isolation on genai.teams; create policy tenant_isolation on genai.teams to genai_app using (${tenant})`,
    /Policy teams.tenant_isolation lacks/,
  ],
  [
    'a policy that shows everything',
    'alter policy tenant_isolation on genai.teams using (true)',
    /Policy teams.tenant_isolation lacks/,
  ],
  [
    'a policy that accepts everything',
    'alter policy tenant_isolation on genai.teams with check (true)',
    /Policy teams.tenant_isolation lacks/,
  ],
  [
    'a policy that adds to the tenant predicate',
    `alter policy tenant_isolation on genai.teams using (${tenant} or name = 'shared')`,
    /Policy teams.tenant_isolation lacks/,
  ],
  [
    'a second policy beside the sound one',
    'create policy extra on genai.teams for select to genai_app using (true)',
    /Policy teams.extra lacks/,
  ],
  [
    'a policy for everybody',
    'create policy extra on genai.teams for select using (false)',
    /Policy teams.extra applies to a role other/,
  ],
  [
    'a policy for the owner',
    'create policy extra on genai.teams for select to genai_owner using (true)',
    /Policy teams.extra applies/,
  ],
  [
    'a granted table without a policy',
    'drop policy tenant_isolation on genai.teams',
    /Table teams is granted to genai_app without/,
  ],
  ['the right to truncate', 'grant truncate on genai.teams to genai_app', /Grant teams truncate/],
  ['the right to make triggers', 'grant trigger on genai.teams to genai_system', /Grant teams trigger/],
  ['the right to reference', 'grant references on genai.teams to genai_app', /Grant teams references/],
  ['a public table', 'grant select on genai.teams to public', /Grant teams select/],
  [
    'a view with the rights of its owner',
    'create view genai.peek as select * from genai.teams',
    /View peek shows all tenants/,
  ],
  [
    'a materialised view',
    'create materialized view genai.peek as select * from genai.teams',
    /View peek shows all tenants/,
  ],
  [
    'a foreign key that tells of other tenants',
    'alter table genai.teams add constraint lone foreign key (name) references genai.tenants (slug)',
    /Foreign key genai.teams.lone/,
  ],
  [
    'a function with the rights of its owner',
    `create function genai.peek() returns bigint language sql security definer as 'select count(*) from genai.teams'`,
    /Function genai.peek\(\)/,
  ],
  ['a login that cannot enter a role', 'revoke genai_app from genai_server', /Transactions do not run as genai_app/],
  ['job payloads', 'grant usage on schema pgboss to genai_app', /Schema pgboss is granted/],
];

describe.each(testDatabases)('the catalogue linter on $name', ({ open }) => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await open();
  });
  afterAll(() => test.close());

  /** What the linter finds for the server's login after a change, which is then undone. */
  const findingsAfter = (change: string): Promise<readonly string[]> =>
    test.asSuperuser(async (client) => {
      await client.query('begin');
      await client.query(change);
      await client.query('set local session authorization genai_server');
      try {
        await lintCatalog(client);
        return [];
      } catch (error) {
        if (error instanceof CatalogError) return error.findings;
        throw error;
      } finally {
        await client.query('rollback');
      }
    });

  it('has nothing against the migrated database, nor against a sound new table or a view of the reader', async () => {
    expect(await findingsAfter('select 1')).toEqual([]);
    expect(await findingsAfter(sound)).toEqual([]);
    expect(
      await findingsAfter('create view genai.fine with (security_invoker=true) as select * from genai.teams'),
    ).toEqual([]);
  });

  it.each(holes)('finds %s', async (_hole, plant, finding) => {
    const findings = await findingsAfter(plant);
    expect(findings).toEqual(expect.arrayContaining([expect.stringMatching(finding)]));
  });

  it('reports all holes at once', async () => {
    const plant = 'grant truncate on genai.teams to genai_app; alter table genai.users disable row level security';
    expect(await findingsAfter(plant)).toHaveLength(2);
  });
});
