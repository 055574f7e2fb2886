/** What a tenant sees of itself, before and after others tried to reach it. */

import type { Operation } from '../api/description.ts';
import { type Answer, jsonOf, requestFrom } from '../api/exchange.ts';
import { inputFrom, longestPage } from '../api/places.ts';
import type { Run } from '../run.ts';
import { type Credential, likelyFor } from '../tenants/credentials.ts';
import type { Side } from '../tenants/sides.ts';
import { partsOf } from '../tenants/things.ts';
import { differentLeaf } from './compare.ts';
import { expectedOfOwner, withoutEvents } from './expected.ts';

/** What every reading answered, by operation and what it was asked for. */
export type Snapshot = ReadonlyMap<string, string>;

/** When something was used last, its own readings say too. */
const ownTraces = /^last_used_at$/;

/** Reads all that the admin of a tenant can read: every list, and every thing that it knows. */
export async function snapshotOf(run: Run, side: Side, credentials: readonly Credential[]): Promise<Snapshot> {
  const { description, wire, places } = run;
  const snapshot = new Map<string, string>();
  const readings = description.operations.filter(
    ({ method, access, schemes }) => method === 'GET' && access !== 'operator' && schemes.includes('bearer'),
  );
  for (const operation of readings) {
    const [credential] = likelyFor(operation, credentials).filter(({ name }) => name === 'key of the admin');
    const headers = await credential?.headersFor(operation);
    if (headers === undefined) continue;
    for (const id of idsFor(operation, side, run)) {
      const found = places.get(operation) ?? [];
      const input = inputFrom(found, operation, description, { wanted: [], fill: () => id });
      const answer = await wire.send(requestFrom(operation, longestPage(input, found), headers));
      snapshot.set(`${operation.id} ${id}`.trim(), withoutTraces(answer));
    }
  }
  return snapshot;
}

function idsFor(operation: Operation, { things }: Side, run: Run): readonly string[] {
  const inPath = (run.places.get(operation) ?? []).filter(({ route }) => route[0] === 'path');
  if (inPath.length === 0) return [''];
  const [kind, field] = partsOf(inPath[0]?.names[0] ?? '.');
  if (inPath.length > 1) return [];
  return things
    .all()
    .filter((thing) => thing.kind === kind && !thing.isGone)
    .flatMap(({ fields }) => fields.get(field) ?? []);
}

function withoutTraces(answer: Answer): string {
  const text = withoutEvents(answer, expectedOfOwner);
  const value = jsonOf({ ...answer, text }) ?? text;
  return JSON.stringify([answer.status, value], (key, one: unknown) => (ownTraces.test(key) ? undefined : one));
}

/** Says of each reading that changed what of it did; `beforeToo` shows what changes by itself. */
export function changesIn(before: Snapshot, beforeToo: Snapshot, after: Snapshot): readonly Change[] {
  return [...before].flatMap(([reading, text]) => {
    const now = after.get(reading) ?? '';
    if (now === text) return [];
    const place = differentLeaf(text, now, text, beforeToo.get(reading) ?? '');
    if (place === undefined) return [];
    const [operation = reading] = reading.split(' ');
    const message = `What it answers the other tenant's own admin has changed at ${place}. ${excerpt(text, now)}`;
    return [{ operation, message }];
  });
}

/** A reading that changed. */
export interface Change {
  readonly operation: string;
  readonly message: string;
}

function excerpt(before: string, now: string): string {
  const at = [...before].findIndex((char, index) => char !== now[index]);
  const from = Math.max(0, at - 40);
  return `It was …${before.slice(from, from + 120)}… and is …${now.slice(from, from + 120)}…`;
}
