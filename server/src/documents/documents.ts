/**
 * The documents of tenants: taken in, listed, read, changed, deleted.
 *
 * Whatever lies above the caller's clearance or in a collection that is not granted to them is answered like something
 * that does not exist. Every change is audited in its transaction.
 */

import { eq } from 'drizzle-orm';
import type { Resource } from '../access/index.ts';
import { type AuditLog, actorOf } from '../audit/index.ts';
import type { Blobs } from '../blobs/index.ts';
import type { Logger, RequestContext } from '../context.ts';
import type { Database } from '../db/index.ts';
import type { SearchIndex } from '../search/index.ts';
import type { Vault } from '../vault/index.ts';
import { changeDocument, type DocumentChange } from './change.ts';
import { type Collections, createCollections } from './collections.ts';
import { type DocumentView, viewFrom } from './document-view.ts';
import { createReading, type DocumentReading } from './reading.ts';
import { createResourceLookup, type NamedResource } from './resources.ts';
import { documents, documentVersions } from './tables.ts';
import { type Upload, uploadDocument } from './upload.ts';
import { reachableDocument } from './visibility.ts';

/** The documents and collections of tenants. */
export interface Documents extends Collections, DocumentReading {
  /**
   * Takes in a document and asks for its ingestion; from when it resolves, the document is safe.
   * @throws {AppError} request_invalid, body_too_large, document_empty, media_type_unsupported, classification_denied.
   */
  readonly upload: (ctx: RequestContext, upload: Upload) => Promise<DocumentView>;
  /** @throws {AppError} resource_not_found, request_invalid, permission_denied, classification_denied. */
  readonly update: (ctx: RequestContext, id: string, change: DocumentChange) => Promise<DocumentView>;
  /** A document or collection as the rules of access/ see it. @throws {AppError} resource_not_found. */
  readonly resource: (ctx: RequestContext, named: NamedResource) => Promise<Resource>;
  /** Deletes a document with its text, passages and bytes. @throws {AppError} resource_not_found. */
  readonly remove: (ctx: RequestContext, id: string) => Promise<void>;
}

/** What documents need. */
export interface DocumentsOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly blobs: Blobs;
  readonly search: SearchIndex;
  readonly uploadBytesMax: number;
  /** Enqueues the ingestion of a document. A failure is logged; the recovery of interrupted ingestions makes it good. */
  readonly enqueueIngest: (tenantId: string, documentId: string) => Promise<void>;
  readonly log: Logger;
}

/** Makes the documents. */
export function createDocuments(options: DocumentsOptions): Documents {
  const { database, vault, audit, blobs, search, log } = options;

  async function requestIngestion(tenantId: string, documentId: string): Promise<void> {
    await options.enqueueIngest(tenantId, documentId).catch((error: unknown) => {
      log.warn({ err: error, tenantId, documentId }, 'ingestion not enqueued; recovery will');
    });
  }

  async function removeBytes(key: string): Promise<void> {
    await blobs.remove(key).catch((error: unknown) => {
      log.warn({ err: error, key }, 'bytes of a deleted document not removed; the next start will');
    });
  }

  return {
    ...createCollections({ database, vault, audit }),
    ...createReading({ database, vault, blobs }),

    resource: createResourceLookup(database),

    upload: (ctx, upload) => uploadDocument({ ...options, requestIngestion }, ctx, upload),

    async update(ctx, id, change) {
      const box = await vault.forTenant(ctx);
      const { before, after } = await database.withTenant(ctx, async (tx) => {
        const row = await reachableDocument(tx, ctx.principal, 'documents:write', id, 'lock');
        return { before: row, after: await changeDocument({ audit, search }, tx, ctx, box, row, change) };
      });
      if (after.status !== before.status) await requestIngestion(ctx.tenantId, id);
      return viewFrom(after, box);
    },

    async remove(ctx, id) {
      const box = await vault.forTenant(ctx);
      const keys = await database.withTenant(ctx, async (tx) => {
        const { collectionId, classification } = await reachableDocument(
          tx,
          ctx.principal,
          'documents:delete',
          id,
          'lock',
        );
        const { blobKey, documentId } = documentVersions;
        const versions = await tx.select({ blobKey }).from(documentVersions).where(eq(documentId, id));
        await tx.delete(documents).where(eq(documents.id, id));
        await audit.append(tx, box, {
          action: 'document.deleted',
          outcome: 'success',
          actor: actorOf(ctx),
          resource: { kind: 'document', id },
          requestId: ctx.requestId,
          details: { collection_id: collectionId, classification },
        });
        return versions.map((version) => version.blobKey);
      });
      for (const key of keys) await removeBytes(key);
    },
  };
}
