/**
 * Takes in a document: the bytes first, durable and sealed, then its row and its audit event in one transaction.
 *
 * A document is acknowledged only when both stand; from then on it reaches a final state, whatever crashes. Bytes whose
 * row failed are removed, at once or by `collectOrphans`. Sending the same bytes to the same collection under the same
 * classification again gives the document that is there, unless it failed.
 */

import { and, eq, ne, sql } from 'drizzle-orm';
import { assertClearance } from '../access/index.ts';
import { type AuditLog, actorOf } from '../audit/index.ts';
import { type Blobs, blobKey } from '../blobs/index.ts';
import type { Classification, RequestContext } from '../context.ts';
import { type Database, newId, type TenantTx } from '../db/index.ts';
import { AppError } from '../errors.ts';
import type { TenantVault, Vault } from '../vault/index.ts';
import { defaultCollectionName } from './collections.ts';
import { blobCell, type DocumentRow, type DocumentView, documentCell, viewFrom } from './document-view.ts';
import { checkedFilename, checkedTitle, titleFromFilename } from './input.ts';
import { removeOrphans } from './orphans.ts';
import { detectFormat } from './parsers/detect-format.ts';
import type { DocumentFormat } from './parsers/parser.ts';
import { documents, documentVersions } from './tables.ts';
import { reachableCollection } from './visibility.ts';

/** A document to take in. */
export interface Upload {
  readonly filename: string;
  /** As the client claims it; the format is decided by the bytes too. */
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  /** The file name without its ending when left out, or what the document itself says. */
  readonly title?: string;
  /** Id or name; `general` when left out. */
  readonly collection?: string;
  /** That of the collection when left out. */
  readonly classification?: Classification;
}

/** What uploading needs. */
export interface UploadDeps {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly blobs: Blobs;
  readonly uploadBytesMax: number;
  /** Asks for ingestion; must not reject. */
  readonly requestIngestion: (tenantId: string, documentId: string) => Promise<void>;
}

/** How many bytes of a file tell its format. */
const headBytes = 4096;

/** What a format is served as. The client's own claim is not kept: it would come back as a header. */
const mediaTypes: Readonly<Record<DocumentFormat, string>> = {
  text: 'text/plain',
  markdown: 'text/markdown',
  html: 'text/html',
  pdf: 'application/pdf',
};

/** A document that is ready to be stored, except for its place. */
interface Prepared {
  readonly id: string;
  readonly filename: string;
  readonly title: string;
  readonly format: DocumentFormat;
  readonly sizeBytes: number;
  readonly contentHash: Uint8Array;
  readonly blobKey: string;
}

/** Every document begins with this version. */
const version = 1;

/**
 * Takes in a document and asks for its ingestion.
 * @throws {AppError} request_invalid, body_too_large, document_empty, media_type_unsupported, classification_denied.
 */
export async function uploadDocument(deps: UploadDeps, ctx: RequestContext, upload: Upload): Promise<DocumentView> {
  const { database, blobs } = deps;
  assertSize(upload.bytes, deps.uploadBytesMax);
  const box = await deps.vault.forTenant(ctx);
  const prepared = prepare(ctx, box, upload);
  const { id, contentHash } = prepared;

  // Refused and known uploads are answered before anything is written.
  const known = await database.withTenant(ctx, async (tx) => (await place(tx, ctx, upload, contentHash)).known);
  if (known !== undefined) return viewFrom(known, box);

  // Bytes are always sealed, whatever the policy: a classification that rises later must not find them readable.
  await blobs.put(prepared.blobKey, box.seal(blobCell(id, version), upload.bytes, 'restricted'));
  let row: DocumentRow;
  try {
    row = await database.withTenant(ctx, (tx) => store(tx, deps.audit, ctx, box, upload, prepared));
  } catch (error) {
    // The transaction may stand although its answer was lost, so the row decides.
    await removeOrphans(deps, ctx.tenantId, [prepared.blobKey]).catch(() => {});
    throw error;
  }
  if (row.id === id) await deps.requestIngestion(ctx.tenantId, id);
  else await blobs.remove(prepared.blobKey);
  return viewFrom(row, box);
}

function prepare(ctx: RequestContext, box: TenantVault, upload: Upload): Prepared {
  const id = newId('document');
  const filename = checkedFilename(upload.filename);
  return {
    id,
    filename,
    title: upload.title === undefined ? titleFromFilename(filename) : checkedTitle(upload.title),
    format: detectFormat(filename, upload.mediaType, upload.bytes.subarray(0, headBytes)),
    sizeBytes: upload.bytes.length,
    contentHash: box.digest('document-content', upload.bytes),
    blobKey: blobKey({ tenantId: ctx.tenantId, documentId: id, version }),
  };
}

/** Where an upload goes, and the document that is there already with the same bytes and labels. */
async function place(tx: TenantTx, ctx: RequestContext, upload: Upload, contentHash: Uint8Array) {
  const named = upload.collection ?? defaultCollectionName;
  const collection = await reachableCollection(tx, ctx.principal, 'documents:write', named, 'body');
  const classification = upload.classification ?? collection.defaultClassification;
  assertClearance(ctx, classification);
  const [known] = await tx
    .select()
    .from(documents)
    .where(
      and(
        eq(documents.collectionId, collection.id),
        eq(documents.contentHash, contentHash),
        eq(documents.classification, classification),
        ne(documents.status, 'failed'),
      ),
    )
    .limit(1);
  return { collectionId: collection.id, classification, known };
}

/** Stores the rows of a document, or gives back the one that another upload of the same bytes stored meanwhile. */
async function store(
  tx: TenantTx,
  audit: AuditLog,
  ctx: RequestContext,
  box: TenantVault,
  upload: Upload,
  prepared: Prepared,
): Promise<DocumentRow> {
  const { id, title, filename, format, sizeBytes, contentHash } = prepared;
  const { tenantId } = ctx;
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${Buffer.from(contentHash).toString('hex')}, 0))`);
  const { collectionId, classification, known } = await place(tx, ctx, upload, contentHash);
  if (known !== undefined) return known;
  const [row] = await tx
    .insert(documents)
    .values({
      tenantId,
      id,
      collectionId,
      classification,
      titleSealed: box.seal(documentCell(id, 'title'), title, classification),
      filenameSealed: box.seal(documentCell(id, 'filename'), filename, classification),
      format,
      mediaType: mediaTypes[format],
      sizeBytes,
      contentHash,
      createdBy: ctx.principal.userId,
    })
    .returning();
  if (row === undefined) throw new Error('An inserted row is returned.');
  await tx.insert(documentVersions).values({ tenantId, documentId: id, version, blobKey: prepared.blobKey });
  await audit.append(tx, box, {
    action: 'document.uploaded',
    outcome: 'success',
    actor: actorOf(ctx),
    resource: { kind: 'document', id },
    requestId: ctx.requestId,
    details: { collection_id: collectionId, classification, format, size_bytes: sizeBytes },
  });
  return row;
}

function assertSize(bytes: Uint8Array, bytesMax: number): void {
  if (bytes.length === 0) throw new AppError('document_empty', { detail: 'The file has no bytes.' });
  if (bytes.length > bytesMax) {
    throw new AppError('body_too_large', {
      detail: `The file has ${bytes.length} bytes; UPLOAD_BYTES_MAX is ${bytesMax}.`,
    });
  }
}
