/** How large tenants are, for those who place what belongs to them. */

import { and, eq, gte, ne, sql } from 'drizzle-orm';
import type { Database } from '../db/index.ts';
import type { TenantSize } from '../search/index.ts';
import { documents } from './tables.ts';

/** The tenants with at least so many passages that can have vectors. */
export async function tenantSizes(database: Database, passagesMin: number): Promise<readonly TenantSize[]> {
  const passages = sql<number>`sum(${documents.chunkCount})::int`;
  return database.asSystem('search.placement', (tx) =>
    tx
      .select({ tenantId: documents.tenantId, passages })
      .from(documents)
      .where(and(eq(documents.status, 'indexed'), ne(documents.classification, 'restricted')))
      .groupBy(documents.tenantId)
      .having(gte(passages, passagesMin)),
  );
}
