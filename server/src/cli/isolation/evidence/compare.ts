/**
 * Whether two answers tell the difference between something of another tenant and something that does not exist.
 *
 * Refusals must be alike byte for byte, but for the id of the request, the time, what is left of rates, and the value that
 * was asked for. Successes may differ in what differs between any two of them, which a third answer shows.
 */

import { type Answer, headerOf, jsonOf } from '../api/exchange.ts';

/** An answer to a request that put values into places. */
export interface Trial {
  readonly values: readonly string[];
  readonly answer: Answer;
}

/** Headers that differ between any two answers. */
const volatileHeaders = new Set([
  // Of several rates the policy names the one that is nearest to its limit, so it changes as the counters do.
  ...['ratelimit', 'ratelimit-policy'],
  ...['date', 'x-request-id', 'retry-after', 'retry-after-ms', 'server-timing', 'age', 'connection'],
  ...['keep-alive', 'transfer-encoding'],
]);

/** What tells two answers apart, in a few words; `undefined` when nothing does. `again` gives a second answer like `b`. */
export async function differenceOf(a: Trial, b: Trial, again: () => Promise<Trial>): Promise<string | undefined> {
  const [statusA, statusB] = [a.answer.status, b.answer.status];
  if (statusA !== statusB) return `status ${statusA} and not ${statusB}`;
  const isSuccess = statusA < 400;
  // What was sent once may be in any later answer.
  const values = [...a.values, ...b.values];
  const header = differentHeader(headersOf(a, values, isSuccess), headersOf(b, values, isSuccess));
  if (header !== undefined) return `header ${header}`;
  const [textA, textB] = [plainText(a, values, isSuccess), plainText(b, values, isSuccess)];
  if (textA === textB) return undefined;
  if (!isSuccess) return `body ${excerpt(textA, textB)}`;
  const third = await again();
  const different = differentLeaf(textA, textB, textB, plainText(third, [...values, ...third.values], isSuccess));
  return different === undefined ? undefined : `body at ${different === '' ? 'the top' : different}`;
}

/** The first place where two JSON texts differ and two that should be alike do not; `undefined` when there is none. */
export function differentLeaf(a: string, b: string, like: string, alike: string): string | undefined {
  const masked = maskOf(leavesOf(like), leavesOf(alike));
  const [leavesA, leavesB] = [leavesOf(a), leavesOf(b)];
  const keys = [...new Set([...leavesA.keys(), ...leavesB.keys()])];
  return keys.find((key) => leavesA.get(key) !== leavesB.get(key) && !masked(key));
}

/** The code of an error answer, in any of the forms that a server has for them. */
export function codeOf(answer: Answer): string | undefined {
  const body = jsonOf(answer) as { readonly code?: unknown; readonly error?: { readonly code?: unknown } } | undefined;
  const code = body?.code ?? body?.error?.code;
  return typeof code === 'string' ? code : undefined;
}

function headersOf({ answer }: Trial, values: readonly string[], isSuccess: boolean): ReadonlyMap<string, string> {
  const steady = answer.headers.filter(([name]) => !volatileHeaders.has(name) && !name.startsWith('x-ratelimit-'));
  // What was made has an id of its own; lengths follow from the body, which is compared.
  const isCompared = (name: string) => (isSuccess ? name === 'content-type' : name !== 'content-length');
  const compared = steady.map(([name, text]) => [name, isCompared(name) ? withoutValues(text, values) : ''] as const);
  return new Map(compared.filter(([name]) => !(isSuccess && name === 'content-length')));
}

function differentHeader(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): string | undefined {
  return [...new Set([...a.keys(), ...b.keys()])].find((name) => a.get(name) !== b.get(name));
}

function plainText({ answer }: Trial, values: readonly string[], isSuccess: boolean): string {
  const requestId = headerOf(answer, 'x-request-id') ?? '';
  const text = withoutValues(requestId === '' ? answer.text : answer.text.replaceAll(requestId, '‹request›'), values);
  if (!isSuccess) return text;
  return text
    .replaceAll(/\b[a-z]{3}_[0-9a-f]{32}\b/g, (id) => `‹${id.slice(0, 3)}›`)
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g, '‹time›');
}

function withoutValues(text: string, values: readonly string[]): string {
  // The longest first, for one may be part of another.
  const longest = values.toSorted((a, b) => b.length - a.length);
  const forms = longest.flatMap((value) => [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value)]);
  return forms.reduce((rest, form) => (form === '' ? rest : rest.replaceAll(form, '‹value›')), text);
}

/** The values of a JSON text, or of the events of a stream, by their place. */
function leavesOf(text: string): ReadonlyMap<string, string> {
  const leaves = new Map<string, string>();
  const visit = (value: unknown, key: string): void => {
    if (typeof value === 'object' && value !== null && Object.keys(value).length > 0)
      for (const [name, field] of Object.entries(value)) visit(field, `${key}/${name}`);
    else leaves.set(key, JSON.stringify(value));
  };
  visit(jsonOrLines(text), '');
  return leaves;
}

function jsonOrLines(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    const lines = text.split('\n').filter((line) => line !== '');
    return lines.length < 2 ? text : lines.map((line) => jsonOrLines(line.replace(/^data: /, '')));
  }
}

/** Tells of a place whether it differs between two answers that should be alike, or stands below one that does. */
function maskOf(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): (key: string) => boolean {
  const keys = [...new Set([...a.keys(), ...b.keys()])].filter((key) => a.get(key) !== b.get(key));
  return (key) => keys.some((one) => key === one || key.startsWith(`${one}/`));
}

function excerpt(a: string, b: string): string {
  const at = [...a].findIndex((char, index) => char !== b[index]);
  const from = Math.max(0, at - 20);
  return `"${a.slice(from, from + 60)}" and not "${b.slice(from, from + 60)}"`;
}
