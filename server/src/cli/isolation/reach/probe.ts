/**
 * Puts what the other tenant has into every place of an operation that names something, as everybody who can ask, and
 * holds the answer against that for something that nobody has.
 */

import type { Operation } from '../api/description.ts';
import { type Input, isInList, type Place, valueIn, withValue } from '../api/places.ts';
import { differenceOf, type Trial } from '../evidence/compare.ts';
import type { Run } from '../run.ts';
import { type Credential, isStranger, oneOfEachKind, triedOn } from '../tenants/credentials.ts';
import { type Exerciser, isSuccess } from '../tenants/exercise.ts';
import type { Success } from '../tenants/learning.ts';
import { kindMadeBy, partsOf } from '../tenants/things.ts';
import { absentLike } from '../tenants/values.ts';
import { askAs } from './asking.ts';
import { type Foreign, namesInPath } from './foreign.ts';

/** What probing needs. */
export interface ProbeDeps {
  readonly run: Run;
  readonly foreign: Foreign;
  readonly prober: Exerciser;
  readonly credentials: readonly Credential[];
}

/** Places and what is put there. */
interface Target {
  readonly place: Place;
  readonly label: string;
  /** With which it succeeded, so that nothing else keeps it from doing so again. */
  readonly own: Success;
  readonly foreign: ReadonlyMap<Place, string>;
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
  const turn = run.description.operations.indexOf(operation);
  for (const place of places)
    for (const reference of referencesOf(place, turn)) {
      const found = await targetsOf(operation, success, place, reference, deps);
      if (typeof found === 'string') {
        isWhole = false;
        run.record.finding({ kind: 'not_covered', operation: operation.id, place: place.label, message: found });
      } else targets.push(...found);
    }
  const tried = triedOn(operation, credentials);
  for (const target of targets) {
    // Whoever is refused whatever they ask need not ask for everything.
    const able = target === targets[0] ? tried : tried.filter((credential) => !isStranger(credential, operation));
    const asking = askingFor(target, able, turn);
    // What gets a name can get it once, so there everybody waits for the one before.
    const atOnce = isNaming(target.place, operation, run) ? 1 : asking.length;
    for (let from = 0; from < asking.length; from += atOnce) {
      const group = asking.slice(from, from + atOnce);
      await Promise.all(group.map((credential) => probeAs(operation, target, credential, deps)));
    }
  }
  return isWhole;
}

/** What a place is told; of a header that all operations have, each is told one of the names that it may hold. */
function referencesOf({ names, route }: Place, turn: number): readonly string[] {
  return route[0] === 'header' ? names.slice(turn % names.length).slice(0, 1) : names;
}

/** What is only a variation of a place, or is the same for all operations, is tried by one credential of each kind. */
function askingFor({ foreign, isAdded }: Target, able: readonly Credential[], turn: number): readonly Credential[] {
  if (isAdded) return able.slice(0, 1);
  const isPlain = foreign.size === 1 && [...foreign.keys()].every(({ route }) => route[0] !== 'header');
  return isPlain ? able : oneOfEachKind(able, turn);
}

async function targetsOf(
  operation: Operation,
  success: Success,
  place: Place,
  reference: string,
  { foreign, prober, run }: ProbeDeps,
): Promise<readonly Target[] | string> {
  const value = foreign.value(operation, reference);
  // Where the server lacks what an operation needs, there is nothing that it could name.
  if (value === undefined && success.refusal !== undefined) return [];
  if (value === undefined) return `Nothing makes or lists what is ${reference}.`;
  if (value === (await prober.have(operation, reference)) && reference !== 'page.cursor') return [];
  const inPath = namesInPath(run.places.get(operation) ?? []);
  const isThere = valueIn(success.input, place) !== undefined && place.names.length === 1;
  // What stood in the rest of the path may be gone since, and then any answer would be that it is.
  const isAlone = inPath.every((other) => other === place);
  const isReusable = (isThere && isAlone) || reference.startsWith('tenant.');
  const own = isReusable ? success : await prober.succeed(operation, { place, reference });
  if (!isSuccess(own)) return `With one's own ${reference} it does not succeed. ${own.problem}`;
  const label = place.names.length === 1 ? place.label : `${place.label} as ${reference}`;
  const alone = { place, label, own, foreign: new Map([[place, value]]), isAdded: false };
  const whole = { ...alone, label: `${label} and the path`, foreign: foreign.withPath(operation, place, reference) };
  // A header that names the other tenant is tried where it would do most.
  if (place.route[0] === 'header') return [isAlone ? alone : whole];
  const added = isInList(place) ? [{ ...alone, label: `${label} beside one's own`, isAdded: true }] : [];
  return [alone, ...added, ...(isAlone || inPath.indexOf(place) > 0 ? [] : [whole])];
}

async function probeAs(operation: Operation, target: Target, credential: Credential, deps: ProbeDeps): Promise<void> {
  const { run } = deps;
  const { place, label, own, foreign, isAdded } = target;
  // Operators administer both tenants.
  if (operation.access === 'operator' && credential.scheme === 'operatorKey') return;
  const absent = new Map([...foreign].map(([one, value]) => [one, absentLike(value)] as const));
  const absentToo = new Map([...absent].map(([one, value]) => [one, absentLike(value)] as const));
  const trial = async (values: ReadonlyMap<Place, string>): Promise<Trial | undefined> => {
    const input = [...values].reduce<Input>(
      (before, [one, value]) => withValue(before, one, value, isAdded && one === place),
      own.input,
    );
    const answer = await askAs(run, operation, input, credential, label);
    return answer && { values: [...values.values()], answer };
  };
  const [theirs, nobodys] = [await trial(foreign), await trial(absent)];
  if (theirs === undefined || nobodys === undefined) return;
  const where = { operation: operation.id, place: label, credential: credential.name };
  run.record.check();
  const { status } = theirs.answer;
  if (status >= 500 && operation.refusals.length === 0)
    run.record.finding({ kind: 'server_error', ...where, message: `The server failed with ${status}.` });
  const wrong = wrongIn(operation, target, status, credential === own.credential);
  if (wrong !== undefined) run.record.finding({ kind: 'wrong_answer', ...where, message: wrong });
  // A position in a list of another tenant is one in any such list; only what is there must be one's own.
  if (place.names.includes('page.cursor') && status === nobodys.answer.status) return;
  const difference = await differenceOf(theirs, nobodys, async () => (await trial(absentToo)) ?? nobodys);
  if (difference === undefined) return;
  const message = `For what the other tenant has, other than for what nobody has: ${difference}.`;
  run.record.finding({ kind: 'difference', ...where, message });
}

/**
 * What is wrong with a status, be it the same for what nobody has. Whoever may do it to their own is told of a path to
 * anything else that there is nothing; nobody is told that it was done.
 */
function wrongIn(operation: Operation, { foreign }: Target, status: number, isAble: boolean): string | undefined {
  const inPath = [...foreign.keys()].filter(({ route }) => route[0] === 'path');
  const isOfTenant = operation.schemes.length > 0 && operation.access !== 'operator';
  // What is put under a name may be new there.
  const mayMake = ['PUT', 'POST'].includes(operation.method) && !inPath.some(({ names }) => names.some(isId));
  if (inPath.length === 0 || !isOfTenant || mayMake) return undefined;
  if (status < 400) return `The server answered ${status}, as if what the path names were one's own.`;
  const isRefusal = isAble && inPath.length === foreign.size && (status === 401 || status === 403);
  return isRefusal ? `The server answered ${status} and not that there is nothing.` : undefined;
}

function isId(reference: string): boolean {
  return reference.endsWith('.id');
}
