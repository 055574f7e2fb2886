/**
 * The stages of a verification: fill one tenant, let the other do the same for itself, then let it try to reach the first.
 *
 * What the first tenant sees of itself is looked at before the other does anything, and again in the end.
 */

import { randomBytes } from 'node:crypto';
import type { Operation } from './api/description.ts';
import { placesOf } from './api/places.ts';
import { lackOf } from './coverage.ts';
import { createCanaries } from './evidence/canaries.ts';
import { sweepLogs } from './evidence/logs.ts';
import { changesIn, snapshotOf } from './evidence/snapshot.ts';
import { isReading, readAsEverybody } from './reach/everybody.ts';
import { collectForeign } from './reach/foreign.ts';
import { isNaming, isProbed, type ProbeDeps, probe } from './reach/probe.ts';
import { type StraysDeps, strayHeaders, tryStrayFields, tryStrayHeaders, tryTexts } from './reach/strays.ts';
import { createRecord, type Run } from './run.ts';
import { type Credential, credentialsFor } from './tenants/credentials.ts';
import { createExerciser, type Exerciser, type Failure, isSuccess } from './tenants/exercise.ts';
import type { Success } from './tenants/learning.ts';
import { type Call, type Headers, makeSide, type Side } from './tenants/sides.ts';

/** What the stages need. */
export interface StagesOptions extends Pick<Run, 'description' | 'wire' | 'call' | 'onTenant' | 'note'> {
  readonly operatorHeaders: Headers;
  readonly metricsToken: string | undefined;
  readonly logs: readonly string[];
  /** The operations by which something is tried; the others only fill the tenants, where those need it. */
  readonly chosen: readonly Operation[];
}

/** A tenant of a verification and everybody in it. */
export interface Party {
  readonly side: Side;
  readonly credentials: readonly Credential[];
  readonly exerciser: Exerciser;
}

type Results = ReadonlyMap<Operation, Success | Failure>;

/** Brings things into the order in which they can succeed: what makes, what reads, what changes, what removes. */
const methodOrder = ['POST', 'PUT', 'GET', 'PATCH', 'DELETE'];
/** Rounds over the operations: what fails for want of something succeeds once that is there. */
const roundsMax = 3;

