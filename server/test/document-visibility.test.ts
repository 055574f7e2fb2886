/**
 * Nobody learns of a passage outside their grants and clearance, whatever was done to documents and collections before.
 * A model says what each principal may see; lists, reads and searches must agree with it exactly.
 */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtInRoles, type Classification, classifications, isWithinClearance } from '../src/context.ts';
import type { Grant } from '../src/documents/index.ts';
import type { SearchRequest } from '../src/search/index.ts';
import { type TestDatabase, testDatabases } from './support/database.ts';
import { documentsOn, type TestDocuments } from './support/documents.ts';
import { ingestOn, ingestTools } from './support/ingest.ts';

const collectionNames = ['handbook', 'finance', 'board'] as const;
type CollectionName = (typeof collectionNames)[number];

interface ModelDocument {
  readonly id: string;
  classification: Classification;
  collection: CollectionName;
  isIndexed: boolean;
}

const anyClassification = fc.constantFrom(...classifications);
const anyCollection = fc.constantFrom(...collectionNames);
const anyDocument = fc.nat({ max: 5 });
const anyGrant: fc.Arbitrary<Grant> = fc.oneof(
  fc.constant({ kind: 'everyone', id: null } as const),
  fc.constantFrom(...builtInRoles).map((id) => ({ kind: 'role', id }) as const),
  fc.constant({ kind: 'user', id: 'alice' } as const),
  fc.constant({ kind: 'team', id: 'tem_red' } as const),
);
const anyUpload = fc.record({
  do: fc.constant('upload' as const),
  classification: anyClassification,
  collection: anyCollection,
});
const anyStep = fc.oneof(
  anyUpload,
  fc.record({ do: fc.constant('ingest' as const), document: anyDocument }),
  fc.record({ do: fc.constant('relabel' as const), document: anyDocument, classification: anyClassification }),
  fc.record({ do: fc.constant('move' as const), document: anyDocument, collection: anyCollection }),
  fc.record({
    do: fc.constant('grant' as const),
    collection: anyCollection,
    grants: fc.array(anyGrant, { minLength: 1, maxLength: 2 }),
  }),
  fc.record({ do: fc.constant('remove' as const), document: anyDocument }),
);
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

/** Everyone who can be told apart. */
const principals = ['alice', 'bob'].flatMap((user) =>
  builtInRoles.flatMap((role) => classifications.map((clearance) => ({ user, role, clearance }))),
);

