/**
 * The port that turns text into vectors.
 *
 * Promises: one unit-norm vector per text, in the order of the texts, all of the profile's dimension. Vectors of two
 * profiles must never be compared: whoever stores a vector stores the profile id beside it.
 */

/** Identifies the vector space; any change that moves vectors (model, tokenizer, pooling) gets a new id. */
export interface EmbedderProfile {
  /** Name and version, for example `use-lite@1`. */
  readonly id: string;
  /** Length of every vector. */
  readonly dimensions: number;
}

/** A source of vectors with a lifetime. Every implementation passes `embedder.conformance.ts`. */
export interface Embedder {
  readonly profile: EmbedderProfile;

  /**
   * Embeds each text on its own: the vector of a text does not depend on the other texts of the call. A blank text gets
   * a fixed vector without meaning, still of norm one, so that a cosine is never undefined.
   *
   * @throws the reason of `signal` when it aborts; the work that is left is dropped.
   * @throws {AppError} `dependency_unavailable` when the model failed, is overloaded, took too long, or was closed.
   * @throws {AppError} `request_invalid` when a text is longer than the embedder takes.
   */
  embed(texts: readonly string[], signal: AbortSignal): Promise<Float32Array[]>;

  /** Fails what is pending and frees the model; calling it again does nothing. */
  close(): Promise<void>;
}
