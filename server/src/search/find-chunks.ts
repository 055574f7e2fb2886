/**
 * The statement that finds passages: two arms, each over visible chunks only, fused by reciprocal rank.
 *
 * The arm of words reads the tenant's visible chunks exactly, and so does that of vectors unless the tenant has an index of
 * vectors of its own; that is then read on until enough visible chunks are found (see vector-placement.ts).
 */

import { type SQL, sql } from 'drizzle-orm';
import type { Classification } from '../context.ts';
import type { TenantTx } from '../db/index.ts';
import type { Visibility } from './search-index.ts';
import { chunks } from './tables.ts';
import { ofTenant } from './vector-placement.ts';

/** What to find. */
export interface FindRequest {
  readonly tenantId: string;
  /** A tsquery of blinded words; `undefined` leaves the arm of words out. */
  readonly words: string | undefined;
  /** `undefined` leaves the arm of vectors out. */
  readonly questionVector: Float32Array | undefined;
  readonly visible: Visibility;
  readonly limit: number;
  readonly candidates: number;
}

/** A chunk that was found, still sealed. */
export interface FoundRow {
  readonly documentId: string;
  readonly version: number;
  readonly position: number;
  readonly page: number | null;
  readonly start: number;
  readonly end: number;
  readonly classification: Classification;
  readonly headingPathSealed: Uint8Array;
  readonly textSealed: Uint8Array;
  readonly score: number;
  /** Cosine to the question; null without vectors on both sides. */
  readonly similarity: number | null;
}

/** Damps the weight of the first ranks; the constant of Cormack, Clarke and Büttcher (SIGIR 2009). */
const rankOffset = 60;

/** What names a chunk within its tenant. */
const place = sql`document_id, version, position`;

/** Makes a passage that is first in both arms score 1. */
const scoreMax = 2 / (rankOffset + 1);

/** The best visible chunks, best first; ties are broken by id, so that equal searches give equal answers. */
export async function findChunks(tx: TenantTx, request: FindRequest): Promise<FoundRow[]> {
  const arms = armsOf(request);
  if (arms.length === 0) return [];
  const { questionVector } = request;
  const similarity =
    questionVector === undefined ? sql`null` : sql`1 - (embedding <=> ${vectorParameter(questionVector)})`;
  const { rows } = await tx.execute<FoundRow & Record<string, unknown>>(sql`
    with fused as (
      select ${place}, sum(1.0 / (${rankOffset} + rank)) as score
      from (${sql.join(arms, sql` union all `)}) as arms
      group by ${place}
      order by score desc, ${place}
      limit ${request.limit}
    )
    select document_id as "documentId", version, position, page, start_offset as "start", end_offset as "end", classification,
      heading_path_sealed as "headingPathSealed", text_sealed as "textSealed", (score / ${scoreMax})::float8 as score,
      (${similarity})::float8 as similarity
    from fused join ${chunks} using (${place})
    order by score desc, ${place}`);
  return rows;
}

function armsOf({ tenantId, words, questionVector, visible, candidates }: FindRequest): SQL[] {
  const isVisible = sql`${ofTenant(tenantId)} and collection_id = any(${sql.param(visible.collectionIds)}::text[])
    and classification = any(${sql.param(visible.classifications)}::genai.classification_tier[])`;
  const arms: SQL[] = [];
  if (words !== undefined) {
    const negativeRank = sql`-ts_rank(lexemes, ${words}::tsquery)`;
    arms.push(armOf(negativeRank, sql`${isVisible} and lexemes @@ ${words}::tsquery`, sql`key, ${place}`, candidates));
  }
  if (questionVector !== undefined) {
    const distance = sql`embedding <=> ${vectorParameter(questionVector)}`;
    // By the distance alone: with anything beside it no index of vectors is used.
    arms.push(armOf(distance, sql`${isVisible} and embedding is not null`, sql`key`, candidates));
  }
  return arms;
}

/** The chunks with the smallest keys, and their ranks. */
function armOf(key: SQL, condition: SQL, order: SQL, candidates: number): SQL {
  return sql`(
    select ${place}, row_number() over (order by key, ${place}) as rank
    from (
      select ${place}, ${key} as key from ${chunks} where ${condition} order by ${order} limit ${candidates}
    ) as best)`;
}

function vectorParameter(vector: Float32Array): SQL {
  return sql`${sql.param(vector, chunks.embedding)}::vector`;
}
