/**
 * Removes what a verification made: each thing by the operation that removes such things, and in the end the tenants.
 *
 * What is not removed is said, never hidden.
 */

import type { Description, Operation } from './api/description.ts';
import { requestFrom, type Wire } from './api/exchange.ts';
import { placesOf } from './api/places.ts';
import type { Credential } from './tenants/credentials.ts';
import type { Call, Headers, Side } from './tenants/sides.ts';
import { partsOf } from './tenants/things.ts';

/** What cleaning needs. */
export interface CleanupOptions {
  readonly description: Description;
  readonly wire: Wire;
  readonly call: Call;
  readonly operatorHeaders: Headers;
  readonly parties: readonly { readonly side: Side; readonly credentials: readonly Credential[] }[];
  readonly tenantIds: Iterable<string>;
}

/** Removes everything that it can, and fails over nothing. Resolves with what remains, in sentences. */
export async function cleanUp(options: CleanupOptions): Promise<readonly string[]> {
  const { description, parties, tenantIds, call, operatorHeaders } = options;
  const remains: string[] = [];
  const removers = description.operations.flatMap((operation) => {
    const kind = kindRemovedBy(operation, description);
    return kind === undefined ? [] : [{ operation, kind }];
  });
  for (const { side, credentials } of parties)
    for (const { operation, kind } of removers) {
      try {
        await removeAll(operation, kind, side, credentials, options);
      } catch (error) {
        // The tenants are deleted all the same.
        remains.push(`Not every ${kind} could be removed: ${messageOf(error)}`);
      }
    }
  for (const id of tenantIds) {
    try {
      await call('updateTenant', { path: { id }, body: { status: 'deleted' } }, operatorHeaders);
      remains.push(
        `Tenant ${id} is marked as deleted; its row, its users and its audit log stay, as those of every deleted tenant.`,
      );
    } catch (error) {
      remains.push(`Tenant ${id} could not be deleted: ${messageOf(error)}`);
    }
  }
  return remains;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The kind of thing whose id alone an operation takes to remove it. Users and keys go with their tenant. */
function kindRemovedBy(operation: Operation, description: Description): string | undefined {
  if (operation.method !== 'DELETE' || operation.access === 'operator') return undefined;
  const inPath = placesOf(operation, description).filter(({ route }) => route[0] === 'path');
  if (inPath.length !== 1 || !operation.path.endsWith('}')) return undefined;
  const [kind] = partsOf(inPath[0]?.names[0] ?? '.');
  return kind === 'session' || kind === 'api_key' ? undefined : kind;
}

async function removeAll(
  operation: Operation,
  kind: string,
  side: Side,
  credentials: readonly Credential[],
  { wire }: CleanupOptions,
): Promise<void> {
  const admin = credentials.find(({ name }) => name === 'key of the admin');
  const headers = await admin?.headersFor(operation);
  const [, name = ''] = /\{([^}]+)\}/.exec(operation.path) ?? [];
  const staff = new Set(Object.values(side.people).map(({ id }) => id));
  for (const thing of side.things.all()) {
    const value = thing.fields.get('id') ?? thing.fields.get(name);
    const isOurs = thing.kind === kind && !thing.isGone && value !== undefined && !staff.has(value);
    if (!isOurs || headers === undefined || thing.madeBy === undefined) continue;
    const answer = await wire.send(requestFrom(operation, { path: { [name]: value }, query: {}, header: {} }, headers));
    thing.isGone = answer.status < 300 || answer.status === 404;
  }
}
