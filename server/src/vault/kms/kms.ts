/** The port to whatever keeps the key encryption key: a file here, a cloud key service in production. */
export interface Kms {
  /** Names the key encryption key, for example `local:3f9a…`; stored beside every wrapped key. */
  readonly keyId: string;
  /** Encrypts a data key. `context` is bound to the result and must be given again to unwrap. */
  readonly wrapKey: (dataKey: Uint8Array, context: Uint8Array) => Promise<Uint8Array>;
  /** Decrypts a wrapped data key; throws when it was wrapped by another key, for another context, or was altered. */
  readonly unwrapKey: (wrappedKey: Uint8Array, context: Uint8Array) => Promise<Uint8Array>;
}