describe.each(testDatabases)('visibility of documents on $name', ({ open }) => {
  const tools = ingestTools();
  let database: TestDatabase;
  let on: TestDocuments;

  beforeAll(async () => {
    database = await open();
    on = documentsOn(database);
  });
  afterAll(async () => {
    await tools.close();
    on.close();
    await database.close();
  });

  /** A tenant with its model; bob is in team red, alice in none. */
  async function world() {
    const tenantId = await on.addTenant();
    const admin = on.as(tenantId);
    const users: Record<string, string> = {
      alice: await on.addUser(tenantId),
      bob: await on.addUser(tenantId, 'tem_red'),
    };
    const collections = new Map<CollectionName, { id: string; grants: readonly Grant[] }>();
    for (const name of collectionNames) {
      const { id } = await on.documents.createCollection(admin, { name, grants: [] });
      const grants = name === 'handbook' ? [{ kind: 'everyone', id: null } as const] : [];
      if (grants.length > 0) await on.documents.setGrants(admin, id, grants);
      collections.set(name, { id, grants });
    }
    return { tenantId, admin, users, collections, documents: [] as ModelDocument[], uploads: 0 };
  }
  type World = Awaited<ReturnType<typeof world>>;

  async function take(state: World, step: Step): Promise<void> {
    const { tenantId, admin, documents, collections, users } = state;
    const document = 'document' in step ? documents[step.document % Math.max(1, documents.length)] : undefined;
    if (step.do === 'upload') {
      state.uploads += 1;
      const { classification, collection } = step;
      const file = on.textFile(`Budget number ${state.uploads}`, { classification, collection });
      const { id } = await on.documents.upload(admin, file);
      documents.push({ id, classification, collection, isIndexed: false });
    } else if (step.do === 'grant') {
      const collection = collections.get(step.collection);
      if (collection === undefined) return;
      const grants = step.grants.map((grant) =>
        grant.kind === 'user' ? { ...grant, id: users['alice'] ?? null } : grant,
      );
      await on.documents.setGrants(admin, collection.id, grants);
      collections.set(step.collection, { ...collection, grants });
    } else if (document === undefined) {
      return;
    } else if (step.do === 'ingest') {
      await ingestOn(on, tools)({ tenantId, documentId: document.id }, new AbortController().signal);
      document.isIndexed = true;
    } else if (step.do === 'relabel') {
      await on.documents.update(admin, document.id, { classification: step.classification });
      document.classification = step.classification;
    } else if (step.do === 'move') {
      await on.documents.update(admin, document.id, { collection: step.collection });
      document.collection = step.collection;
    } else {
      await on.documents.remove(admin, document.id);
      documents.splice(documents.indexOf(document), 1);
    }
  }

  it('agrees with the model after any history', async () => {
    const scenario = fc.record({
      uploads: fc.array(anyUpload, { minLength: 2, maxLength: 4 }),
      steps: fc.array(anyStep, { maxLength: 12 }),
      limit: fc.integer({ min: 1, max: 6 }),
      withVector: fc.boolean(),
    });
    const question = 'the budget';
    const [vector] = await tools.embedder.embed([question], new AbortController().signal);
    await fc.assert(
      fc.asyncProperty(scenario, async ({ uploads, steps, limit, withVector }) => {
        const state = await world();
        const ingests = uploads.map((_, document) => ({ do: 'ingest', document }) as const);
        for (const step of [...uploads, ...ingests, ...steps]) await take(state, step);
        const request = { question, questionVector: withVector ? vector : undefined, limit, candidates: 10 };
        for (const principal of principals) await expectAgreement(state, principal, request);
      }),
      { numRuns: 15 },
    );
  }, 300_000);

  async function expectAgreement(
    { tenantId, users, collections, documents }: World,
    { user, role, clearance }: (typeof principals)[number],
    request: Omit<SearchRequest, 'visible'>,
  ): Promise<void> {
    const teamIds = user === 'bob' ? ['tem_red'] : [];
    const ctx = on.as(tenantId, { userId: users[user] ?? '', role, teamIds, clearance });
    const isSubject = ({ kind, id }: Grant) =>
      kind === 'everyone' || id === role || id === users[user] || (kind === 'team' && user === 'bob');
    const isGranted = (name: CollectionName) => role === 'admin' || collections.get(name)?.grants.some(isSubject);
    const visible = documents.filter(
      ({ classification, collection }) => isWithinClearance(classification, clearance) && isGranted(collection),
    );
    const visibleIds = visible.map(({ id }) => id).sort();

    const { data } = await on.documents.list(ctx, { limit: 100, cursor: undefined });
    expect(data.map(({ id }) => id).sort()).toEqual(visibleIds);
    for (const { id } of documents) {
      const reading = on.documents.get(ctx, id).then(({ id }) => id);
      if (visibleIds.includes(id)) await expect(reading).resolves.toBe(id);
      else await expect(reading).rejects.toMatchObject({ code: 'resource_not_found' });
    }
    const box = await on.vault.forTenant(ctx);
    const found = await database.database.withTenant(ctx, async (tx) => {
      const visible = await on.documents.visibility(tx, ctx.principal, undefined);
      return on.search.search(tx, box, { ...request, visible });
    });
    const searchable = visible.filter(({ isIndexed }) => isIndexed);
    const labels = new Map(searchable.map(({ id, classification }) => [id, classification]));
    expect(found).toHaveLength(Math.min(request.limit, searchable.length));
    for (const { documentId, classification } of found) expect(classification).toBe(labels.get(documentId));
  }
});
