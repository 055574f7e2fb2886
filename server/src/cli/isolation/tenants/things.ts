/** The things of one tenant that the verification has met: what kind they are, and the values by which they can be named. */

import type { Description, Schema } from '../api/description.ts';

/** A thing: its kind, and its fields as `x-names` calls them. */
export interface Thing {
  readonly kind: string;
  readonly fields: Map<string, string>;
  /** Ids of the things that were told beside it, by kind: the user of a key, the collection of a document. */
  readonly beside: Map<string, string>;
  /** The operation that made it for us; what was only seen in a list is not ours to change. */
  readonly madeBy: string | undefined;
  /** Whether it was removed. */
  isGone: boolean;
}

/** A value of an answer that names something. */
export interface Named {
  /** `kind.field`. */
  readonly reference: string;
  readonly value: string;
  readonly isSecret: boolean;
  /** Values of one object belong together. */
  readonly owner: object;
  /** The name of the field that holds it. */
  readonly property: string;
}

/** The things of a tenant. */
export interface Things {
  /** Remembers a thing, or more about one that is known by one of its values. */
  readonly add: (kind: string, fields: Readonly<Record<string, string>>, madeBy?: string) => Thing;
  /** The newest thing of a kind that has a field and that `isFit` takes. */
  readonly find: (kind: string, field: string, isFit?: (thing: Thing) => boolean) => Thing | undefined;
  readonly all: () => readonly Thing[];
}

/** Splits `kind.field`. */
export function partsOf(reference: string): readonly [kind: string, field: string] {
  const dot = reference.lastIndexOf('.');
  return [reference.slice(0, dot), reference.slice(dot + 1)];
}

/** Makes an empty memory. */
export function createThings(): Things {
  const things: Thing[] = [];
  return {
    add(kind, fields, madeBy) {
      const isSame = (thing: Thing) =>
        thing.kind === kind && Object.entries(fields).some(([name, value]) => thing.fields.get(name) === value);
      // A name may be given again once its bearer is gone; an id never is.
      const known = things.findLast((thing) => isSame(thing) && (!thing.isGone || madeBy === undefined));
      const thing: Thing = known ?? { kind, fields: new Map(), beside: new Map(), madeBy, isGone: false };
      if (known === undefined) things.push(thing);
      // What was only seen is there when it is seen again.
      if (thing.madeBy === undefined) thing.isGone = false;
      for (const [name, value] of Object.entries(fields)) thing.fields.set(name, value);
      return thing;
    },
    find: (kind, field, isFit = () => true) =>
      things.findLast((thing) => thing.kind === kind && !thing.isGone && thing.fields.has(field) && isFit(thing)),
    all: () => things,
  };
}

/** The values of an answer that name something, by its schema. */
export function namedIn(schema: Schema, value: unknown, { resolve }: Pick<Description, 'resolve'>): readonly Named[] {
  const found: Named[] = [];
  const visit = (one: Schema, here: unknown, owner: object, property: string, inherited: readonly string[]): void => {
    const { 'x-names': names = inherited, properties, items, format, ...rest } = resolve(one);
    for (const branch of rest.anyOf ?? rest.oneOf ?? []) visit(branch, here, owner, property, names);
    if (Array.isArray(here) && items !== undefined) for (const item of here) visit(items, item, owner, property, names);
    else if (typeof here === 'object' && here !== null) {
      for (const [name, field] of Object.entries(properties ?? {}))
        visit(field, (here as Record<string, unknown>)[name], here, name, []);
    } else if (typeof here === 'string' && rest.anyOf === undefined && rest.oneOf === undefined) {
      for (const reference of names)
        found.push({ reference, value: here, isSecret: format === 'password', owner, property });
    }
  };
  visit(schema, value, {}, '', []);
  return found;
}

/**
 * What kind of thing an operation makes: what the `id` of its answer names, or the first thing that its answer names where
 * it has no id.
 */
export function kindMadeBy(
  { method, answer }: { readonly method: string; readonly answer: Schema | undefined },
  { resolve }: Pick<Description, 'resolve'>,
): string | undefined {
  if (method !== 'POST' || answer === undefined) return undefined;
  const properties = Object.entries(resolve(answer).properties ?? {});
  const kinds = properties.flatMap(([name, field]) => {
    const [reference] = resolve(field)['x-names'] ?? [];
    return reference === undefined ? [] : [{ name, kind: partsOf(reference)[0] }];
  });
  if (properties.some(([name]) => name === 'id')) return kinds.find(({ name }) => name === 'id')?.kind;
  return kinds[0]?.kind;
}
