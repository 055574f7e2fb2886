/** Things of a tenant for whoever needs one: those that it has, and where it has none, new ones. */

import type { Operation } from '../api/description.ts';
import { jsonOf } from '../api/exchange.ts';
import type { Wish } from '../api/places.ts';
import type { Run } from '../run.ts';
import type { Success } from './learning.ts';
import type { Side } from './sides.ts';
import { kindMadeBy, namedIn, partsOf, type Thing } from './things.ts';

/** How deep things may need other things to be made. */
const depthMax = 5;
const pageTriesMax = 3;

/** A value of a thing of the tenant. `picked` are the things that the same request names already. */
export type Have = (
  operation: Operation,
  reference: string,
  picked?: Map<string, Thing>,
  depth?: number,
) => Promise<string | undefined>;

/** What supplies. */
export interface Supply {
  readonly have: Have;
  readonly make: (kind: string, field: string, depth: number) => Promise<void>;
}

/** Makes what supplies. `attempt` brings an operation to success, or gives `undefined`. */
export function createSupply(
  run: Run,
  side: Side,
  attempt: (operation: Operation, wish: Wish | undefined, depth: number) => Promise<Success | undefined>,
): Supply {
  const { description } = run;
  const kindOf = (operation: Operation) => kindMadeBy(operation, description);

  async function have(
    operation: Operation,
    reference: string,
    picked: Map<string, Thing> = new Map(),
    depth = 0,
  ): Promise<string | undefined> {
    const [kind, field] = partsOf(reference);
    if (kind === 'page') return cursorOf(operation, depth);
    if (kind === 'tenant') return side.tenant[field as 'id' | 'slug'];
    const same = picked.get(kind)?.fields.get(field);
    if (same !== undefined) return same;
    const isMade = (thing: Thing) => thing.madeBy !== undefined;
    if (side.things.find(kind, field, isMade) === undefined && depth < depthMax) await make(kind, field, depth);
    const thing = side.things.find(kind, field, isMade) ?? side.things.find(kind, field);
    if (thing !== undefined) pick(thing, picked);
    return thing?.fields.get(field);
  }

  /** Chooses a thing for a request, and with it those that belong to it. */
  function pick(thing: Thing, picked: Map<string, Thing>): void {
    picked.set(thing.kind, thing);
    for (const [kind, id] of thing.beside) {
      const other = side.things.find(kind, 'id', ({ fields }) => fields.get('id') === id);
      if (other !== undefined && !picked.has(kind)) picked.set(kind, other);
    }
  }

  /** Makes a thing of a kind, or where nothing makes one, looks for some in lists. */
  async function make(kind: string, field: string, depth: number): Promise<void> {
    if (kind === 'tenant' || kind === 'page') return;
    const makers = description.operations.filter(
      (operation) => kindOf(operation) === kind && operation.schemes.length > 0,
    );
    const maker = makers.find(({ access }) => access !== 'operator') ?? makers[0];
    if (maker !== undefined) await attempt(maker, undefined, depth + 1);
    if (side.things.find(kind, field) !== undefined) return;
    const listers = description.operations.filter(
      ({ method, path, answer, access }) =>
        method === 'GET' &&
        !path.includes('{') &&
        access !== 'operator' &&
        answer !== undefined &&
        speaksOf(answer, kind),
    );
    for (const lister of listers) await attempt(lister, undefined, depth + 1);
  }

  function speaksOf(answer: NonNullable<Operation['answer']>, kind: string): boolean {
    return JSON.stringify(description.resolveAll(answer)).includes(`"${kind}.`);
  }

  /** The cursor of the second page of a list, which must have one. */
  async function cursorOf(operation: Operation, depth: number): Promise<string | undefined> {
    const { answer } = operation;
    const limit = run.places.get(operation)?.find(({ label }) => label === 'query limit');
    if (answer === undefined) return undefined;
    const items = Object.values(description.resolve(answer).properties ?? {}).find(
      (one) => one.items !== undefined,
    )?.items;
    const id = items && description.resolve(items).properties?.['id'];
    const reference = id && description.resolve(id)['x-names']?.[0];
    for (let tries = 0; tries < pageTriesMax; tries += 1) {
      const first = await attempt(operation, limit && { place: limit, value: 1 }, depth + 1);
      if (first === undefined) return undefined;
      const named = namedIn(answer, jsonOf(first.answer), description);
      const cursor = named.find((one) => one.reference === 'page.cursor')?.value;
      if (cursor !== undefined) return cursor;
      if (reference !== undefined) await make(...partsOf(reference), depth + 1);
      // What is made is not yet in a list that has a way of its own to put things in.
      const adding = description.operations.find(
        ({ method, path }) => method === 'PUT' && path.startsWith(`${operation.path}/{`),
      );
      if (adding !== undefined) await attempt(adding, undefined, depth + 1);
    }
    return undefined;
  }

  return { have, make };
}
