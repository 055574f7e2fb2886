/** Lets everybody of a tenant read all that they may of their own, and looks for the other tenant in it. */

import type { Operation } from '../api/description.ts';
import { type Input, longestPage } from '../api/places.ts';
import type { Run } from '../run.ts';
import { type Credential, isStranger, oneOfEachKind, triedOn } from '../tenants/credentials.ts';
import { type Failure, isSuccess } from '../tenants/exercise.ts';
import type { Success } from '../tenants/learning.ts';
import { kindMadeBy } from '../tenants/things.ts';
import { askAs } from './asking.ts';
import { strayHeadersLabel } from './strays.ts';

/** Whether an operation tells something that everybody with the right to it may ask for again and again. */
export function isReading(operation: Operation, { places, description }: Pick<Run, 'places' | 'description'>): boolean {
  if (operation.method === 'GET') return true;
  const asksSecret = (places.get(operation) ?? []).some(({ isSecret }) => isSecret);
  const isQuestion = operation.method === 'POST' && operation.answer !== undefined && operation.access.includes(':');
  return isQuestion && !asksSecret && kindMadeBy(operation, description) === undefined;
}

/**
 * Repeats every reading that succeeded as everybody who can ask, in lists as long as they get, and once more as one of each
 * kind with headers that name the other tenant.
 */
export async function readAsEverybody(
  run: Run,
  results: ReadonlyMap<Operation, Success | Failure>,
  credentials: readonly Credential[],
  strayHeaders: (operation: Operation) => Readonly<Record<string, string>>,
): Promise<void> {
  for (const [operation, result] of results) {
    if (!isSuccess(result) || !isReading(operation, run)) continue;
    const input = longestPage(result.input, run.places.get(operation) ?? []);
    const led: Input = { ...input, header: { ...input.header, ...strayHeaders(operation) } };
    const everybody = triedOn(operation, credentials);
    await Promise.all(everybody.map((credential) => askAs(run, operation, input, credential)));
    const able = everybody.filter((credential) => !isStranger(credential, operation));
    const some = oneOfEachKind(able, run.description.operations.indexOf(operation));
    await Promise.all(some.map((credential) => askAs(run, operation, led, credential, strayHeadersLabel)));
  }
}
