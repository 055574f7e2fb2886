/**
 * The verification of isolation of a running server, as its client.
 *
 * It makes two tenants, lets both do everything that the server describes, then lets one try to reach what the other has:
 * in every place that names something, as everybody who can ask. It removes what it made, whatever happens.
 */

import { randomBytes } from 'node:crypto';
import { CommandError } from '../failures.ts';
import { type Description, type Operation, readDescription } from './api/description.ts';
import { createWire, type Wire } from './api/exchange.ts';
import { type Place, placesOf } from './api/places.ts';
import { createCanaries } from './canaries.ts';
import { cleanUp } from './cleanup.ts';
import { sweepLogs } from './logs.ts';
import { isNaming, isProbed, keyOf, probe } from './probe.ts';
import { createRecord, type Finding, type Run } from './run.ts';
import { changesIn, snapshotOf } from './snapshot.ts';
import { type Credential, credentialsFor, knownSchemes } from './tenants/credentials.ts';
import { createExerciser, type Exerciser, type Failure, isSuccess } from './tenants/exercise.ts';
import type { Success } from './tenants/learning.ts';
import { bearer, type Call, createCall, type Headers, makeSide, type Side } from './tenants/sides.ts';

/** What a verification takes. */
export interface VerifyOptions {
  readonly url: string;
  readonly operatorKey: string;
  readonly metricsToken?: string;
  /** For one answer. */
  readonly timeoutMs: number;
  /** For all, the removal of what was made excepted. */
  readonly totalMs: number;
  /** Leaves what was made. */
  readonly keep: boolean;
  /** Log files of the server, searched in the end. */
  readonly logs: readonly string[];
  /** Ends it early; what was made is removed nevertheless. */
  readonly signal: AbortSignal;
  readonly note: (text: string) => void;
}

/** What came out. */
export interface Result {
  readonly operations: number;
  /** Operations brought to success, or to the refusal that they declare, and probed in every place. */
  readonly covered: number;
  readonly checks: number;
  /** Findings that are more than a lack of coverage. */
  readonly leaks: number;
  readonly findings: readonly Finding[];
  /** Operations that answered with the refusal that they declare for servers that lack what they need. */
  readonly covered_by_refusal: readonly {
    readonly operation: string;
    readonly needs: string;
    readonly refusal: string;
  }[];
  readonly credentials: readonly string[];
  readonly canaries: number;
  readonly requests: number;
  readonly seconds: number;
  readonly waited_seconds: number;
  readonly server: { readonly url: string; readonly version: string };
  readonly started_at: string;
  readonly remains: readonly string[];
}

/** How long the removal of what was made may take. */
const cleanupMsMax = 60_000;
/** Rounds over the operations: what fails for want of something succeeds once that is there. */
const roundsMax = 3;

/** Verifies. @throws {CommandError} when it could not be begun or was ended. */
export async function verifyIsolation(options: VerifyOptions): Promise<Result> {
  const { url, operatorKey, timeoutMs, totalMs, note, keep } = options;
  const startedMs = Date.now();
  const deadline = AbortSignal.timeout(totalMs);
  const wireWith = (signal: AbortSignal) => createWire({ url, timeoutMs, signal });
  const wire = wireWith(AbortSignal.any([options.signal, deadline]));
  const description = await describedBy(wire, url);
  const operatorHeaders = bearer(operatorKey);
  const tenantIds = new Set<string>();
  const verification = createVerification(description, wire, operatorHeaders, options, tenantIds);
  try {
    const outcome = await verification.perform();
    const remains = keep ? ['Everything was kept, as asked.'] : await clean();
    return {
      ...outcome,
      ...{ requests: wire.sent(), seconds: (Date.now() - startedMs) / 1000, waited_seconds: wire.waitedMs() / 1000 },
      ...{ server: { url, version: description.version }, started_at: new Date(startedMs).toISOString(), remains },
    };
  } catch (error) {
    if (!keep) for (const sentence of await clean()) note(sentence);
    if (options.signal.aborted) throw new CommandError('partial', 'The verification was ended before it was done.');
    if (deadline.aborted)
      throw new CommandError('timeout', `The verification took more than ${totalMs / 1000} seconds.`);
    throw error;
  }

  function clean(): Promise<readonly string[]> {
    note('removing what was made');
    const cleaning = wireWith(AbortSignal.timeout(cleanupMsMax));
    const call = createCall(description, cleaning);
    return cleanUp({ description, wire: cleaning, call, operatorHeaders, sides: verification.sides(), tenantIds });
  }
}

async function describedBy(wire: Wire, url: string): Promise<Description> {
  const answer = await wire.send({ method: 'GET', path: '/openapi.json', headers: {}, body: undefined, told: '' });
  const description = readDescription(answer.text, url);
  const unknown = description.schemes.filter((scheme) => !knownSchemes.includes(scheme));
  if (unknown.length === 0) return description;
  throw new CommandError('server', `The server takes credentials that are not tried here: ${unknown.join(', ')}.`, {
    fix: 'Use the command of the same version as the server; a new kind of credential belongs into its table.',
  });
}

/** Brings things into the order in which they can succeed: what makes, what reads, what changes, what removes. */
const methodOrder = ['POST', 'PUT', 'GET', 'PATCH', 'DELETE'];

