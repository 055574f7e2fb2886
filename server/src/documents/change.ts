/**
 * Changes a document: its title, its classification, its collection.
 *
 * A new label holds for the passages, the text and the names in the same transaction, so the next question obeys it.
 * Content is sealed anew as the label demands. When a label falls below `restricted` the passages lack their vectors:
 * the document is indexed again, and until then stays searchable by words, under the new label.
 */

import { and, eq } from 'drizzle-orm';
import { assertCan, assertClearance } from '../access/index.ts';
import { type AuditLog, actorOf } from '../audit/index.ts';
import type { Classification, RequestContext } from '../context.ts';
import type { TenantTx } from '../db/index.ts';
import type { SearchIndex } from '../search/index.ts';
import type { TenantVault } from '../vault/index.ts';
import { type DocumentRow, documentCell, textCell } from './document-view.ts';
import { checkedTitle, invalidField } from './input.ts';
import { documents, documentVersions } from './tables.ts';
import { reachableCollection } from './visibility.ts';

/** What may change of a document; what is left out stays. */
export interface DocumentChange {
  readonly title?: string;
  readonly classification?: Classification;
  /** Id or name. */
  readonly collection?: string;
}

/** What changing needs. */
export interface ChangeDeps {
  readonly audit: AuditLog;
  readonly search: SearchIndex;
}

type DocumentUpdate = Partial<typeof documents.$inferInsert>;

/**
 * Applies a change to a locked row that the caller may see. Returns the row as it then is.
 * @throws {AppError} request_invalid, permission_denied, classification_denied.
 */
export async function changeDocument(
  deps: ChangeDeps,
  tx: TenantTx,
  ctx: RequestContext,
  box: TenantVault,
  row: DocumentRow,
  change: DocumentChange,
): Promise<DocumentRow> {
  const { title, classification, collection } = change;
  if (Object.values(change).every((value) => value === undefined)) {
    throw invalidField('body', '', 'Name at least one of title, classification and collection.');
  }
  if (classification !== undefined || collection !== undefined) assertCan(ctx, 'documents:relabel');
  const update: DocumentUpdate = {
    ...(classification === undefined ? {} : await relabelled(deps, tx, ctx, box, row, classification)),
    ...(collection === undefined ? {} : await moved(deps, tx, ctx, row, collection)),
  };
  if (title !== undefined) {
    update.titleSealed = box.seal(
      documentCell(row.id, 'title'),
      checkedTitle(title),
      update.classification ?? row.classification,
    );
  }
  const [changed] = await tx
    .update(documents)
    .set({ ...update, updatedAt: new Date() })
    .where(eq(documents.id, row.id))
    .returning();
  if (changed === undefined) throw new Error('A locked row must not vanish.');
  await deps.audit.append(tx, box, {
    action: 'document.updated',
    outcome: 'success',
    actor: actorOf(ctx),
    resource: { kind: 'document', id: row.id },
    requestId: ctx.requestId,
    details: {
      changed: Object.entries(change).flatMap(([field, value]) => (value === undefined ? [] : [field])),
      classification: { from: row.classification, to: changed.classification },
      collection_id: { from: row.collectionId, to: changed.collectionId },
    },
  });
  return changed;
}

async function relabelled(
  { search }: ChangeDeps,
  tx: TenantTx,
  ctx: RequestContext,
  box: TenantVault,
  row: DocumentRow,
  classification: Classification,
): Promise<DocumentUpdate> {
  assertClearance(ctx, classification);
  if (classification === row.classification) return {};
  const { lacksVectors } = await search.relabel(tx, box, row.id, classification);
  await resealTexts(tx, box, row.id, classification);
  const reseal = (column: 'title' | 'filename', sealed: Uint8Array) => {
    const cell = documentCell(row.id, column);
    return box.seal(cell, box.openBytes(cell, sealed), classification);
  };
  return {
    classification,
    titleSealed: reseal('title', row.titleSealed),
    filenameSealed: reseal('filename', row.filenameSealed),
    ...(lacksVectors && row.status === 'indexed'
      ? { status: 'uploaded', progress: 0, attempts: 0, interruptions: 0 }
      : {}),
  };
}

async function resealTexts(
  tx: TenantTx,
  box: TenantVault,
  documentId: string,
  classification: Classification,
): Promise<void> {
  const ofDocument = eq(documentVersions.documentId, documentId);
  const { version, textSealed } = documentVersions;
  for (const text of await tx.select({ version, textSealed }).from(documentVersions).where(ofDocument)) {
    if (text.textSealed === null) continue;
    const cell = textCell(documentId, text.version);
    const sealed = box.seal(cell, box.openBytes(cell, text.textSealed), classification);
    await tx
      .update(documentVersions)
      .set({ textSealed: sealed })
      .where(and(ofDocument, eq(version, text.version)));
  }
}

async function moved(
  { search }: ChangeDeps,
  tx: TenantTx,
  ctx: RequestContext,
  row: DocumentRow,
  named: string,
): Promise<DocumentUpdate> {
  const { id } = await reachableCollection(tx, ctx.principal, 'documents:relabel', named, 'body');
  if (id === row.collectionId) return {};
  await search.move(tx, row.id, id);
  return { collectionId: id };
}
