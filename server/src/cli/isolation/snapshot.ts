/** What a tenant sees of itself, before and after others tried to reach it. */

import type { Operation } from './api/description.ts';
import { jsonOf, requestFrom } from './api/exchange.ts';
import { inputFrom } from './api/places.ts';
import { differentLeaf } from './compare.ts';
import type { Run } from './run.ts';
import { type Credential, likelyFor } from './tenants/credentials.ts';
import type { Side } from './tenants/sides.ts';
import { partsOf } from './tenants/things.ts';

/** What every reading answered, by operation and what it was asked for. */
export type Snapshot = ReadonlyMap<string, string>;

/** When something was used last, its own readings say too. */
const ownTraces = /^last_used_at$/;
/** Whoever tries to sign in to a tenant leaves this in its audit log, as it should be. */
const expectedActions: readonly unknown[] = ['login.failed'];
const pageLimit = 200;

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
      const input = inputFrom(places.get(operation) ?? [], operation, description, {
        wanted: (places.get(operation) ?? []).filter(({ label }) => label === 'query limit'),
        fill: ({ label }) => (label === 'query limit' ? pageLimit : id),
      });
      const answer = await wire.send(requestFrom(operation, input, headers));
      snapshot.set(`${operation.id} ${id}`.trim(), withoutTraces(answer.status, jsonOf(answer) ?? answer.text));
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

function withoutTraces(status: number, value: unknown): string {
  return JSON.stringify([status, value], (key, one: unknown) => {
    if (ownTraces.test(key)) return undefined;
    return Array.isArray(one) ? one.filter((item) => !expectedActions.includes(actionOf(item))) : one;
  });
}

function actionOf(item: unknown): unknown {
  return (item as { readonly event?: { readonly action?: unknown } } | null)?.event?.action;
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
