import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAppError } from '../../errors.ts';
import { groupType } from '../provisioning/group-type.ts';
import { userExtensionId, userType } from '../provisioning/user-type.ts';
import { type Attribute, attributesOf, type Complex, type ResourceType, type Value } from './attributes.ts';
import { type Operation, patched } from './patch.ts';

const user: Complex = {
  userName: 'ada@example.com',
  displayName: 'Ada',
  name: { givenName: 'Ada', familyName: 'L.' },
  emails: [{ value: 'ada@example.com', type: 'work', primary: true }],
  active: true,
  roles: [{ value: 'viewer', primary: true }],
  [userExtensionId]: { clearance: 'internal' },
};
const group: Complex = { displayName: 'Red', members: [{ value: 'usr_1' }, { value: 'usr_2' }] };

/** What is wrong with a value, by the definition of its attribute. */
function faultsOf(attribute: Attribute, value: Value | undefined): string[] {
  if (value === undefined) return [];
  if (attribute.valuesMax !== undefined) {
    if (!Array.isArray(value) || value.length === 0 || value.length > attribute.valuesMax)
      return [`${attribute.name}: no list`];
    const elements = value as readonly Value[];
    const primaries = elements.filter(
      (element) => typeof element === 'object' && (element as Complex)['primary'] === true,
    );
    return [
      ...elements.flatMap((element) => faultsOfOne(attribute, element)),
      ...(primaries.length > 1 ? [`${attribute.name}: ${primaries.length} primary values`] : []),
    ];
  }
  return faultsOfOne(attribute, value);
}

function faultsOfOne(attribute: Attribute, value: Value): string[] {
  const { name, type, subAttributes = [] } = attribute;
  if (type === 'boolean') return typeof value === 'boolean' ? [] : [`${name}: no truth value`];
  if (type !== 'complex') return typeof value === 'string' && value !== '' ? [] : [`${name}: no text`];
  if (typeof value !== 'object' || Array.isArray(value)) return [`${name}: no object`];
  const fields = Reflect.ownKeys(value);
  const known = new Map(subAttributes.map((sub) => [sub.name, sub]));
  return [
    ...(fields.length === 0 ? [`${name}: empty`] : []),
    ...fields.flatMap((key) => {
      const sub = known.get(String(key));
      const field = (value as Complex)[String(key)];
      return sub === undefined || field === undefined ? [`${name}.${String(key)}`] : faultsOf(sub, field);
    }),
  ];
}

function faultsIn(type: ResourceType, resource: Complex): string[] {
  const known = new Map(attributesOf(type).map((attribute) => [attribute.name, attribute]));
  return [
    ...Reflect.ownKeys(resource).flatMap((key) => {
      const attribute = known.get(String(key));
      return attribute === undefined ? [String(key)] : faultsOf(attribute, resource[String(key)]);
    }),
    ...type.schema.attributes.flatMap((one) =>
      one.required && resource[one.name] === undefined ? [`no ${one.name}`] : [],
    ),
  ];
}

const anyText = fc.oneof(
  fc.constantFrom(
    'ada@example.com',
    'work',
    'home',
    'analyst',
    'viewer',
    'usr_1',
    'usr_2',
    'usr_3',
    '',
    'True',
    'false',
  ),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
);
const anyName = fc.oneof(
  fc.constantFrom(
    ...['userName', 'displayName', 'active', 'externalId', 'name', 'emails', 'roles', 'members', 'groups', 'title'],
  ),
  fc.constantFrom(...['value', 'type', 'primary', 'givenName', 'familyName', 'formatted', 'clearance', 'display']),
  fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '$ref'),
);
const anyFilter = fc
  .tuple(anyName, fc.constantFrom('eq', 'ne', 'co', 'sw', 'ew', 'pr', 'gt'), anyText)
  .map(([name, op, text]) => (op === 'pr' ? `${name} pr` : `${name} ${op} ${JSON.stringify(text)}`));
