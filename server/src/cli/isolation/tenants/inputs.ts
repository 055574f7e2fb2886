/** Inputs with which an operation is likely to succeed: what is required, and what is wished for. */

import type { Operation } from '../api/description.ts';
import { type Input, inputFrom, type Place, type Wish, withValue } from '../api/places.ts';
import type { Run } from '../run.ts';
import { type Factor, makeThrowaway, type Throwaway } from './secrets.ts';
import type { Side } from './sides.ts';
import type { Have } from './supply.ts';
import { kindMadeBy, type Thing } from './things.ts';
import { isDefining, plainValue } from './values.ts';

/** An input, and who has to ask. */
export interface Prepared {
  readonly input: Input;
  /** Who has to ask, where that is not whoever may. */
  readonly asking: Throwaway | undefined;
}

/** Makes inputs. */
export interface Inputs {
  /** An input, or why there is none. */
  readonly prepare: (
    operation: Operation,
    wish: Wish | undefined,
    factor: Factor,
    depth: number,
  ) => Promise<Prepared | string>;
  readonly variantsOf: (operation: Operation, input: Input, wish: Wish | undefined) => readonly Input[];
  /** Places of the body that may be left out. */
  readonly optionalPlaces: (operation: Operation) => readonly Place[];
}

/** Makes what makes inputs, of things that `have` gives. */
export function createInputs(run: Run, side: Side, have: Have): Inputs {
  const { description } = run;
  const placesOf = (operation: Operation) => run.places.get(operation) ?? [];

  /** The places that an input with these wishes has. */
  function placesNeeded(operation: Operation, wanted: readonly Place[]): readonly Place[] {
    const needed: Place[] = [];
    inputFrom(placesOf(operation), operation, description, { wanted, fill: (place) => needed.push(place) });
    return needed;
  }

  /** Whether a place asks for a secret that exists already, which only its owner can give. */
  const asksSecret = (place: Place, made: string | undefined) =>
    place.isSecret && place.names.length > 0 && (!isDefining(place, made) || made === 'session');

  async function prepare(
    operation: Operation,
    wish: Wish | undefined,
    factor: Factor,
    depth: number,
  ): Promise<Prepared | string> {
    const made = kindMadeBy(operation, description);
    const defining = placesOf(operation).filter((place) => isDefining(place, made) && !asksSecret(place, made));
    const wanted = [...defining, ...(wish === undefined ? [] : [wish.place])];
    // What is wished for comes first, for the rest has to fit it.
    const needed = placesNeeded(operation, wanted).toSorted(
      (a, b) => Number(b === wish?.place) - Number(a === wish?.place),
    );
    const isPersonal = needed.some((place) => asksSecret(place, made));
    const throwaway = isPersonal || factor !== 'none' ? await makeThrowaway(side, run.call, factor) : undefined;
    const values = new Map<Place, unknown>();
    const picked = new Map<string, Thing>();
    const secretsUsed = new Map<string, number>();
    for (const place of needed) {
      const isWished = place === wish?.place;
      const reference = (isWished ? wish.reference : undefined) ?? place.names[0] ?? '';
      const nth = secretsUsed.get(reference) ?? 0;
      const secret = await throwaway?.secret(reference, nth);
      secretsUsed.set(reference, nth + 1);
      if (isWished && wish.value !== undefined) values.set(place, wish.value);
      else if (secret !== undefined) values.set(place, secret);
      else if (place.names.length === 0 || place.isSecret || isDefining(place, made))
        values.set(place, plainValue(place, operation, side));
      else {
        const value = await have(operation, reference, picked, depth);
        if (value === undefined && operation.refusals.length === 0)
          return `Nothing that is ${reference} could be made for ${place.label}.`;
        values.set(place, value ?? plainValue(place, operation, side));
      }
    }
    const fill = (place: Place) => values.get(place);
    return {
      input: inputFrom(placesOf(operation), operation, description, { wanted, fill }),
      asking: isPersonal ? throwaway : undefined,
    };
  }

  /** The inputs to try: where a choice stands beside a wished name, one for each choice. */
  function variantsOf(operation: Operation, input: Input, wish: Wish | undefined): readonly Input[] {
    if (wish?.reference === undefined) return [input];
    const parent = parentOf(wish.place);
    if (parent.length < 2) return [input];
    const siblings = placesOf(operation).filter(
      (place) => place.schema.enum !== undefined && parentOf(place).join('/') === parent.join('/'),
    );
    return [
      input,
      ...siblings.flatMap((place) => (place.schema.enum ?? []).map((value) => withValue(input, place, value))),
    ];
  }

  return {
    prepare,
    variantsOf,
    optionalPlaces(operation) {
      const needed = placesNeeded(operation, []);
      return placesOf(operation).filter(
        (place) => place.route[0] === 'body' && !place.isSecret && !needed.includes(place),
      );
    },
  };
}

function parentOf({ route }: Place): readonly string[] {
  return route.filter((step) => !step.startsWith('|')).slice(0, -1);
}
