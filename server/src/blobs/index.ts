/** The bytes of documents, sealed before they get here. */

export { type BlobEntry, type Blobs, blobKey, blobNameOf } from './blobs.ts';
export { createFileBlobs } from './file-blobs.ts';
