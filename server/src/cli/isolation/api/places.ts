/**
 * The places of an operation's input that can hold a text, found in its schema, and inputs built so that they hold what a
 * place should.
 *
 * An input is one tree with the branches `path`, `query`, `header` and `body`. A place is a route through the schema of
 * that tree: names of fields, `[]` for the items of a list, `|1` for the second of several alternatives.
 */

import type { Description, Operation, Schema } from './description.ts';

/** A place for one value. */
export interface Place {
  readonly route: readonly string[];
  /** For people: `body grants[].id`. */
  readonly label: string;
  readonly schema: Schema;
  /** What a value there names, as `kind.field`. */
  readonly names: readonly string[];
  /** The description says that it names nothing of ours, however it is called. */
  readonly isForeignName: boolean;
  /** A secret: what is there proves who asks, so nobody else tries it. */
  readonly isSecret: boolean;
  readonly kind: 'text' | 'flag' | 'choice' | 'file' | 'other';
}

const depthMax = 12;

/** All places of an operation's input. */
export function placesOf(operation: Operation, { resolve }: Pick<Description, 'resolve'>): readonly Place[] {
  const collect = (schema: Schema, route: readonly string[], inherited: readonly string[]): Place[] => {
    const found = resolve(schema);
    if (route.length > depthMax) return [];
    const { 'x-names': names = inherited } = found;
    const branches = branchesOf(found);
    if (branches !== undefined) return branches.flatMap((one, index) => collect(one, [...route, `|${index}`], names));
    if (found.properties !== undefined) {
      return Object.entries(found.properties).flatMap(([name, field]) => collect(field, [...route, name], []));
    }
    if (found.items !== undefined) return collect(found.items, [...route, '[]'], names);
    const kind = kindOf(found);
    const [isSecret, isForeignName] = [found.format === 'password', found['x-names']?.length === 0];
    return [{ route, label: labelOf(route), schema: found, names, isSecret, isForeignName, kind }];
  };
  return collect(operation.input, [], []);
}

function branchesOf({ anyOf, oneOf }: Schema): readonly Schema[] | undefined {
  return anyOf ?? oneOf;
}

function typesOf({ type }: Schema): readonly string[] {
  return type === undefined ? [] : [type].flat();
}

function kindOf(schema: Schema): Place['kind'] {
  if (schema.contentMediaType !== undefined) return 'file';
  if (schema.enum !== undefined || schema.const !== undefined) return 'choice';
  const types = typesOf(schema);
  if (types.includes('boolean')) return 'flag';
  if (schema.format === 'date-time' || schema.format === 'date') return 'other';
  return types.includes('string') || types.length === 0 ? 'text' : 'other';
}

function labelOf([branch = '', ...route]: readonly string[]): string {
  const steps = route.filter((step) => !step.startsWith('|')).map((step) => (step === '[]' ? step : `.${step}`));
  return `${branch} ${steps.join('').replace(/^\./, '')}`.trim();
}

/** How an input is to be built. */
export interface Plan {
  /** Places that are to be there though they need not. */
  readonly wanted: readonly Place[];
  /** The value for a place; `undefined` when there is none, so that the place stays empty. */
  readonly fill: (place: Place) => unknown;
}

/** Builds an input: what is required, and what is wanted. */
export function inputFrom(places: readonly Place[], { input }: Operation, { resolve }: Description, plan: Plan): Input {
  const byRoute = new Map(places.map((place) => [place.route.join('/'), place]));
  const wanted = plan.wanted.map(({ route }) => route);

  const build = (schema: Schema, route: readonly string[]): unknown => {
    const found = resolve(schema);
    const branches = branchesOf(found);
    if (branches !== undefined) {
      const chosen = wantedBranch(wanted, route) ?? branches.findIndex((one) => resolve(one).type !== 'null');
      const branch = branches[chosen];
      return branch === undefined ? null : build(branch, [...route, `|${chosen}`]);
    }
    if (found.properties !== undefined) return buildObject(found, route);
    if (found.items !== undefined) {
      const isEmpty = (found.minItems ?? 0) === 0 && !isOnTheWay(wanted, [...route, '[]']);
      return isEmpty ? [] : [build(found.items, [...route, '[]'])];
    }
    const place = byRoute.get(route.join('/'));
    return place === undefined ? undefined : plan.fill(place);
  };

  const buildObject = ({ properties = {}, required = [], examples }: Schema, route: readonly string[]) => {
    const built: Record<string, unknown> = { ...(examples?.[0] as object | undefined) };
    for (const [name, field] of Object.entries(properties)) {
      const here = [...route, name];
      if (isOnTheWay(wanted, here) || (required.includes(name) && built[name] === undefined))
        built[name] = build(field, here);
    }
    return built;
  };

  return build(input, []) as Input;
}

/** What is to be in an input beside what is required. */
export interface Wish {
  /** The place to be filled. */
  readonly place: Place;
  /** What it is to name, of all that it may. */
  readonly reference?: string;
  /** The value, where it is not a name. */
  readonly value?: unknown;
}

/** What is sent, before it has the form of a request. */
export interface Input {
  readonly path: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | number | boolean>>;
  readonly header: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

function isOnTheWay(wanted: readonly (readonly string[])[], route: readonly string[]): boolean {
  return wanted.some((one) => route.every((step, index) => one[index] === step));
}

function wantedBranch(wanted: readonly (readonly string[])[], route: readonly string[]): number | undefined {
  const step = wanted.find((one) => one.length > route.length && isOnTheWay([one], route))?.[route.length];
  return step?.startsWith('|') === true ? Number(step.slice(1)) : undefined;
}

/** A copy of an input with another value in a place; in a list, the value alone or after those that are there. */
export function withValue(input: Input, { route }: Place, value: unknown, add = false): Input {
  const steps = route.filter((step) => !step.startsWith('|'));
  const set = (node: unknown, depth: number): unknown => {
    const step = steps[depth];
    if (step === undefined) return value;
    if (step === '[]') {
      const items = Array.isArray(node) ? (node as unknown[]) : [];
      const changed = set(items[0], depth + 1);
      return add ? [...items, changed] : [changed];
    }
    const fields = (typeof node === 'object' && node !== null ? node : {}) as Record<string, unknown>;
    return { ...fields, [step]: set(fields[step], depth + 1) };
  };
  return set(input, 0) as Input;
}

/** Items that lists give at most at once. */
const pageItemsMax = 200;

/** An input of a list that asks for as many items as it gives at once; any other as it is. */
export function longestPage(input: Input, places: readonly Place[]): Input {
  const limit = places.find(({ label }) => label === 'query limit' || label === 'query count');
  return limit === undefined ? input : withValue(input, limit, pageItemsMax);
}

/** What stands in a place, the first where it is in a list. */
export function valueIn(input: Input, { route }: Place): unknown {
  let node: unknown = input;
  for (const step of route.filter((one) => !one.startsWith('|'))) {
    if (typeof node !== 'object' || node === null) return undefined;
    node = Array.isArray(node) ? (node as unknown[])[0] : (node as Record<string, unknown>)[step];
  }
  return node;
}

/** Whether a place stands in a list. */
export function isInList({ route }: Place): boolean {
  return route.includes('[]');
}
