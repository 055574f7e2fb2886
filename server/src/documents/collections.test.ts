import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../test/support/database.ts';
import { documentsOn, type TestDocuments } from '../../test/support/documents.ts';
import type { ErrorCode } from '../errors.ts';

const failsWith = (code: ErrorCode) => expect.objectContaining({ name: 'AppError', code });

describe.each(testDatabases)('collections on $name', ({ open }) => {
  let database: TestDatabase;
  let on: TestDocuments;
  let tenantId: string;

  beforeAll(async () => {
    database = await open();
    on = documentsOn(database);
  });
  beforeEach(async () => {
    tenantId = await on.addTenant();
  });
  afterAll(async () => {
    on.close();
    await database.close();
  });

  const grantsOf = async (id: string) =>
    (await on.documents.listCollections(on.as(tenantId))).find((found) => found.id === id)?.grants;

  it('are made for their maker alone unless said otherwise', async () => {
    const userId = await on.addUser(tenantId);
    const made = await on.documents.createCollection(on.as(tenantId, { userId, role: 'analyst' }), {
      name: ' Contracts ',
    });
    expect(made).toMatchObject({
      name: 'Contracts',
      defaultClassification: 'internal',
      grants: [{ kind: 'user', id: userId }],
      createdBy: userId,
    });
    expect(await grantsOf(made.id)).toEqual([{ kind: 'user', id: userId }]);
    const namesFor = async (principal: object) =>
      (await on.documents.listCollections(on.as(tenantId, principal))).map(({ name }) => name);
    expect(await namesFor({ userId, role: 'analyst' })).toEqual(['Contracts', 'general']);
    expect(await namesFor({ role: 'analyst' })).toEqual(['general']);
    expect(await namesFor({ role: 'admin' })).toEqual(['Contracts', 'general']);
  });

  it('show their grants only to those who may change them', async () => {
    expect((await on.documents.listCollections(on.as(tenantId, { role: 'viewer' })))[0]?.grants).toBeNull();
  });

  it('change grants as a whole, effective at once, audited', async () => {
    const { id } = await on.documents.createCollection(on.as(tenantId), {
      name: 'hr',
      grants: [
        { kind: 'role', id: 'viewer' },
        { kind: 'everyone', id: null },
      ],
    });
    await on.documents.setGrants(on.as(tenantId), id, [{ kind: 'role', id: 'analyst' }]);
    expect(await grantsOf(id)).toEqual([{ kind: 'role', id: 'analyst' }]);
    const viewer = on.as(tenantId, { role: 'viewer' });
    await expect(on.documents.setGrants(viewer, id, [])).rejects.toEqual(failsWith('resource_not_found'));
    const { data } = await on.audit.list(on.as(tenantId), { limit: 9, cursor: undefined });
    const actions = data.map(({ event }) => (event as { action: string }).action);
    expect(actions).toEqual(['collection.grants_changed', 'collection.created']);
  });

  it.each([
    [[{ kind: 'user', id: 'usr_unknown' }], '/grants/0/id'],
    [
      [
        { kind: 'everyone', id: null },
        { kind: 'team', id: 'tem_unknown' },
      ],
      '/grants/1/id',
    ],
    [[{ kind: 'role', id: 'root' }], '/grants/0/id'],
    [[{ kind: 'role', id: null }], '/grants/0/id'],
    [[{ kind: 'everyone', id: 'usr_1' }], '/grants/0/id'],
  ] as const)('refuse the grants %j and stay as they were', async (grants, pointer) => {
    const { id } = await on.documents.createCollection(on.as(tenantId), { name: 'hr', grants: [] });
    await expect(on.documents.setGrants(on.as(tenantId), id, grants)).rejects.toMatchObject({
      code: 'request_invalid',
      errors: [{ pointer }],
    });
    expect(await grantsOf(id)).toEqual([]);
  });

  it('let nobody shut themselves out', async () => {
    const userId = await on.addUser(tenantId);
    const analyst = on.as(tenantId, { userId, role: 'analyst' });
    const { id } = await on.documents.createCollection(analyst, { name: 'mine' });
    await expect(on.documents.setGrants(analyst, id, [{ kind: 'role', id: 'viewer' }])).rejects.toEqual(
      failsWith('request_invalid'),
    );
    expect(await grantsOf(id)).toEqual([{ kind: 'user', id: userId }]);
  });

  it('refuse a name that is taken or looks like an id', async () => {
    await expect(on.documents.createCollection(on.as(tenantId), { name: 'general' })).rejects.toEqual(
      failsWith('state_conflict'),
    );
    await expect(on.documents.createCollection(on.as(tenantId), { name: 'col_x' })).rejects.toEqual(
      failsWith('request_invalid'),
    );
  });

  it('are removed when empty and not before', async () => {
    const ctx = on.as(tenantId);
    const { id } = await on.documents.createCollection(ctx, { name: 'old', grants: [] });
    const document = await on.documents.upload(ctx, on.textFile('x', { collection: 'old' }));
    await expect(on.documents.removeCollection(ctx, id)).rejects.toEqual(failsWith('state_conflict'));
    await on.documents.update(ctx, document.id, { collection: 'general' });
    await on.documents.removeCollection(ctx, id);
    await expect(on.documents.removeCollection(ctx, id)).rejects.toEqual(failsWith('resource_not_found'));
    expect(await on.documents.get(ctx, document.id)).toMatchObject({ id: document.id });
  });
});
