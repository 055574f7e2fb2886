/** What the other tenant has, for every place that may be told it. Collected once, before anybody tries to reach it. */

import type { Operation } from '../api/description.ts';
import { type Place, valueIn } from '../api/places.ts';
import type { Run } from '../run.ts';
import { type Exerciser, type Failure, isSuccess } from '../tenants/exercise.ts';
import type { Success } from '../tenants/learning.ts';
import type { Thing } from '../tenants/things.ts';

/** Values of the other tenant. */
export interface Foreign {
  /** One value of a kind, `kind.field`. */
  readonly value: (operation: Operation, reference: string) => string | undefined;
  /** A value for a place and what belongs with it, so that the whole path names things of the other tenant. */
  readonly withPath: (operation: Operation, place: Place, reference: string) => ReadonlyMap<Place, string>;
  /** One value of every kind that can stand anywhere; cursors are of one list only. */
  readonly everyKind: readonly string[];
}

/** Places in lists that the server names itself, as `kind.field`. */
const cursor = 'page.cursor';

/** Places in a path that name something. */
export function namesInPath(places: readonly Place[]): readonly Place[] {
  return places.filter(({ route, names }) => route[0] === 'path' && names.length > 0);
}

/**
 * Collects them, and lets the other tenant make what it lacks. `filled` are the requests by which it got what it has; only
 * the operations in `chosen` are told cursors and whole paths.
 */
export async function collectForeign(
  owner: Exerciser,
  { places }: Pick<Run, 'places'>,
  chosen: readonly Operation[],
  filled: ReadonlyMap<Operation, Success | Failure>,
): Promise<Foreign> {
  const values = new Map<string, string>();
  const paths = new Map<string, ReadonlyMap<Place, string>>();
  for (const [operation, found] of places)
    for (const place of found)
      for (const reference of place.isSecret ? [] : place.names) {
        const isChosen = chosen.includes(operation);
        if (!isChosen && reference === cursor) continue;
        const value = values.get(keyOf(operation, reference)) ?? (await owner.have(operation, reference));
        if (value === undefined) continue;
        values.set(keyOf(operation, reference), value);
        if (isChosen) paths.set(pathKeyOf(operation, place, reference), await wholePath(operation, place, value));
      }

  async function wholePath(operation: Operation, place: Place, value: string): Promise<ReadonlyMap<Place, string>> {
    const whole = new Map([[place, value]]);
    const picked = new Map<string, Thing>();
    for (const other of namesInPath(places.get(operation) ?? [])) {
      const one = filledIn(operation, other) ?? (await owner.have(operation, other.names[0] ?? '', picked));
      if (one !== undefined) whole.set(other, one);
    }
    return whole;
  }

  /** What stood in the path when something was put where this operation looks: those belong together. */
  function filledIn({ path }: Operation, place: Place): string | undefined {
    const [put] = [...filled].flatMap(([operation, result]) =>
      operation.path === path && operation.method === 'PUT' && isSuccess(result) ? [result.input] : [],
    );
    const value = put && valueIn(put, place);
    return typeof value === 'string' ? value : undefined;
  }

  return {
    value: (operation, reference) => values.get(keyOf(operation, reference)),
    withPath: (operation, place, reference) => paths.get(pathKeyOf(operation, place, reference)) ?? new Map(),
    everyKind: [...values].flatMap(([key, value]) => (key.endsWith(cursor) ? [] : [value])),
  };
}

function keyOf({ id }: Operation, reference: string): string {
  return reference === cursor ? `${id} ${reference}` : reference;
}

function pathKeyOf({ id }: Operation, { label }: Place, reference: string): string {
  return `${id} ${label} ${reference}`;
}
