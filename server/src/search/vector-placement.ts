/**
 * Where a tenant's vectors stand: few are read one by one, many get an index of their own.
 *
 * No two tenants share an index of vectors. In a shared one, what others have near a question makes a search slower and
 * pushes results out of it: measured with pgvector 0.8.7, a tenant of 200 vectors beside one of 8,000 found 0 of 10, or
 * 10 of 10 in 28 times the time. The check of the catalogue refuses such an index.
 */

import { sql } from 'drizzle-orm';
import { asOwner, type Database, type OwnerLogin, type SystemTx } from '../db/index.ts';

/** Tenant ids are made by us; nothing else is ever written into a statement. */
const tenantIdPattern = /^[a-z0-9_]{3,48}$/;
const indexPrefix = 'chunks_vectors_';

/** A tenant and how many passages it has that can have vectors. */
export interface TenantSize {
  readonly tenantId: string;
  readonly passages: number;
}

/** What is to be done. */
export interface PlacementPlan {
  /** Tenants that get an index. */
  readonly build: readonly string[];
  /** Tenants that lose theirs. */
  readonly drop: readonly string[];
}

/**
 * Decides who gets an index and who loses it: from `indexFrom` passages on, and below half of that, so that a tenant at
 * the border does not go back and forth.
 * @param sizes of all tenants with at least half of `indexFrom` passages; others may be left out.
 * @param indexed tenants that have an index.
 */
export function placementPlan(
  sizes: readonly TenantSize[],
  indexed: ReadonlySet<string>,
  indexFrom: number,
): PlacementPlan {
  const passagesOf = new Map(sizes.map(({ tenantId, passages }) => [tenantId, passages]));
  return {
    build: sizes
      .filter(({ tenantId, passages }) => passages >= indexFrom && !indexed.has(tenantId))
      .map(({ tenantId }) => tenantId),
    drop: [...indexed].filter((tenantId) => (passagesOf.get(tenantId) ?? 0) < indexFrom / 2),
  };
}

/**
 * Brings the indexes in line with the sizes; building one takes minutes and holds up nobody.
 * @returns what was done; `undefined` when another process is at it.
 */
export async function placeVectors(
  database: Database,
  owner: OwnerLogin,
  sizes: readonly TenantSize[],
  indexFrom: number,
): Promise<PlacementPlan | undefined> {
  return asOwner(owner, async ({ run }) => {
    const plan = placementPlan(sizes, await database.asSystem('search.placement', indexedTenants), indexFrom);
    for (const statement of [...plan.drop.map(dropStatement), ...plan.build.flatMap(buildStatements)]) {
      await run(statement);
    }
    return plan;
  });
}

/** The statements that build a tenant's index beside traffic; one that broke off before is in the way. */
function buildStatements(tenantId: string): readonly string[] {
  return [
    dropStatement(tenantId),
    `create index concurrently ${indexName(tenantId)} on genai.chunks using hnsw (embedding vector_cosine_ops)
      where tenant_id = '${checked(tenantId)}' and embedding is not null`,
  ];
}

/** The statement that drops a tenant's index beside traffic. */
function dropStatement(tenantId: string): string {
  return `drop index concurrently if exists genai.${indexName(tenantId)}`;
}

/** The tenants whose index is complete. */
async function indexedTenants(tx: SystemTx): Promise<ReadonlySet<string>> {
  const { rows } = await tx.execute<{ name: string }>(sql`
    select c.relname as name from pg_index i
      join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'genai' and i.indisvalid and starts_with(c.relname, ${indexPrefix})`);
  return new Set(rows.map(({ name }) => name.slice(indexPrefix.length)));
}

/**
 * The condition that lets the planner use the tenant's own index. Row-level security says the same, but by a function call,
 * from which no planner concludes that a partial index holds every row.
 */
export function ofTenant(tenantId: string) {
  return sql.raw(`tenant_id = '${checked(tenantId)}'`);
}

function indexName(tenantId: string): string {
  return `${indexPrefix}${checked(tenantId)}`;
}

function checked(tenantId: string): string {
  if (!tenantIdPattern.test(tenantId)) throw new Error('This is no id of a tenant.');
  return tenantId;
}
