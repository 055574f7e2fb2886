/**
 * The port of a passage index.
 *
 * A search sees only passages whose collection and classification the caller lists as visible: both are conditions of
 * every step that looks for candidates, so nothing invisible influences a result, its rank or their number.
 */

import type { Classification } from '../context.ts';
import type { TenantTx } from '../db/index.ts';
import type { TenantVault } from '../vault/index.ts';

/** The document that passages belong to, with the labels that decide who sees them. */
export interface IndexedDocument {
  readonly documentId: string;
  readonly version: number;
  readonly collectionId: string;
  readonly classification: Classification;
}

/** A passage to index. */
export interface IndexedChunk {
  /** 0 for the first passage of the document. */
  readonly position: number;
  readonly text: string;
  /** Place in the text of the document, in code points. */
  readonly start: number;
  readonly end: number;
  readonly page: number | null;
  readonly headingPath: readonly string[];
  /** From `wordsOf`. */
  readonly words: string;
  /** Must be null for a restricted document: a vector reveals its text. */
  readonly embedding: Float32Array | null;
}

/** What may be seen. */
export interface Visibility {
  readonly collectionIds: readonly string[];
  readonly classifications: readonly Classification[];
}

/** A search. */
export interface SearchRequest {
  readonly question: string;
  /** Vector of the question; `undefined` searches by words alone. */
  readonly questionVector: Float32Array | undefined;
  readonly visible: Visibility;
  /** Passages to return at most. */
  readonly limit: number;
  /** Passages that each arm (words, vectors) contributes at most; never less than `limit`. */
  readonly candidates: number;
}

/** A passage that was found. */
export interface FoundPassage {
  readonly documentId: string;
  readonly version: number;
  readonly position: number;
  readonly page: number | null;
  /** Place in the text of the document, in code points. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly headingPath: readonly string[];
  readonly classification: Classification;
  /**
   * Reciprocal rank fusion over both arms, scaled so that 1 means first in both and 0.5 first in one and absent from the
   * other (as restricted passages are from vectors). It orders passages of one search; it does not measure relevance.
   */
  readonly score: number;
  /** Cosine between passage and question, -1 to 1; `undefined` without vectors on both sides. */
  readonly similarity: number | undefined;
}

/** An index of passages. All functions work in the caller's transaction and see one tenant. */
export interface SearchIndex {
  /**
   * The words of each text in the blinded form that `replaceChunks` stores. The database stems them, so the texts travel
   * to it; they are kept nowhere.
   */
  readonly wordsOf: (tx: TenantTx, box: TenantVault, texts: readonly string[]) => Promise<string[]>;
  /** Makes these passages the only ones of the document. */
  readonly replaceChunks: (
    tx: TenantTx,
    box: TenantVault,
    document: IndexedDocument,
    passages: readonly IndexedChunk[],
  ) => Promise<void>;
  /**
   * Gives the passages of a document a classification: seals them anew as it demands, and forgets vectors that it forbids.
   * @returns whether the document now lacks vectors that it should have, so that it has to be indexed again.
   */
  readonly relabel: (
    tx: TenantTx,
    box: TenantVault,
    documentId: string,
    classification: Classification,
  ) => Promise<{ readonly lacksVectors: boolean }>;
  /** Moves the passages of a document to another collection. */
  readonly move: (tx: TenantTx, documentId: string, collectionId: string) => Promise<void>;
  /** The best passages that are visible, best first: exactly `limit` when so many match in either arm, else all that match. */
  readonly search: (tx: TenantTx, box: TenantVault, request: SearchRequest) => Promise<FoundPassage[]>;
  /** Resolves when the index can compare vectors; for health checks. */
  readonly check: (tx: TenantTx) => Promise<void>;
}