/** Makes the stages. `parties` are the tenants that there are so far, whatever happens. */
export function createStages(options: StagesOptions) {
  const { description, wire, call, operatorHeaders, metricsToken, logs, onTenant, note } = options;
  const parties: Party[] = [];
  const [canaries, record] = [createCanaries(), createRecord()];
  const places = new Map(description.operations.map((one) => [one, placesOf(one, description)] as const));
  const run: Run = { description, places, wire, canaries, record, call, onTenant, isAlive: aliveBy(call), note };
  const ordered = options.chosen.toSorted((a, b) => methodOrder.indexOf(a.method) - methodOrder.indexOf(b.method));
  const keeping = ordered.filter(({ method }) => method !== 'DELETE');
  const removing = ordered.filter(({ method }) => method === 'DELETE');

  async function open(name: Side['name'], runId: string): Promise<Party> {
    const planted = name === 'owner' ? canaries : undefined;
    const side = await makeSide(name, { call, operatorHeaders, runId, canaries: planted, onTenant });
    const credentials = credentialsFor({ side, call, operatorHeaders, metricsToken });
    const party = { side, credentials, exerciser: createExerciser(run, side, credentials) };
    parties.push(party);
    return party;
  }

  /** Lets the owner get all that there is to be had, and look at it, so that whatever keeps answers keeps this one. */
  async function fill({ exerciser }: Party) {
    const filled = await exerciseAll(exerciser, keeping);
    const foreign = await collectForeign(exerciser, run, keeping.concat(removing), filled);
    for (const operation of keeping)
      if (operation.method !== 'GET' && isReading(operation, run)) await exerciser.succeed(operation);
    return foreign;
  }

  async function perform() {
    const runId = randomBytes(4).toString('hex');
    note('making two tenants');
    const [owner, prober] = [await open('owner', runId), await open('prober', runId)];
    note('filling the one that others will try to reach');
    const foreign = await fill(owner);
    const look = () => snapshotOf(run, owner.side, owner.credentials);
    const [before, beforeToo] = [await look(), await look()];
    note(`exercising ${ordered.length} operations`);
    const kept = await exerciseAll(prober.exerciser, keeping);
    note('reading as everybody');
    await readAsEverybody(run, kept, prober.credentials, (operation) => strayHeaders(owner.exerciser, operation));
    const results = new Map([...kept, ...(await exerciseAll(prober.exerciser, removing))]);
    note('trying to reach the other tenant');
    const deps = { run, foreign, owner: owner.exerciser, prober: prober.exerciser, credentials: prober.credentials };
    const covered = await tryAll(results, deps);
    for (const { operation, message } of changesIn(before, beforeToo, await look()))
      record.finding({ kind: 'side_effect', operation, message });
    record.check(before.size);
    await sweepLogs(logs, canaries, record);
    return outcomeOf(covered, results, prober);
  }

  /** Resolves with how many operations were covered. */
  async function tryAll(results: Results, deps: ProbeDeps & StraysDeps): Promise<number> {
    const uncovered = new Set<Operation>();
    for (const [operation, result] of results) {
      const lack = lackOf(operation, places.get(operation) ?? [], result);
      for (const finding of lack) record.finding({ kind: 'not_covered', operation: operation.id, ...finding });
      if (lack.length > 0) uncovered.add(operation);
    }
    const succeeded = [...results].flatMap(([operation, result]) =>
      isSuccess(result) ? [[operation, result] as const] : [],
    );
    const strayed = succeeded.flatMap(([operation]) => (operation.access === 'operator' ? [] : [operation]));
    const probeThose = async (isNamingNow: boolean) => {
      for (const [operation, success] of succeeded) {
        const probed = (places.get(operation) ?? []).filter(isProbed);
        const now = probed.filter((place) => isNaming(place, operation, run) === isNamingNow);
        if (now.length > 0 && !(await probe(operation, now, success, deps))) uncovered.add(operation);
      }
    };
    await probeThose(false);
    note('trying headers and fields that are not described');
    for (const operation of strayed) await tryStrayHeaders(operation, deps);
    for (const operation of strayed) await tryStrayFields(operation, deps);
    note('trying names and texts');
    // Names that somebody gives, and texts, come last: from then on the values of the other tenant are their own, too.
    await probeThose(true);
    await exerciseFlags(deps.prober);
    for (const operation of strayed) await tryTexts(operation, deps);
    return results.size - uncovered.size;
  }

  /** With every switch on, for what is streamed for example. */
  async function exerciseFlags(prober: Exerciser): Promise<void> {
    for (const operation of ordered)
      for (const place of places.get(operation) ?? [])
        if (place.kind === 'flag') await prober.succeed(operation, { place, value: true });
  }

  function outcomeOf(covered: number, results: Results, { credentials }: Party) {
    const findings = record.findings();
    return {
      ...{ operations: description.operations.length, covered, checks: record.checks() },
      ...{ leaks: findings.filter(({ kind }) => kind !== 'not_covered').length, findings },
      covered_by_refusal: [...results].flatMap(([{ id, needs = '' }, result]) =>
        isSuccess(result) && result.refusal !== undefined ? [{ operation: id, needs, refusal: result.refusal }] : [],
      ),
      ...{ credentials: credentials.map(({ name }) => name), canaries: canaries.count() },
    };
  }

  return { perform, parties: () => parties };
}

/** Asks for oneself: whoever is not known is told so. */
function aliveBy(call: Call): Run['isAlive'] {
  return (headers) =>
    call('getMe', {}, headers).then(
      () => true,
      (error: unknown) => (error as { readonly problem?: { readonly status?: number } }).problem?.status !== 401,
    );
}

async function exerciseAll(exerciser: Exerciser, operations: readonly Operation[]): Promise<Results> {
  const results = new Map<Operation, Success | Failure>();
  for (let round = 0; round < roundsMax; round += 1) {
    const left = operations.filter((operation) => {
      const result = results.get(operation);
      return result === undefined || !isSuccess(result);
    });
    for (const operation of left) results.set(operation, await exerciser.succeed(operation));
  }
  return results;
}
