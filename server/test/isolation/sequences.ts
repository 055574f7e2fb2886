/** Random sequences: turns, in each of which both tenants do up to a few things at the same time. */

import fc from 'fast-check';
import { type Action, type Grant, labels, type Name, roles } from './model.ts';
import { topic } from './perform.ts';
import type { Kind, Side } from './world.ts';

/** A choice that is made when the sequence runs: one of what there is then, own or, now and then, the other tenant's. */
export interface Pick {
  readonly number: number;
  readonly isForeign: boolean;
}

/** Something to do, before it is known to what. */
export interface Plan {
  readonly by: number;
  readonly isSecond: boolean;
  readonly draft: Draft;
  /** Turns of the event loop after which the client leaves; never when missing. */
  readonly leavesAfter: number | undefined;
}

type Draft = (chooser: Chooser) => Action;

/** Finds names, own and foreign, when a sequence runs. */
export interface Chooser {
  readonly side: Side;
  readonly other: Side;
  readonly next: (kind: Kind) => Name;
}

const pick: fc.Arbitrary<Pick> = fc.record({
  number: fc.nat(20),
  isForeign: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});
const label = fc.constantFrom(...labels);
const texts = ['good', 'poor', 'late'].map((word) => `The ${topic} was ${word} this year, they say.`);
const titles = ['general', 'reports', 'plans'];
const scopeSets = [null, ['documents:read'], ['query:ask', 'documents:read'], ['documents:write', 'collections:read']];

function chosen({ side, other }: Chooser, kind: Kind, { number, isForeign }: Pick): Name {
  const from = (isForeign ? other : side).made[kind];
  return from.at(number % Math.max(from.length, 1)) ?? `nobody.${kind}`;
}

/** A collection, by its name or by its title. */
const target = fc.oneof(
  { weight: 4, arbitrary: pick.map((given) => (chooser: Chooser) => chosen(chooser, 'collection', given)) },
  { weight: 1, arbitrary: fc.constantFrom(...titles).map((title) => () => `#${title}`) },
);

type AnyGrant = (chooser: Chooser) => Grant;
const grant: fc.Arbitrary<AnyGrant> = fc.oneof(
  fc.constant<AnyGrant>(() => ({ kind: 'everyone' })),
  fc.constantFrom(...roles).map(
    (role): AnyGrant =>
      () => ({ kind: 'role', role }),
  ),
  pick.map(
    (given): AnyGrant =>
      (chooser) => ({ kind: 'user', user: chosen(chooser, 'user', given) }),
  ),
);
const grants = fc.array(grant, { maxLength: 3 });

const on = (kind: Kind, make: (name: Name) => Action): fc.Arbitrary<Draft> =>
  pick.map((given) => (chooser) => make(chosen(chooser, kind, given)));
const plain = (...actions: Action['do'][]): fc.Arbitrary<Draft> =>
  fc.constantFrom(...actions).map((name) => () => ({ do: name }) as Action);

const drafts: readonly fc.WeightedArbitrary<Draft>[] = [
  {
    weight: 6,
    arbitrary: fc
      .record({ text: fc.constantFrom(...texts), into: target, label: fc.option(label, { nil: undefined }) })
      .map(
        ({ text, into, label: wanted }): Draft =>
          (chooser) => ({
            ...{ do: 'upload', name: chooser.next('document'), text, into: into(chooser) },
            ...(wanted === undefined ? {} : { label: wanted }),
          }),
      ),
  },
  {
    weight: 4,
    arbitrary: fc
      .record({
        document: pick,
        what: fc.constantFrom('label', 'into', 'edition'),
        label,
        into: target,
        edition: fc.nat(9),
      })
      .map(
        ({ document, what, into, ...values }): Draft =>
          (chooser) => ({
            ...{ do: 'change', document: chosen(chooser, 'document', document) },
            ...(what === 'label' ? { label: values.label } : {}),
            ...(what === 'into' ? { into: into(chooser) } : {}),
            ...(what === 'edition' ? { edition: values.edition } : {}),
          }),
      ),
  },
  { weight: 2, arbitrary: on('document', (document) => ({ do: 'delete', document })) },
  { weight: 2, arbitrary: on('document', (document) => ({ do: 'look up', document })) },
  { weight: 1, arbitrary: on('document', (document) => ({ do: 'read', document })) },
  { weight: 1, arbitrary: on('document', (document) => ({ do: 'download', document })) },
  {
    weight: 2,
    arbitrary: fc.record({ title: fc.constantFrom(...titles), grants }).map(
      (made): Draft =>
        (chooser) => ({
          ...{ do: 'create collection', name: chooser.next('collection'), title: made.title },
          grants: made.grants.map((given) => given(chooser)),
        }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.record({ collection: pick, grants }).map(
      ({ collection, grants: given }): Draft =>
        (chooser) => ({
          ...{ do: 'share', collection: chosen(chooser, 'collection', collection) },
          grants: given.map((each) => each(chooser)),
        }),
    ),
  },
  { weight: 1, arbitrary: on('collection', (collection) => ({ do: 'remove collection', collection })) },
  {
    weight: 2,
    arbitrary: fc.record({ user: pick, scopes: fc.constantFrom(...scopeSets) }).map(
      ({ user, scopes }): Draft =>
        (chooser) => ({
          ...{ do: 'create key', name: chooser.next('key'), user: chosen(chooser, 'user', user), scopes },
        }),
    ),
  },
  { weight: 1, arbitrary: on('key', (key) => ({ do: 'revoke key', key })) },
  {
    weight: 2,
    arbitrary: fc
      .record({
        user: pick,
        what: fc.constantFrom('role', 'clearance', 'isActive'),
        role: fc.constantFrom(...roles),
        label,
        isActive: fc.boolean(),
      })
      .map(
        ({ user, what, ...values }): Draft =>
          (chooser) => ({
            ...{ do: 'change user', user: chosen(chooser, 'user', user) },
            ...(what === 'role' ? { role: values.role } : {}),
            ...(what === 'clearance' ? { clearance: values.label } : {}),
            ...(what === 'isActive' ? { isActive: values.isActive } : {}),
          }),
      ),
  },
  { weight: 3, arbitrary: fc.constant<Draft>(() => ({ do: 'ask' })) },
  {
    weight: 2,
    arbitrary: target.map(
      (of): Draft =>
        (chooser) => ({ do: 'ask', of: of(chooser) }),
    ),
  },
  { weight: 3, arbitrary: plain('list documents', 'list collections', 'list keys', 'list users', 'audit', 'usage') },
  { weight: 1, arbitrary: plain('name the other tenant') },
];

const plan: fc.Arbitrary<Plan> = fc.record({
  by: fc.nat(20),
  isSecond: fc.boolean(),
  draft: fc.oneof(...drafts),
  leavesAfter: fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(60) }),
});

/** Turns of things done at the same time. */
export const sequence: fc.Arbitrary<readonly (readonly Plan[])[]> = fc.array(
  fc.array(plan, { minLength: 1, maxLength: 4 }),
  { minLength: 1, maxLength: 8 },
);
