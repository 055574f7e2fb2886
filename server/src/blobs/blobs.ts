/**
 * The port that keeps the bytes of documents.
 *
 * Bytes arrive sealed by the vault, so whatever lies below sees ciphertext only. Every implementation passes
 * `blobs.conformance.ts`.
 */

/** One kept object, as `list` reports it. */
export interface BlobEntry {
  readonly key: string;
  /** Milliseconds since the epoch of the last `put`. */
  readonly modifiedAtMs: number;
}

/** A store of immutable objects, addressed by keys that `blobKey` makes. */
export interface Blobs {
  /** Keeps `bytes` under `key`, replacing what was there. When it resolves the bytes survive a power cut; when it rejects the key is as before. */
  readonly put: (key: string, bytes: Uint8Array) => Promise<void>;
  /** The bytes, or `undefined` when there are none. */
  readonly get: (key: string) => Promise<Uint8Array | undefined>;
  /** Removes the bytes; does nothing when there are none. */
  readonly remove: (key: string) => Promise<void>;
  /** Every key that was there when the listing began and still is, in no particular order. */
  readonly list: () => AsyncIterable<BlobEntry>;
}

/** What a key names. */
export interface BlobName {
  readonly tenantId: string;
  readonly documentId: string;
  readonly version: number;
}

const keyPattern = /^(?<tenantId>[a-z0-9_]{3,64})\/(?<documentId>[a-z0-9_]{3,64})\/(?<version>[1-9][0-9]{0,8})$/;

/** The key of one version of a document. */
export function blobKey({ tenantId, documentId, version }: BlobName): string {
  const key = `${tenantId}/${documentId}/${version}`;
  blobNameOf(key);
  return key;
}

/**
 * What a key names.
 * @throws Error when the text is no key, so that no other text ever becomes a path or an address.
 */
export function blobNameOf(key: string): BlobName {
  const { tenantId, documentId, version } = keyPattern.exec(key)?.groups ?? {};
  if (tenantId === undefined || documentId === undefined) throw new Error(`"${key}" is not a key of a blob.`);
  return { tenantId, documentId, version: Number(version) };
}
