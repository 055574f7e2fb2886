/** What keeps an operation from being covered before anybody tries to reach something by it. */

import type { Operation } from './api/description.ts';
import type { Place } from './api/places.ts';
import type { Finding } from './run.ts';
import { type Failure, isSuccess } from './tenants/exercise.ts';
import type { Success } from './tenants/learning.ts';

/** What an operation lacks: names for what its places name, or success. */
export function lackOf(
  operation: Operation,
  places: readonly Place[],
  result: Success | Failure,
): readonly Pick<Finding, 'place' | 'message'>[] {
  const fix =
    'The description does not say what it names. Annotate it with names or idOf (docs/guides/add-a-route.md).';
  const unnamed = unnamedIn(places).map(({ label }) => ({ place: label, message: fix }));
  if (isSuccess(result)) return unnamed;
  const needs = operation.needs === undefined ? '' : ` It needs ${operation.needs}: configure the server with it.`;
  return [...unnamed, { message: `It could not be brought to success. ${result.problem}${needs}` }];
}

/** Places that look like names of things and do not say of what. */
function unnamedIn(places: readonly Place[]): readonly Place[] {
  return places.filter(({ route, names, kind, isForeignName }) => {
    if (names.length > 0 || kind !== 'text' || isForeignName) return false;
    const field = route.findLast((step) => step !== '[]' && !step.startsWith('|')) ?? '';
    return route[0] === 'path' || /(^|_)ids?$/.test(field);
  });
}
