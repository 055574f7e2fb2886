/**
 * Finds the passages for a question that the asker may see, by words and by meaning.
 *
 * What is visible is decided inside the transaction that searches, so a revoked grant counts from the next question on.
 */

import type { Database } from '../db/index.ts';
import type { Documents } from '../documents/index.ts';
import type { Embedder } from '../llm/index.ts';
import type { SearchIndex } from '../search/index.ts';
import type { Vault } from '../vault/index.ts';
import type { Retrieve } from './answer.ts';

/** What retrieval needs. */
export interface RetrieveDeps {
  readonly database: Database;
  readonly vault: Vault;
  readonly documents: Pick<Documents, 'visibility' | 'titles'>;
  readonly search: SearchIndex;
  readonly embedder: Embedder;
  /** Passages that each search arm contributes. */
  readonly candidates: number;
}

/** Makes the step of a question that retrieves. */
export function createRetrieve({ database, vault, documents, search, embedder, candidates }: RetrieveDeps): Retrieve {
  return async function retrieve(ctx, { question, collections, limit }) {
    const [questionVector] = await embedder.embed([question], ctx.signal);
    const box = await vault.forTenant(ctx);
    return database.withTenant(ctx, async (tx) => {
      const visible = await documents.visibility(tx, ctx.principal, collections);
      const found = await search.search(tx, box, { question, questionVector, visible, limit, candidates });
      const titles = await documents.titles(
        tx,
        box,
        found.map(({ documentId }) => documentId),
      );
      return found.map((passage) => ({ ...passage, title: titles.get(passage.documentId) ?? '' }));
    });
  };
}
