/** Remembers what the answers to one tenant tell: what it made, what it has, what is gone. */

import type { Operation } from '../api/description.ts';
import { type Answer, jsonOf } from '../api/exchange.ts';
import { type Input, valueIn } from '../api/places.ts';
import type { Run } from '../run.ts';
import type { Credential } from './credentials.ts';
import type { Side } from './sides.ts';
import { kindMadeBy, namedIn, partsOf, type Thing } from './things.ts';
import { isDefining } from './values.ts';

/** A request that the server answered as it should, and what stood in its places. */
export interface Success {
  readonly operation: Operation;
  readonly input: Input;
  readonly answer: Answer;
  /** The refusal that the operation declares for servers that lack what it needs. */
  readonly refusal: string | undefined;
  /** Who asked. */
  readonly credential: Credential;
}

/** Makes what remembers. It gives back what it is given. */
export function createLearner(run: Run, side: Side): (success: Success) => Success {
  const { description } = run;
  const isProber = side.name === 'prober';

  /** Remembers what an answer tells. */
  function learned(success: Success): Success {
    const { operation, input, answer } = success;
    if (operation.access === 'operator' && operation.method === 'GET') return success;
    const made = kindMadeBy(operation, description);
    const top = jsonOf(answer);
    const told = operation.answer === undefined ? [] : namedIn(operation.answer, top, description);
    for (const one of told.filter(({ isSecret }) => isSecret))
      if (!isProber) run.canaries.add({ text: one.value, kind: 'secret', what: `${one.reference} of ${operation.id}` });
    const given = (run.places.get(operation) ?? []).flatMap((place) =>
      isDefining(place, made) ? [{ reference: place.names[0] ?? '', value: valueIn(input, place) }] : [],
    );
    for (const [owner, values] of Map.groupBy(told, ({ owner: object }) => object)) {
      const ids = new Map(values.flatMap(({ reference, value }) => idFrom(reference, value)));
      for (const [kind, fields] of Map.groupBy(values, ({ reference }) => partsOf(reference)[0])) {
        const isMade = owner === top && kind === made;
        const thing = remember(kind, [...(isMade ? given : []), ...fields], isMade ? operation.id : undefined);
        for (const [other, id] of ids) if (other !== kind) thing?.beside.set(other, id);
      }
    }
    if (operation.method === 'DELETE') forget(operation, input);
    return success;
  }

  function remember(
    kind: string,
    fields: readonly { readonly reference: string; readonly value: unknown }[],
    madeBy: string | undefined,
  ): Thing | undefined {
    const entries = fields.flatMap(({ reference, value }) =>
      typeof value === 'string' && partsOf(reference)[0] === kind ? [[partsOf(reference)[1], value] as const] : [],
    );
    if (kind === 'page' || entries.length === 0) return undefined;
    const known = Object.fromEntries(entries);
    if (kind === 'tenant') {
      if (madeBy !== undefined && known['id'] !== undefined) run.onTenant(known['id']);
      return undefined;
    }
    if (!isProber && known['id'] !== undefined)
      run.canaries.add({ text: known['id'], kind: 'id', what: `the id of a ${kind}` });
    return side.things.add(kind, known, madeBy);
  }

  function forget(operation: Operation, input: Input): void {
    const names = [...operation.path.matchAll(/\{([^}]+)\}/g)].map(([, name = '']) => name);
    // What stands before the last name is only where the thing is.
    if (names.length !== 1 || !operation.path.endsWith(`{${names[0]}}`)) return;
    const value = input.path[names[0] ?? ''] ?? '';
    for (const thing of side.things.all()) if ([...thing.fields.values()].includes(value)) thing.isGone = true;
  }

  return learned;
}

function idFrom(reference: string, value: string): readonly (readonly [kind: string, id: string])[] {
  const [kind, field] = partsOf(reference);
  return field === 'id' ? [[kind, value]] : [];
}
