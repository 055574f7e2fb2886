/** Sums of charges. Rows are charges and later corrections; a request counts once. */

import { and, eq, gte, lt, sql } from 'drizzle-orm';
import type { TenantTx } from '../db/index.ts';
import { usageEvents as charges } from './tables.ts';

/** Charges of a group. */
export interface UsageRow {
  /** The day (UTC), model or user that the row is about. */
  readonly key: string;
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly estimatedCostNano: bigint;
  readonly costNano: bigint;
}

/** What charges can be grouped by. */
export const usageGroupings = ['day', 'model', 'user'] as const;

/** What to sum up; `userId` limits it to one user. */
export interface UsageQuery {
  readonly from: Date;
  readonly to: Date;
  readonly groupBy: (typeof usageGroupings)[number];
  readonly userId?: string;
}

/** What the transaction's tenant was charged since a time, in nano-dollars. */
export async function sumSince(tx: TenantTx, since: Date): Promise<bigint> {
  const total = sql<string>`coalesce(sum(${charges.costNano}), 0)`;
  const [row] = await tx.select({ total }).from(charges).where(gte(charges.occurredAt, since));
  return BigInt(row?.total ?? 0);
}

/** Charges of the transaction's tenant by group, in the order of their keys. */
export async function sumByGroup(tx: TenantTx, { from, to, groupBy, userId }: UsageQuery): Promise<UsageRow[]> {
  const key = {
    day: sql<string>`to_char(${charges.occurredAt} at time zone 'UTC', 'YYYY-MM-DD')`,
    model: sql<string>`${charges.model}`,
    user: sql<string>`${charges.userId}`,
  }[groupBy];
  const rows = await tx
    .select({
      key,
      requests: sql<string>`count(*) filter (where ${charges.kind} = 'charge')`,
      inputTokens: sql<string>`sum(${charges.inputTokens})`,
      outputTokens: sql<string>`sum(${charges.outputTokens})`,
      estimatedCostNano: sql<string>`sum(${charges.estimatedCostNano})`,
      costNano: sql<string>`sum(${charges.costNano})`,
    })
    .from(charges)
    .where(
      and(
        gte(charges.occurredAt, from),
        lt(charges.occurredAt, to),
        userId === undefined ? undefined : eq(charges.userId, userId),
      ),
    )
    .groupBy(sql`1`)
    .orderBy(sql`1`);
  return rows.map((row) => ({
    key: row.key,
    requests: Number(row.requests),
    inputTokens: Number(row.inputTokens),
    outputTokens: Number(row.outputTokens),
    estimatedCostNano: BigInt(row.estimatedCostNano),
    costNano: BigInt(row.costNano),
  }));
}
