/** A document as its tenant sees it. */

import type { Classification } from '../context.ts';
import type { Cell, TenantVault } from '../vault/index.ts';
import type { DocumentStatus, documents } from './tables.ts';

/** A document without its text. */
export interface DocumentView {
  readonly id: string;
  readonly title: string;
  readonly filename: string;
  readonly collectionId: string;
  readonly classification: Classification;
  readonly format: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly version: number;
  readonly status: DocumentStatus;
  /** Share of the ingestion that is done, 0 to 100. */
  readonly progress: number;
  /** Attempts at ingestion so far. */
  readonly attempts: number;
  /** Why ingestion failed, or why it is being tried again. */
  readonly error: { readonly code: string; readonly detail: string } | null;
  readonly pageCount: number | null;
  readonly chunkCount: number | null;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** A document as stored. */
export type DocumentRow = typeof documents.$inferSelect;

/** Opens what the view shows. */
export function viewFrom(row: DocumentRow, box: TenantVault): DocumentView {
  const { id, collectionId, classification, format, mediaType, sizeBytes, version, status, progress, attempts } = row;
  const { errorCode, errorDetail, pageCount, chunkCount, createdBy, createdAt, updatedAt } = row;
  return {
    id,
    title: box.open(documentCell(id, 'title'), row.titleSealed),
    filename: box.open(documentCell(id, 'filename'), row.filenameSealed),
    collectionId,
    classification,
    format,
    mediaType,
    sizeBytes,
    version,
    status,
    progress,
    attempts,
    error: errorCode === null ? null : { code: errorCode, detail: errorDetail ?? '' },
    pageCount,
    chunkCount,
    createdBy,
    createdAt,
    updatedAt,
  };
}

/** The cell of a sealed column of `documents`. */
export function documentCell(documentId: string, column: 'title' | 'filename'): Cell {
  return { table: 'documents', rowId: documentId, column };
}

/** The cell of the text of a version. */
export function textCell(documentId: string, version: number): Cell {
  return { table: 'document_versions', rowId: `${documentId}/${version}`, column: 'text' };
}

/** The cell of the bytes of a version; blobs are a table of their own to the vault. */
export function blobCell(documentId: string, version: number): Cell {
  return { table: 'blobs', rowId: `${documentId}/${version}`, column: 'bytes' };
}
