/** What a filter finds in the database, against what it means: an oracle that looks at each resource. */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../../test/support/database.ts';
import { identityOn, type TestIdentity } from '../../../test/support/identity.ts';
import type { RequestContext } from '../../context.ts';
import type { Complex, Value } from '../scim/attributes.ts';
import { userExtensionId } from './user-type.ts';

const clearancePath = `${userExtensionId}:clearance`;
const textPaths = ['userName', 'displayName', 'roles', 'roles.value', 'id', clearancePath];
const anyFragment = fc.constantFrom(
  '',
  'a',
  'A',
  'ad',
  'Ada',
  'ADA@',
  'example.com',
  '%',
  '_',
  '\\',
  '"',
  "'",
  'å',
  'Å',
  'internal',
  'viewer',
  'analyst',
  'usr_',
);
const anyTest = fc.oneof(
  fc.tuple(fc.constantFrom(...textPaths), fc.constantFrom('eq', 'ne', 'co', 'sw', 'ew'), anyFragment),
  fc.tuple(fc.constantFrom('externalId'), fc.constantFrom('eq', 'ne'), fc.constantFrom('x-1', 'X-1', 'x-2', 'none')),
  fc.tuple(fc.constant('active'), fc.constantFrom('eq', 'ne'), fc.boolean()),
  fc.tuple(fc.constantFrom('externalId', 'displayName', 'groups', 'active'), fc.constant('pr'), fc.constant(null)),
);
type Tree =
  | { readonly test: readonly [string, string, string | boolean | null] }
  | { readonly op: 'and' | 'or' | 'not'; readonly of: readonly Tree[] };
const { tree: anyTree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    anyTest.map((test) => ({ test }) as Tree),
    fc.record({
      op: fc.constantFrom('and', 'or'),
      of: fc.array(tie('tree'), { minLength: 2, maxLength: 3 }),
    }) as fc.Arbitrary<Tree>,
    fc.record({ op: fc.constant('not'), of: fc.tuple(tie('tree')) }) as fc.Arbitrary<Tree>,
  ),
}));

function written(tree: Tree): string {
  if ('test' in tree) {
    const [path, op, value] = tree.test;
    return op === 'pr' ? `${path} pr` : `${path} ${op} ${JSON.stringify(value)}`;
  }
  if (tree.op === 'not') return `not (${tree.of.map(written).join('')})`;
  return tree.of.map((one) => `(${written(one)})`).join(` ${tree.op} `);
}

function holds(tree: Tree, user: Complex): boolean {
  if ('test' in tree) return holdsTest(user, ...tree.test);
  if (tree.op === 'not') return !tree.of.every((one) => holds(one, user));
  return tree.op === 'and' ? tree.of.every((one) => holds(one, user)) : tree.of.some((one) => holds(one, user));
}

function holdsTest(user: Complex, path: string, op: string, value: string | boolean | null): boolean {
  const actual = valueAt(user, path);
  if (op === 'pr') return actual !== undefined;
  // An empty text is no value, so nothing equals it.
  if (typeof actual !== 'string' || typeof value !== 'string') return (actual === value) === (op === 'eq');
  const isExact = path === 'id' || path === 'externalId';
  const [have, want] = isExact ? [actual, value] : [actual.toLowerCase(), value.toLowerCase()];
  switch (op) {
    case 'eq':
      return have === want;
    case 'ne':
      return have !== want;
    case 'co':
      return have.includes(want);
    case 'sw':
      return have.startsWith(want);
    default:
      return have.endsWith(want);
  }
}

function valueAt(user: Complex, path: string): Value | undefined {
  if (path === clearancePath) return (user[userExtensionId] as Complex)['clearance'];
  if (path === 'roles' || path === 'roles.value') return (user['roles'] as readonly Complex[])[0]?.['value'];
  return user[path];
}

describe.each(testDatabases)('filters on $name', ({ open }) => {
  let test: TestDatabase;
  let platform: TestIdentity;
  let ctx: RequestContext;
  let everybody: readonly Complex[];

  beforeAll(async () => {
    test = await open();
    platform = identityOn(test);
    const tenant = await platform.addTenant();
    ({ ctx } = await platform.addUser(tenant, {
      email: 'ada@example.com',
      name: 'Ada',
      role: 'admin',
      clearance: 'restricted',
    }));
    const { users, groups } = platform.identity.provisioning;
    for (const [index, more] of [
      { displayName: 'Åsa_%' },
      { displayName: 'a "quoted" \\ name', externalId: 'x-1', active: false },
      { displayName: "O'Hara", externalId: 'X-1', roles: [{ value: 'analyst' }] },
      { displayName: 'ADA', externalId: 'x-2', [userExtensionId]: { clearance: 'public' } },
      { active: false, roles: [{ value: 'analyst' }] },
    ].entries()) {
      const made = await users.create(ctx, { userName: `Ad-${index}@example.com`, ...more }, {});
      if (index < 2) await groups.create(ctx, { displayName: `Team ${index}`, members: [{ value: made['id'] }] }, {});
    }
    const gone = await users.create(ctx, { userName: 'gone@example.com', externalId: 'gone' }, {});
    await users.remove(ctx, String(gone['id']), undefined);
    const stranger = await platform.addTenant();
    await platform.addUser(stranger, { email: 'ada@example.com', name: 'Ada' });
    everybody = (await users.list(ctx, { filter: undefined, startIndex: 1, count: 200, selection: {} })).resources;
    expect(everybody).toHaveLength(6);
  });
  afterAll(async () => {
    platform.close();
    await test.close();
  });

  it('find what they mean', async () => {
    const { users } = platform.identity.provisioning;
    let matches = 0;
    await fc.assert(
      fc.asyncProperty(anyTree, async (tree) => {
        const filter = written(tree);
        const { resources, total } = await users.list(ctx, { filter, startIndex: 1, count: 200, selection: {} });
        const wanted = everybody.filter((user) => holds(tree, user)).map(({ id }) => id);
        matches += wanted.length;
        expect(
          resources.map(({ id }) => id),
          filter,
        ).toEqual(wanted);
        expect(total).toBe(wanted.length);
      }),
      { numRuns: 300 },
    );
    expect(matches).toBeGreaterThan(200);
  });
});
