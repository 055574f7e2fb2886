/**
 * Random sequences: rounds of operations that run side by side, and what goes wrong meanwhile.
 *
 * A sequence names things by number; what the number means is decided when it runs, by what exists then. So sequences
 * shrink, and one that is replayed means the same.
 */

import fc from 'fast-check';
import { type Action, type Grant, labels, type Name, roles } from './model.ts';
import type { Kind, Side } from './world.ts';

const number = fc.nat({ max: 30 });
const target = fc.record({ whose: fc.constantFrom('own', 'own', 'own', 'other', 'nobody'), number });
const label = fc.constantFrom(...labels);
const grant = fc.oneof(
  fc.constant({ kind: 'everyone' } as const),
  fc.constantFrom(...roles).map((role) => ({ kind: 'role', role }) as const),
  target.map((user) => ({ kind: 'user', user }) as const),
);
const grants = fc.array(grant, { minLength: 1, maxLength: 2 });
/** Every role may do these, so that anybody can give them. */
const scopes = fc.constantFrom(null, null, ['documents:read', 'query:ask'], ['documents:read', 'collections:read']);
const into = fc.oneof(fc.constantFrom('#general', '#board', '#finance'), target);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const titles = fc.constantFrom('board', 'finance', 'general');

const wish = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('upload' as const),
      into,
      label: maybe(label),
      shared: maybe(fc.nat({ max: 1 })),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('change' as const),
      document: target,
      label: maybe(label),
      into: maybe(into),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constantFrom('delete', 'look up', 'read', 'download'), document: target }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('create collection' as const), title: titles, grants }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('share' as const), collection: target, grants }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove collection' as const), collection: target }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('create key' as const), user: target, scopes }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('revoke key' as const), key: target }) },
  {
    weight: 3,
    arbitrary: fc.oneof(
      fc.record({ do: fc.constant('change user' as const), user: target, isActive: fc.boolean() }),
      fc.record({ do: fc.constant('change user' as const), user: target, role: fc.constantFrom(...roles) }),
      fc.record({ do: fc.constant('change user' as const), user: target, clearance: label }),
    ),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('ask' as const), of: maybe(into) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('list documents', 'list collections', 'list keys', 'list users') }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('name the other tenant' as const) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('index' as const), document: target }) },
);

/** Something to be done; `leavesAfter` turns of the event loop the client is gone. */
const operation = fc.record({
  // The first is an admin, whose changes to users, keys and grants decide what the others see.
  who: fc.oneof(number, fc.constant(0)),
  wish,
  leavesAfter: fc.oneof(
    { weight: 10, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.nat({ max: 12 }) },
  ),
});

const round = fc.record({
  operations: fc.tuple(fc.array(operation, { maxLength: 3 }), fc.array(operation, { maxLength: 3 })),
  /** What strikes the database meanwhile, where it can be struck. */
  fault: fc.oneof(
    { weight: 60, arbitrary: fc.constant(undefined) },
    { weight: 10, arbitrary: fc.constant('kill' as const) },
    { weight: 1, arbitrary: fc.constant('stall' as const) },
  ),
});

/** A sequence. */
export const sequence = fc.array(round, { minLength: 1, maxLength: 4 });

export type Sequence = typeof sequence extends fc.Arbitrary<infer T> ? T : never;
export type Operation = Sequence[number]['operations'][0][number];

/** What an operation means now, for one of the tenants. */
export function meaningOf(
  { wish }: Operation,
  own: Side,
  other: Side,
  serial: number,
): Action | { do: 'index'; document: Name } {
  const named = (kind: Kind, { whose, number }: { whose: string; number: number }): Name => {
    if (whose === 'nobody') return whose;
    const made = (whose === 'own' ? own : other).made[kind];
    return made[number % made.length] ?? 'nobody';
  };
  const place = (given: string | { whose: string; number: number }) =>
    typeof given === 'string' ? given : named('collection', given);
  const name = `${own.slug}.${serial}`;
  const meant = (given: readonly ({ kind: 'user'; user: { whose: string; number: number } } | Grant)[]): Grant[] =>
    given.map((each) =>
      each.kind === 'user' && typeof each.user !== 'string'
        ? { kind: 'user', user: named('user', each.user) }
        : (each as Grant),
    );
  switch (wish.do) {
    case 'upload': {
      const text =
        wish.shared === undefined ? `The budget of ${name} is ${own.canary}.` : `The budget is ${wish.shared}.`;
      const labelled = wish.label === undefined ? {} : { label: wish.label };
      return { do: wish.do, name, text, into: place(wish.into), ...labelled };
    }
    case 'change': {
      const { label, into } = wish;
      const fields = {
        ...(label === undefined ? {} : { label }),
        ...(into === undefined ? {} : { into: place(into) }),
      };
      const edition = Object.keys(fields).length === 0 ? { edition: serial } : {};
      return { do: wish.do, document: named('document', wish.document), ...fields, ...edition };
    }
    case 'create collection':
      return { do: wish.do, name, title: wish.title, grants: meant(wish.grants) };
    case 'share':
      return { do: wish.do, collection: named('collection', wish.collection), grants: meant(wish.grants) };
    case 'remove collection':
      return { do: wish.do, collection: named('collection', wish.collection) };
    case 'create key':
      return { do: wish.do, name, user: named('user', wish.user), scopes: wish.scopes };
    case 'revoke key':
      return { do: wish.do, key: named('key', wish.key) };
    case 'change user':
      return { ...wish, user: named('user', wish.user) };
    case 'ask':
      return { do: wish.do, ...(wish.of === undefined ? {} : { of: place(wish.of) }) };
    case 'delete':
    case 'look up':
    case 'read':
    case 'download':
    case 'index':
      return { do: wish.do, document: named('document', wish.document) };
    case 'list documents':
    case 'list collections':
    case 'list keys':
    case 'list users':
    case 'name the other tenant':
      return { do: wish.do };
  }
}
