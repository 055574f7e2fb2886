/**
 * Puts what the other tenant has into every place of an operation that names something, as everybody who can ask, and
 * holds the answer against that for something that nobody has.
 */

import type { Operation } from './api/description.ts';
import { type Answer, requestFrom } from './api/exchange.ts';
import { type Input, isInList, type Place, valueIn, withValue } from './api/places.ts';
import { differenceOf, type Trial } from './compare.ts';
import { onlookerOf, type Run, sweep } from './run.ts';
import { type Credential, isStranger, triedOn } from './tenants/credentials.ts';
import { type Exerciser, isSuccess } from './tenants/exercise.ts';
import type { Success } from './tenants/learning.ts';
import { kindMadeBy, partsOf } from './tenants/things.ts';
import { absentLike } from './tenants/values.ts';

/** What probing needs. */
export interface ProbeDeps {
  readonly run: Run;
  /** What the other tenant has, by `keyOf`. */
  readonly foreignValues: ReadonlyMap<string, string>;
  readonly prober: Exerciser;
  readonly credentials: readonly Credential[];
}

/** Names what an operation may be told of the other tenant; cursors are of one list only. */
export function keyOf({ id }: Operation, reference: string): string {
  return reference === 'page.cursor' ? `${id} ${reference}` : reference;
}

/** A place and what is put there. */
interface Target {
  readonly place: Place;
  readonly label: string;
  readonly input: Input;
  readonly foreign: string;
  readonly absent: string;
  /** A second value that nobody has, to see what differs between any two answers. */
  readonly absentToo: string;
  /** Behind one of their own in a list. */
  readonly isAdded: boolean;
}

/** Whether somebody can put a name into a place. */
export function isProbed({ names, isSecret }: Place): boolean {
  return names.length > 0 && !isSecret;
}

/** Whether what stands in a place becomes a name of something, so that later it is found under it. */
export function isNaming({ route, names }: Place, operation: Operation, run: Run): boolean {
  if (route[0] !== 'body' || operation.method === 'DELETE') return false;
  const kinds = new Set(names.map((reference) => partsOf(reference)[0]));
  const made = kindMadeBy(operation, run.description);
  const changed = (run.places.get(operation) ?? []).flatMap((place) =>
    place.route[0] === 'path' ? place.names.map((reference) => partsOf(reference)[0]) : [],
  );
  return [...changed, made].some((kind) => kind !== undefined && kinds.has(kind));
}

/** Probes places of an operation. Resolves with whether each could be. */
export async function probe(
  operation: Operation,
  places: readonly Place[],
  success: Success,
  deps: ProbeDeps,
): Promise<boolean> {
  const { run, credentials } = deps;
  const targets: Target[] = [];
  let isWhole = true;
  for (const place of places)
    for (const reference of place.names) {
      const found = await targetsOf(operation, success, place, reference, deps);
      if (typeof found === 'string') {
        isWhole = false;
        run.record.finding({ kind: 'not_covered', operation: operation.id, place: place.label, message: found });
      } else targets.push(...found);
    }
  const tried = triedOn(operation, credentials);
  for (const target of targets) {
    const isFirst = target === targets[0];
    // Whoever is refused whatever they ask need not ask for everything, nor need everybody add to lists.
    const able = tried.filter((credential) => isFirst || !isStranger(credential, operation));
    const asking = target.isAdded ? able.slice(0, 1) : able;
    // What gets a name can get it once, so there everybody waits for the one before.
    const atOnce = isNaming(target.place, operation, run) ? 1 : asking.length;
    for (let from = 0; from < asking.length; from += atOnce) {
      const group = asking.slice(from, from + atOnce);
      await Promise.all(group.map((credential) => probeAs(operation, target, credential, deps)));
    }
  }
  return isWhole;
}

async function targetsOf(
  operation: Operation,
  success: Success,
  place: Place,
  reference: string,
  { foreignValues, prober, run }: ProbeDeps,
): Promise<readonly Target[] | string> {
  const foreign = foreignValues.get(keyOf(operation, reference));
  // Where the server lacks what an operation needs, there is nothing that it could name.
  if (foreign === undefined && success.refusal !== undefined) return [];
  if (foreign === undefined) return `Nothing makes or lists what is ${reference}.`;
  if (foreign === (await prober.have(operation, reference)) && reference !== 'page.cursor') return [];
  const isThere = valueIn(success.input, place) !== undefined && place.names.length === 1;
  const isTenant = reference.startsWith('tenant.');
  const own = isThere || isTenant ? success : await prober.succeed(operation, { place, reference });
  if (!isSuccess(own)) return `With one's own ${reference} it does not succeed. ${own.problem}`;
  run.canaries.retire(foreign);
  const label = place.names.length === 1 ? place.label : `${place.label} as ${reference}`;
  const [absent, absentToo] = [absentLike(foreign), absentLike(absentLike(foreign))];
  const target = { place, label, input: own.input, foreign, absent, absentToo, isAdded: false };
  return isInList(place) ? [target, { ...target, label: `${label} beside one's own`, isAdded: true }] : [target];
}

async function probeAs(operation: Operation, target: Target, credential: Credential, deps: ProbeDeps): Promise<void> {
  const { run } = deps;
  const { place, label, input, foreign, absent, absentToo, isAdded } = target;
  // Operators administer both tenants.
  if (operation.access === 'operator' && credential.scheme === 'operatorKey') return;
  const trial = async (value: string): Promise<Trial | undefined> => {
    const answer = await askAlive(operation, withValue(input, place, value, isAdded), credential, label, deps);
    return answer && { value, answer };
  };
  const [theirs, nobodys] = [await trial(foreign), await trial(absent)];
  if (theirs === undefined || nobodys === undefined) return;
  const where = { operation: operation.id, place: label, credential: credential.name };
  run.record.check();
  if (theirs.answer.status >= 500 && operation.refusals.length === 0)
    run.record.finding({ kind: 'server_error', ...where, message: `The server failed with ${theirs.answer.status}.` });
  // A position in a list of another tenant is one in any such list; only what is there must be one's own.
  if (place.names.includes('page.cursor') && theirs.answer.status === nobodys.answer.status) return;
  const difference = await differenceOf(theirs, nobodys, async () => (await trial(absentToo)) ?? nobodys);
  if (difference === undefined) return;
  const message = `For what the other tenant has, other than for what nobody has: ${difference}.`;
  run.record.finding({ kind: 'difference', ...where, message });
}

/** Asks with a credential that is alive: what an operation ended by succeeding is made anew. */
async function askAlive(
  operation: Operation,
  input: Input,
  credential: Credential,
  place: string,
  { run }: ProbeDeps,
): Promise<Answer | undefined> {
  const headers = await credential.headersFor(operation);
  if (headers === undefined) return undefined;
  const request = requestFrom(operation, input, headers);
  const answer = await run.wire.send(request);
  sweep(run, answer, { operation: operation.id, credential: credential.name, request, place }, onlookerOf(credential));
  if (answer.status !== 401 || isStranger(credential, operation) || operation.schemes.length === 0) return answer;
  if (await run.isAlive(headers)) return answer;
  credential.renew();
  return run.wire.send(requestFrom(operation, input, (await credential.headersFor(operation)) ?? {}));
}