function createVerification(
  description: Description,
  wire: Wire,
  operatorHeaders: Headers,
  options: VerifyOptions,
  tenantIds: Set<string>,
) {
  const { note, metricsToken, logs } = options;
  const sides: { side: Side; credentials: readonly Credential[] }[] = [];
  const call: Call = createCall(description, wire);
  const onTenant = (id: string) => void tenantIds.add(id);
  const canaries = createCanaries();
  const record = createRecord();
  const places = new Map(description.operations.map((one) => [one, placesOf(one, description)] as const));
  const isAlive = async (headers: Headers) =>
    (await call('getMe', {}, headers).catch(
      (error: unknown) => (error as { problem?: { status?: number } }).problem?.status !== 401,
    )) !== false;
  const run: Run = { description, places, wire, canaries, record, call, onTenant, isAlive, note };
  const ordered = description.operations.toSorted(
    (a, b) => methodOrder.indexOf(a.method) - methodOrder.indexOf(b.method),
  );
  const keeping = ordered.filter(({ method }) => method !== 'DELETE');
  const removing = ordered.filter(({ method }) => method === 'DELETE');

  async function open(name: Side['name'], runId: string): Promise<Exerciser> {
    const planted = name === 'owner' ? canaries : undefined;
    const side = await makeSide(name, { call, operatorHeaders, runId, canaries: planted, onTenant });
    const credentials = credentialsFor({ side, call, operatorHeaders, metricsToken });
    sides.push({ side, credentials });
    return createExerciser(run, side, credentials);
  }

  return {
    sides: () => sides,
    async perform() {
      const runId = randomBytes(4).toString('hex');
      note('making two tenants');
      const [owner, prober] = [await open('owner', runId), await open('prober', runId)];
      note('filling the one that others will try to reach');
      await exerciseAll(owner, keeping);
      const ownerCredentials = sides[0]?.credentials ?? [];
      note(`exercising ${ordered.length} operations`);
      const results = new Map([...(await exerciseAll(prober, keeping)), ...(await exerciseAll(prober, removing))]);
      const foreignValues = await valuesOf(owner, run);
      const look = () => snapshotOf(run, owner.side, ownerCredentials);
      const [before, beforeToo] = [await look(), await look()];
      note('trying to reach the other tenant');
      const covered = await probeAll(results, foreignValues, prober);
      await exerciseFlags(prober);
      for (const { operation, message } of changesIn(before, beforeToo, await look()))
        record.finding({ kind: 'side_effect', operation, message });
      record.check(before.size);
      await sweepLogs(logs, canaries, record);
      return outcomeOf(covered, results);
    },
  };

  async function probeAll(
    results: ReadonlyMap<Operation, Success | Failure>,
    foreignValues: ReadonlyMap<string, string>,
    prober: Exerciser,
  ): Promise<number> {
    const deps = { run, foreignValues, prober, credentials: sides[1]?.credentials ?? [] };
    const uncovered = new Set<Operation>();
    for (const [operation, result] of results) {
      const lack = lackOf(operation, places.get(operation) ?? [], result);
      for (const finding of lack) record.finding({ kind: 'not_covered', operation: operation.id, ...finding });
      if (lack.length > 0) uncovered.add(operation);
    }
    // Names that somebody gives come last, so that nothing is found under the names of the other tenant before.
    for (const isNamingNow of [false, true]) {
      for (const [operation, result] of results) {
        const probed = (places.get(operation) ?? []).filter(isProbed);
        const now = probed.filter((place) => isNaming(place, operation, run) === isNamingNow);
        if (!isSuccess(result) || now.length === 0) continue;
        if (!(await probe(operation, now, result, deps))) uncovered.add(operation);
      }
    }
    return results.size - uncovered.size;
  }

  /** With every switch on, for what is streamed for example. */
  async function exerciseFlags(prober: Exerciser): Promise<void> {
    for (const [operation, found] of places)
      for (const place of found) if (place.kind === 'flag') await prober.succeed(operation, { place, value: true });
  }

  function outcomeOf(covered: number, results: ReadonlyMap<Operation, Success | Failure>) {
    const findings = record.findings();
    return {
      ...{ operations: description.operations.length, covered, checks: record.checks() },
      ...{ leaks: findings.filter(({ kind }) => kind !== 'not_covered').length, findings },
      covered_by_refusal: [...results].flatMap(([{ id, needs = '' }, result]) =>
        isSuccess(result) && result.refusal !== undefined ? [{ operation: id, needs, refusal: result.refusal }] : [],
      ),
      ...{ credentials: sides[1]?.credentials.map(({ name }) => name) ?? [], canaries: canaries.count() },
    };
  }
}

async function exerciseAll(
  exerciser: Exerciser,
  operations: readonly Operation[],
): Promise<ReadonlyMap<Operation, Success | Failure>> {
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

/** What the other tenant has, for every place that may be told it. */
async function valuesOf(owner: Exerciser, { places }: Pick<Run, 'places'>): Promise<ReadonlyMap<string, string>> {
  const values = new Map<string, string>();
  for (const { operation, reference } of referencesIn(places)) {
    const key = keyOf(operation, reference);
    const value = values.get(key) ?? (await owner.have(operation, reference));
    if (value !== undefined) values.set(key, value);
  }
  return values;
}

function referencesIn(places: ReadonlyMap<Operation, readonly Place[]>) {
  return [...places].flatMap(([operation, found]) =>
    found.flatMap(({ names, isSecret }) => (isSecret ? [] : names.map((reference) => ({ operation, reference })))),
  );
}

/** What keeps an operation from being covered before anybody probes it. */
function lackOf(operation: Operation, places: readonly Place[], result: Success | Failure) {
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
