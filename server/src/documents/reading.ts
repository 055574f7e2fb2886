/** Reads documents, with visibility as a condition of every statement. */

import { and, desc, eq, inArray, lt } from 'drizzle-orm';
import { type Blobs, blobKey } from '../blobs/index.ts';
import type { Classification, Principal, RequestContext } from '../context.ts';
import { type Database, isId, type TenantTx } from '../db/index.ts';
import { AppError } from '../errors.ts';
import type { Visibility } from '../search/index.ts';
import type { TenantVault, Vault } from '../vault/index.ts';
import { blobCell, type DocumentView, documentCell, textCell, viewFrom } from './document-view.ts';
import { invalidField } from './input.ts';
import type { PageSpan } from './parsers/parser.ts';
import { type DocumentStatus, documents, documentVersions } from './tables.ts';
import { isReachable, reachableCollection, reachableDocument, visibilityOf } from './visibility.ts';

/** Which documents to list. */
export interface DocumentFilter {
  readonly limit: number;
  /** What the page before returned. */
  readonly cursor: string | undefined;
  /** Id or name. */
  readonly collection?: string;
  readonly status?: DocumentStatus;
  readonly classification?: Classification;
}

/** Reading documents. */
export interface DocumentReading {
  /** The visible documents, newest first. */
  readonly list: (
    ctx: RequestContext,
    filter: DocumentFilter,
  ) => Promise<{ readonly data: readonly DocumentView[]; readonly nextCursor: string | null }>;
  /** @throws {AppError} resource_not_found. */
  readonly get: (ctx: RequestContext, id: string) => Promise<DocumentView>;
  /**
   * The text that citations count in, and its pages.
   * @throws {AppError} resource_not_found, or state_conflict as long as the document is not indexed.
   */
  readonly text: (
    ctx: RequestContext,
    id: string,
  ) => Promise<{ readonly text: string; readonly pages: readonly PageSpan[] }>;
  /** The bytes as they were uploaded. @throws {AppError} resource_not_found. */
  readonly content: (
    ctx: RequestContext,
    id: string,
  ) => Promise<{ readonly bytes: Uint8Array; readonly filename: string; readonly mediaType: string }>;
  /** What a principal may search: everything readable, or named collections of it. @throws {AppError} request_invalid. */
  readonly visibility: (
    tx: TenantTx,
    principal: Principal,
    named: readonly string[] | undefined,
  ) => Promise<Visibility>;
  /** Titles by document id; for documents that `visibility` let the caller see. */
  readonly titles: (tx: TenantTx, box: TenantVault, ids: readonly string[]) => Promise<ReadonlyMap<string, string>>;
}

/** What reading needs. */
export interface ReadingOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly blobs: Blobs;
}

/** Makes the reading of documents. */
export function createReading({ database, vault, blobs }: ReadingOptions): DocumentReading {
  const visibleRow = (ctx: RequestContext, id: string) =>
    database.withTenant(ctx, (tx) => reachableDocument(tx, ctx.principal, 'documents:read', id));

  return {
    async list(ctx, { limit, cursor, collection, status, classification }) {
      if (cursor !== undefined && !isId('document', cursor)) {
        throw invalidField('query', '/cursor', 'Send the cursor that the page before returned.');
      }
      const box = await vault.forTenant(ctx);
      const rows = await database.withTenant(ctx, async (tx) => {
        const { principal } = ctx;
        const inCollection =
          collection && (await reachableCollection(tx, principal, 'documents:read', collection, 'query')).id;
        const isWanted = and(
          isReachable(principal, 'documents:read'),
          inCollection === undefined ? undefined : eq(documents.collectionId, inCollection),
          status === undefined ? undefined : eq(documents.status, status),
          classification === undefined ? undefined : eq(documents.classification, classification),
          // Ids sort by the time of upload.
          cursor === undefined ? undefined : lt(documents.id, cursor),
        );
        return tx
          .select()
          .from(documents)
          .where(isWanted)
          .orderBy(desc(documents.id))
          .limit(limit + 1);
      });
      const data = rows.slice(0, limit).map((row) => viewFrom(row, box));
      return { data, nextCursor: rows.length > limit ? (data.at(-1)?.id ?? null) : null };
    },

    async get(ctx, id) {
      const box = await vault.forTenant(ctx);
      return viewFrom(await visibleRow(ctx, id), box);
    },

    async text(ctx, id) {
      const box = await vault.forTenant(ctx);
      const parsed = await database.withTenant(ctx, async (tx) => {
        const { version } = await reachableDocument(tx, ctx.principal, 'documents:read', id);
        const ofVersion = and(eq(documentVersions.documentId, id), eq(documentVersions.version, version));
        const [row] = await tx.select().from(documentVersions).where(ofVersion);
        return row;
      });
      if (parsed?.textSealed == null) {
        throw new AppError('state_conflict', { detail: 'The document has no text yet; see its status.' });
      }
      return { text: box.open(textCell(id, parsed.version), parsed.textSealed), pages: parsed.pages ?? [] };
    },

    async content(ctx, id) {
      const box = await vault.forTenant(ctx);
      const row = await visibleRow(ctx, id);
      const sealed = await blobs.get(blobKey({ tenantId: ctx.tenantId, documentId: id, version: row.version }));
      if (sealed === undefined) {
        // Deleted meanwhile, which this says; or lost, which must not happen.
        await visibleRow(ctx, id);
        throw new Error(`The bytes of ${id} are missing.`);
      }
      const { filename, mediaType } = viewFrom(row, box);
      return { bytes: box.openBytes(blobCell(id, row.version), sealed), filename, mediaType };
    },

    visibility: visibilityOf,

    async titles(tx, box, ids) {
      const { id, titleSealed } = documents;
      const rows = await tx
        .select({ id, titleSealed })
        .from(documents)
        .where(inArray(id, [...ids]));
      return new Map(rows.map((row) => [row.id, box.open(documentCell(row.id, 'title'), row.titleSealed)]));
    },
  };
}