const anyPath = fc.oneof(
  { weight: 4, arbitrary: anyName },
  { weight: 3, arbitrary: fc.tuple(anyName, anyName).map(([name, sub]) => `${name}.${sub}`) },
  { weight: 3, arbitrary: fc.tuple(anyName, anyFilter).map(([name, filter]) => `${name}[${filter}]`) },
  {
    weight: 3,
    arbitrary: fc.tuple(anyName, anyFilter, anyName).map(([name, filter, sub]) => `${name}[${filter}].${sub}`),
  },
  { weight: 1, arbitrary: anyName.map((sub) => `${userExtensionId}:${sub}`) },
  { weight: 1, arbitrary: fc.string({ maxLength: 30 }) },
);
const anyLeaf = fc.oneof(anyText, fc.boolean(), fc.integer(), fc.constant(null));
const anyElement = fc.oneof(
  fc.dictionary(anyName, anyLeaf, { maxKeys: 4 }),
  fc.record(
    { value: anyText, type: fc.constantFrom('work', 'home'), primary: fc.boolean() },
    { requiredKeys: ['value'] },
  ),
  anyLeaf,
);
const anyValue = fc.oneof(
  anyElement,
  fc.array(anyElement, { maxLength: 4 }),
  fc.dictionary(anyPath, anyElement, { maxKeys: 3 }),
);
const anyOperation: fc.Arbitrary<Operation> = fc.record(
  { op: fc.constantFrom('add', 'remove', 'replace'), path: anyPath, value: anyValue },
  { requiredKeys: ['op'] },
);
/** Operations that mean something, so that long sequences get far. */
const anyAddress = fc.constantFrom('ada@example.com', 'b@example.com', 'c@example.com');
const anyEmail = fc.record(
  { value: anyAddress, type: fc.constantFrom('work', 'home', 'Work'), primary: fc.constantFrom(true, false, 'True') },
  { requiredKeys: ['value'] },
);
const anySensible: fc.Arbitrary<Operation> = fc
  .tuple(
    fc.constantFrom('add', 'remove', 'replace'),
    fc.oneof(
      fc.record({
        path: fc.constantFrom('emails', 'roles', 'members'),
        value: fc.oneof(anyEmail, fc.array(anyEmail, { maxLength: 3 })),
      }),
      fc.record({
        path: fc.constantFrom(
          'emails[type eq "work"].value',
          'emails[primary eq true].type',
          'emails[value co "b"].primary',
          'emails.primary',
        ),
        value: fc.oneof(anyAddress, fc.constantFrom('home', 'true', 'False')),
      }),
      fc.record({
        path: fc.constantFrom('emails[type eq "home"]', 'members[value eq "b@example.com"]', 'roles[primary pr]'),
        value: anyEmail,
      }),
      fc.record({
        path: fc.constantFrom('name.givenName', 'displayName', 'externalId', 'active', 'title'),
        value: fc.constantFrom('x', 'true', null),
      }),
    ),
  )
  .map(([op, rest]) => ({ op, ...rest }) as Operation);
const anyStart = fc.constantFrom([userType, user] as const, [groupType, group] as const);
const refusals = [
  'request_invalid',
  'path_invalid',
  'filter_invalid',
  'target_missing',
  'attribute_read_only',
] as const;

/** The changed resource, or the code of the refusal; anything else that is thrown fails the test. */
function outcomeOf(type: ResourceType, resource: Complex, operations: readonly Operation[]): Complex | string {
  try {
    return patched(type, resource, operations);
  } catch (error) {
    if (isAppError(error) && refusals.some((code) => code === error.code)) return error.code;
    throw error;
  }
}

function deeplyFrozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const field of Object.values(value)) deeplyFrozen(field);
  return Object.freeze(value);
}

