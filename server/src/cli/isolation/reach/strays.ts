/**
 * The other tenant's values where no description says that they mean anything: in fields and headers that are not
 * described, and in texts that may be anything. A server may refuse them or take them for a text, never follow them.
 */

import type { Operation } from '../api/description.ts';
import { type Input, type Place, withValue } from '../api/places.ts';
import { differenceOf, type Trial } from '../evidence/compare.ts';
import type { Run } from '../run.ts';
import type { Attempt, Exerciser } from '../tenants/exercise.ts';
import type { Side } from '../tenants/sides.ts';
import { absentLike } from '../tenants/values.ts';
import { askAs } from './asking.ts';
import { type Foreign, namesInPath } from './foreign.ts';

/** What is needed to try them. */
export interface StraysDeps {
  readonly run: Run;
  readonly foreign: Foreign;
  readonly owner: Exerciser;
  readonly prober: Exerciser;
}

/** What places are called that are headers of no description. */
export const strayHeadersLabel = 'headers that are not described';

/** Headers by which servers are told of a tenant or a user, and those that resume or repeat what the owner did. */
export function strayHeaders({ side, marksOf }: Exerciser, operation: Operation): Readonly<Record<string, string>> {
  const { id, slug } = side.tenant;
  const { id: user, email } = side.people.admin;
  return {
    ...{ 'x-tenant': slug, 'x-tenant-slug': slug, 'x-org-id': id, 'x-organization-id': id, 'x-workspace-id': id },
    ...{
      'x-scope-orgid': id,
      'openai-organization': id,
      'openai-project': id,
      cookie: `tenant=${slug}; tenant_id=${id}`,
    },
    ...{ 'x-user-id': user, 'x-forwarded-user': email, 'x-remote-user': email },
    ...marksOf(operation),
  };
}

/** Fields by which servers are told of a tenant or a user. */
function strayFields({ tenant, people }: Side): readonly (readonly [name: string, value: string])[] {
  return [
    ...['tenant', 'tenant_slug'].map((name) => [name, tenant.slug] as const),
    ...['tenant_id', 'tenantId', 'organization_id'].map((name) => [name, tenant.id] as const),
    ...['user_id', 'owner_id'].map((name) => [name, people.admin.id] as const),
  ];
}

/** Puts the other tenant's values into fields that are not described, where anything depends on who asks or what is sent. */
export async function tryStrayFields(operation: Operation, deps: StraysDeps): Promise<void> {
  const isForAll = operation.schemes.length === 0 || operation.schemes.includes('metricsToken');
  if (isForAll && operation.bodyMediaType === undefined) return;
  const known = new Set((deps.run.places.get(operation) ?? []).map(({ route }) => route.slice(0, 2).join('/')));
  for (const branch of operation.bodyMediaType === undefined ? ['query'] : ['query', 'body']) {
    const fields = strayFields(deps.owner.side).filter(([name]) => !known.has(`${branch}/${name}`));
    const strays = fields.map(([name, value]) => ({ place: undescribed(branch, name), value }));
    const trial = createTrial(operation, undefined, deps);
    await compareAll(
      operation,
      { place: undescribed(branch, 'stray'), value: absentLike(deps.owner.side.tenant.id) },
      strays,
      trial,
      deps,
    );
  }
}

/** Puts a value of every kind that the other tenant has into the texts that may be anything. */
export async function tryTexts(operation: Operation, deps: StraysDeps): Promise<void> {
  const { run, foreign } = deps;
  for (const place of run.places.get(operation) ?? []) {
    if (place.kind !== 'text' || place.names.length > 0 || place.isSecret) continue;
    const strays = foreign.everyKind.map((value) => ({ place, value }));
    const trial = createTrial(operation, place, deps);
    await compareAll(operation, { place, value: absentLike(foreign.everyKind[0] ?? '') }, strays, trial, deps);
  }
}

function undescribed(branch: string, name: string): Place {
  const label = `${branch} ${name} (not described)`;
  return { route: [branch, name], label, schema: {}, names: [], isForeignName: false, isSecret: false, kind: 'text' };
}

/** A place and what is put there. */
interface Stray {
  readonly place: Place;
  readonly value: string;
}

type TryOut = (stray: Stray) => Promise<Trial | undefined>;

/** What sends strays. `wished` is a place that an input need not have and is to have here. */
function createTrial(operation: Operation, wished: Place | undefined, { run, prober }: StraysDeps): TryOut {
  let attempt: Attempt | undefined;
  return async ({ place, value }) => {
    attempt ??= await prober.prepare(operation, wished && { place: wished, value });
    if (attempt === undefined) return undefined;
    const { input, credential } = attempt;
    const answer = await askAs(run, operation, withValue(input, place, value), credential, place.label);
    // What succeeded may have used up what it names.
    if (answer !== undefined && answer.status < 400) attempt = undefined;
    // A refusal names a field that it does not know.
    return answer && { values: place === wished ? [value] : [value, place.route.at(-1) ?? ''], answer };
  };
}

/** Holds the answer to each stray against that to something of nobody. */
async function compareAll(
  operation: Operation,
  ofNobody: Stray,
  strays: readonly Stray[],
  trial: TryOut,
  { run }: StraysDeps,
): Promise<void> {
  const nobodys = await trial(ofNobody);
  if (nobodys === undefined) return;
  const isDifferent = async (stray: Stray, other: Trial, absent: Stray) => {
    const theirs = await trial(stray);
    run.record.check();
    return theirs && differenceOf(theirs, other, async () => (await trial(absent)) ?? other);
  };
  for (const stray of strays) {
    if ((await isDifferent(stray, nobodys, ofNobody)) === undefined) continue;
    // The field or the form of the value may make the difference: what counts is the same with what nobody has.
    const absent = { ...stray, value: absentLike(stray.value) };
    const difference = await isDifferent(stray, (await trial(absent)) ?? nobodys, absent);
    if (difference === undefined) continue;
    const message = `For what the other tenant has, other than for what nobody has: ${difference}.`;
    run.record.finding({ kind: 'difference', operation: operation.id, place: stray.place.label, message });
  }
}

/** A path of the other tenant, with all the headers that might make it one's own. */
export async function tryStrayHeaders(
  operation: Operation,
  { run, foreign, owner, prober }: StraysDeps,
): Promise<void> {
  const attempt = await prober.prepare(operation);
  if (attempt === undefined) return;
  const { input, credential } = attempt;
  const [place] = namesInPath(run.places.get(operation) ?? []);
  const whole = place === undefined ? [] : [...foreign.withPath(operation, place, place.names[0] ?? '')];
  const named = whole.reduce<Input>((before, [one, value]) => withValue(before, one, value), input);
  const led = { ...named, header: { ...named.header, ...strayHeaders(owner, operation) } };
  const answer = await askAs(run, operation, led, credential, strayHeadersLabel);
  run.record.check();
  if (answer === undefined || answer.status >= 400 || whole.length === 0 || operation.schemes.length === 0) return;
  const message = `The server answered ${answer.status}, as if what the path names were one's own.`;
  run.record.finding({
    kind: 'wrong_answer',
    operation: operation.id,
    place: strayHeadersLabel,
    message,
  });
}
