/**
 * Removes bytes that belong to no document: those of uploads that failed, and of documents that were deleted while the
 * store of bytes was not available.
 */

import { inArray } from 'drizzle-orm';
import { type Blobs, blobNameOf } from '../blobs/index.ts';
import type { Database } from '../db/index.ts';
import { documentVersions } from './tables.ts';

/** What collecting needs. */
export interface OrphanDeps {
  readonly database: Database;
  readonly blobs: Blobs;
}

/** Bytes younger than this may belong to an upload whose row is about to be written. */
const graceMs = 60 * 60 * 1000;

/** Keys looked up in one transaction. */
const keysPerBatch = 200;

/** Removes those of a tenant's keys that no row names; returns how many. */
export async function removeOrphans({ database, blobs }: OrphanDeps, tenantId: string, keys: readonly string[]) {
  const documentIds = keys.map((key) => blobNameOf(key).documentId);
  const rows = await database.withTenant({ tenantId }, (tx) =>
    tx
      .select({ blobKey: documentVersions.blobKey })
      .from(documentVersions)
      .where(inArray(documentVersions.documentId, documentIds)),
  );
  const named = new Set(rows.map(({ blobKey }) => blobKey));
  const orphans = keys.filter((key) => !named.has(key));
  for (const key of orphans) await blobs.remove(key);
  return orphans.length;
}

/** Removes every orphan that is old enough, until the signal aborts; returns how many. */
export async function collectOrphans(deps: OrphanDeps, signal: AbortSignal, now = Date.now): Promise<number> {
  let removed = 0;
  let tenantId = '';
  let keys: string[] = [];
  const flush = async () => {
    if (keys.length > 0) removed += await removeOrphans(deps, tenantId, keys);
    keys = [];
  };
  for await (const { key, modifiedAtMs } of deps.blobs.list()) {
    if (signal.aborted) return removed;
    if (now() - modifiedAtMs <= graceMs) continue;
    const owner = blobNameOf(key).tenantId;
    if (owner !== tenantId || keys.length === keysPerBatch) await flush();
    tenantId = owner;
    keys.push(key);
  }
  await flush();
  return removed;
}