describe('any sequence of operations', () => {
  it('leaves a resource that is valid by its definition, or is refused with a code, and touches nothing else', () => {
    const prototypes = () =>
      [Object.prototype, Array.prototype, Function.prototype].map((one) => Reflect.ownKeys(one).length);
    const before = prototypes();
    let changed = 0;
    const anyStep = fc.oneof({ weight: 2, arbitrary: anySensible }, anyOperation);
    fc.assert(
      fc.property(anyStart, fc.array(anyStep, { minLength: 1, maxLength: 12 }), ([type, start], operations) => {
        let current: Complex = deeplyFrozen(start);
        for (const operation of operations) {
          const after = outcomeOf(type, current, [operation]);
          if (typeof after === 'string') continue;
          changed += 1;
          expect(faultsIn(type, after), JSON.stringify(operation)).toEqual([]);
          expect(Object.getPrototypeOf(after)).toBe(Object.prototype);
          current = deeplyFrozen(after);
        }
      }),
      { numRuns: 2000 },
    );
    expect(changed).toBeGreaterThan(3000);
    expect(prototypes()).toEqual(before);
  });

  it('made twice is the same as made once, unless there is nothing left to change', () => {
    fc.assert(
      fc.property(anyStart, fc.oneof(anySensible, anyOperation), ([type, start], operation) => {
        const once = outcomeOf(type, start, [operation]);
        if (typeof once === 'string') return;
        const twice = outcomeOf(type, once, [operation]);
        if (twice !== 'target_missing') expect(twice).toEqual(once);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('RFC 7644 section 3.5.2', () => {
  const change = (...operations: Operation[]) => patched(userType, user, operations);
  const work = { value: 'ada@example.com', type: 'work', primary: true };

  it.each<[string, Operation, Complex]>([
    ['adds a value', { op: 'add', path: 'externalId', value: 'x' }, { ...user, externalId: 'x' }],
    [
      'adds to a list',
      { op: 'add', path: 'emails', value: [{ value: 'a@b.c' }] },
      { ...user, emails: [work, { value: 'a@b.c' }] },
    ],
    ['adds nothing that is there', { op: 'add', path: 'emails', value: [work] }, user],
    [
      'adds parts of an object',
      { op: 'add', path: 'name', value: { formatted: 'A' } },
      { ...user, name: { givenName: 'Ada', familyName: 'L.', formatted: 'A' } },
    ],
    [
      'replaces a list',
      { op: 'replace', path: 'emails', value: [{ value: 'a@b.c' }] },
      { ...user, emails: [{ value: 'a@b.c' }] },
    ],
    [
      'replaces a part',
      { op: 'replace', path: 'name.givenName', value: 'B' },
      { ...user, name: { givenName: 'B', familyName: 'L.' } },
    ],
    [
      'replaces a part of the values that pass',
      { op: 'replace', path: 'emails[type eq "WORK"].value', value: 'b@b.c' },
      { ...user, emails: [{ ...work, value: 'b@b.c' }] },
    ],
    [
      'replaces what is not there by adding it',
      { op: 'replace', path: 'externalId', value: 'x' },
      { ...user, externalId: 'x' },
    ],
    [
      'makes a value that is to have a part',
      { op: 'add', path: 'emails[type eq "home"].value', value: 'h@b.c' },
      { ...user, emails: [work, { type: 'home', value: 'h@b.c' }] },
    ],
    ['takes null for nothing', { op: 'replace', path: 'name', value: null }, without('name')],
    ['takes an empty list for nothing', { op: 'replace', path: 'emails', value: [] }, without('emails')],
    ['removes an attribute', { op: 'remove', path: 'name' }, without('name')],
    ['removes a part', { op: 'remove', path: 'name.familyName' }, { ...user, name: { givenName: 'Ada' } }],
    [
      'removes the values that pass',
      { op: 'remove', path: 'emails[value sw "ada" and primary eq true]' },
      without('emails'),
    ],
    ['removes nothing where nothing passes', { op: 'remove', path: 'emails[not (type eq "work")]' }, user],
    [
      'removes a part of the values that pass',
      { op: 'remove', path: 'emails[type pr].type' },
      { ...user, emails: [{ value: work.value, primary: true }] },
    ],
    [
      'removes the values that the operation names',
      { op: 'remove', path: 'emails', value: { value: work.value, type: 'work' } },
      without('emails'),
    ],
    [
      'reads paths with schemas',
      { op: 'replace', path: `${userExtensionId}:clearance`, value: 'public' },
      { ...user, [userExtensionId]: { clearance: 'public' } },
    ],
    ['ignores what is not kept', { op: 'add', path: 'phoneNumbers[type eq "work"].value', value: '1' }, user],
  ])('%s', (_, operation, after) => {
    expect(change(operation)).toEqual(after);
  });

  it('keeps one primary value: the last that was said to be it', () => {
    const home = { value: 'h@b.c', type: 'home', primary: true };
    expect(change({ op: 'add', path: 'emails', value: [home] })['emails']).toEqual([{ ...work, primary: false }, home]);
  });

  it('keeps members of a group once each, whoever adds them again', () => {
    const value = [{ value: 'usr_2' }, { value: 'usr_3' }, { value: 'usr_3' }];
    expect(patched(groupType, group, [{ op: 'add', path: 'members', value }])['members']).toEqual([
      { value: 'usr_1' },
      { value: 'usr_2' },
      { value: 'usr_3' },
    ]);
  });

  it('changes a large group a thousand times within seconds', () => {
    const members = Array.from({ length: 9000 }, (_, n) => ({ value: `usr_${n}` }));
    const operations = Array.from({ length: 500 }, (_, n): Operation[] => [
      { op: 'add', path: 'members', value: [{ value: `usr_new_${n}` }] },
      { op: 'remove', path: `members[value eq "usr_${n}"]` },
    ]).flat();
    const started = performance.now();
    const after = patched(groupType, { displayName: 'Large', members }, operations);
    expect(after['members']).toHaveLength(9000);
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});

function without(name: string): Complex {
  const { [name]: _, ...rest } = user;
  return rest;
}
