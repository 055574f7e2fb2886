/** Documents, collections and who may see them; parsing and chunking; the states of ingestion. */

export type { DocumentChange } from './change.ts';
export { type Chunk, chunkDocument } from './chunk.ts';
export type { CollectionView, NewCollection } from './collections.ts';
export { blobCell, type DocumentView } from './document-view.ts';
export { createDocuments, type Documents } from './documents.ts';
export type { Grant } from './grants.ts';
export {
  beginAttempt,
  endAttempt,
  finishIndexing,
  giveAttemptBack,
  type IndexedContent,
  type IngestionTask,
  recordProgress,
  unfinishedDocuments,
} from './ingestion.ts';
export { collectOrphans } from './orphans.ts';
export { createParser, type Parser } from './parse.ts';
export type { DocumentFilter } from './reading.ts';
export { tenantSizes } from './sizes.ts';
export { type DocumentStatus, documentStatuses, type SubjectKind, subjectKinds } from './tables.ts';
export type { Upload } from './upload.ts';
