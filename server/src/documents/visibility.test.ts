/** Statements select exactly the rows of which the policy says the same, one by one. */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../test/support/database.ts';
import { can, type Permission, permissionNames, type Reader, type Resource } from '../access/index.ts';
import { classifications, type Principal } from '../context.ts';
import { collections, documents } from './tables.ts';
import { isReachable, isReachableCollection } from './visibility.ts';

const tenantIds = ['ten_1', 'ten_2'] as const;
const collectionIds = ['col_1', 'col_2', 'col_3'] as const;
const actions: readonly Permission[] = ['query:ask', 'documents:read', 'documents:delete', 'collections:write'];

const anyReader: fc.Arbitrary<Reader> = fc.constantFrom(
  ...(['everyone:', 'role:analyst', 'role:auditor', 'user:usr_1', 'user:tem_1', 'team:tem_1', 'team:usr_1'] as const),
);
const anyReaders = fc.uniqueArray(anyReader, { maxLength: 3 });
/** Whom each collection of each tenant is granted to. */
const anyGrants = fc.record(
  Object.fromEntries(tenantIds.flatMap((tenant) => collectionIds.map((id) => [`${tenant} ${id}`, anyReaders]))),
);
const anyPrincipal: fc.Arbitrary<Principal> = fc.record({
  tenantId: fc.constantFrom(...tenantIds),
  userId: fc.constantFrom('usr_1', 'usr_2'),
  role: fc.constantFrom('analyst', 'auditor', 'admin'),
  permissions: fc.uniqueArray(fc.constantFrom(...permissionNames), { minLength: 8 }).map((names) => new Set(names)),
  teamIds: fc.uniqueArray(fc.constantFrom('tem_1', 'tem_2')),
  clearance: fc.constantFrom(...classifications),
  credential: fc.constant({ kind: 'session', id: 'ses_1' } as const),
  scopes: fc.option(fc.uniqueArray(fc.constantFrom(...actions)), { nil: undefined }),
});

describe.each(testDatabases)('rows within reach on $name', ({ open }) => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await open();
    for (const tenantId of tenantIds) {
      await test.superuser(`insert into genai.tenants (tenant_id, slug, name, tier) values ($1, $2, 'x', 'free')`, [
        tenantId,
        tenantId.replace('_', '-'),
      ]);
      await test.superuser(
        `insert into genai.roles (tenant_id, name, description, permissions) values ($1, 'auditor', '', '{}')`,
        [tenantId],
      );
      await test.superuser(
        `insert into genai.teams (tenant_id, id, name) values ($1, 'tem_1', 'x'), ($1, 'usr_1', 'y')`,
        [tenantId],
      );
      await test.superuser(
        `insert into genai.collections (tenant_id, id, name, created_by) select $1, id, id, 'x' from unnest($2::text[]) as id`,
        [tenantId, collectionIds],
      );
      await test.superuser(
        `insert into genai.documents (tenant_id, id, collection_id, classification, title_sealed, filename_sealed, format, media_type, size_bytes, content_hash, created_by)
         select $1, $1 || collection || label, collection, label, '', '', 'text', 'text/plain', 1, '', 'x'
         from unnest($2::text[]) as collection, unnest(enum_range(null::genai.classification_tier)) as label`,
        [tenantId, collectionIds],
      );
    }
  });
  afterAll(() => test.close());

  async function grant(grants: Readonly<Record<string, readonly Reader[]>>): Promise<void> {
    const rows = Object.entries(grants).flatMap(([name, readers]) =>
      readers.map((reader) => [...name.split(' '), ...reader.split(':')]),
    );
    await test.superuser('delete from genai.collection_grants');
    await test.superuser(
      `insert into genai.collection_grants (tenant_id, collection_id, subject_kind, subject_id)
       select r->>0, r->>1, r->>2, r->>3 from jsonb_array_elements($1::jsonb) as r`,
      [JSON.stringify(rows)],
    );
  }

  /** Everything that there is, of all tenants, with the ids of rows. */
  function resourcesOf(grants: Readonly<Record<string, readonly Reader[]>>): { id: string; resource: Resource }[] {
    return Object.entries(grants).flatMap(([name, readers]) => {
      const [tenantId = '', id = ''] = name.split(' ');
      const ofDocuments = classifications.map((classification) => ({
        id: `${tenantId}${id}${classification}`,
        resource: { kind: 'document', tenantId, readers, classification } as const,
      }));
      return [
        { id: `${tenantId} ${id}`, resource: { kind: 'collection', tenantId, readers } as const },
        ...ofDocuments,
      ];
    });
  }

  async function selected(principal: Principal, action: Permission): Promise<string[]> {
    return test.database.withTenant(principal, async (tx) => {
      const { tenantId, id } = collections;
      const ofCollections = await tx
        .select({ tenantId, id })
        .from(collections)
        .where(isReachableCollection(principal, action));
      const ofDocuments = await tx.select({ id: documents.id }).from(documents).where(isReachable(principal, action));
      return [...ofCollections.map((row) => `${row.tenantId} ${row.id}`), ...ofDocuments.map((row) => row.id)].sort();
    });
  }

  it('are those that the policy allows, for any grants and principals', async () => {
    const principals = fc.array(anyPrincipal, { minLength: 4, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(anyGrants, principals, async (grants, asking) => {
        await grant(grants);
        for (const principal of asking) {
          for (const action of actions) {
            const allowed = resourcesOf(grants).filter(({ resource }) => can(principal, action, resource).allowed);
            expect(await selected(principal, action)).toEqual(allowed.map(({ id }) => id).sort());
          }
        }
      }),
      { numRuns: 40 },
    );
  }, 120_000);
});
