/**
 * Notices when somebody names an id of another tenant.
 *
 * The answer is the same as for an id that never existed, and so is the work done for it: ids are remembered, and looked
 * up together some time later, so that neither this answer nor the next one takes longer for a foreign id.
 */

import { sql } from 'drizzle-orm';
import type { RequestContext } from '../context.ts';
import { type Database, isId } from '../db/index.ts';
import type { AuditLog } from './audit-log.ts';

/** Where ids of each kind stand. */
const tables = {
  document: sql`genai.documents`,
  collection: sql`genai.collections`,
  user: sql`genai.users`,
  team: sql`genai.teams`,
  apiKey: sql`genai.api_keys`,
  breakGlass: sql`genai.break_glass_accesses`,
} as const;

type Kind = keyof typeof tables;

/** Ids that are remembered at most; who names more between two looks is noticed for these. */
const noticedMax = 10_000;

/** An id that somebody was told does not exist. */
interface Noticed {
  readonly ctx: Pick<RequestContext, 'tenantId' | 'requestId' | 'principal'>;
  readonly kind: Kind;
  readonly id: string;
}

/** The watch. */
export interface ForeignIdWatch {
  /** Remembers an id that the caller was told does not exist. Does the same for every id, and no more than that. */
  readonly notice: (ctx: Noticed['ctx'], id: string) => void;
  /** Records a security event for each remembered id that is another tenant's, and forgets them all. */
  readonly look: () => Promise<void>;
}

/** Makes the watch; `look` is to be called every now and then. */
export function createForeignIdWatch(database: Database, audit: Pick<AuditLog, 'recordSecurityEvent'>): ForeignIdWatch {
  let noticed: Noticed[] = [];

  async function ownersOf(kind: Kind, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    if (ids.length === 0) return new Map();
    const { rows } = await database.asSystem('audit.security', (tx) =>
      tx.execute<{ id: string; tenant_id: string }>(
        sql`select id, tenant_id from ${tables[kind]} where id = any(${sql.param(ids)}::text[])`,
      ),
    );
    return new Map(rows.map((row) => [row.id, row.tenant_id]));
  }

  return {
    notice({ tenantId, requestId, principal }, id) {
      const kind = (Object.keys(tables) as Kind[]).find((name) => isId(name, id));
      if (kind !== undefined && noticed.length < noticedMax)
        noticed.push({ ctx: { tenantId, requestId, principal }, kind, id });
    },

    async look() {
      const batch = noticed;
      noticed = [];
      for (const [kind, items] of Map.groupBy(batch, (item) => item.kind)) {
        const owners = await ownersOf(kind, [...new Set(items.map(({ id }) => id))]);
        for (const { ctx, id } of items) {
          const owner = owners.get(id);
          if (owner === undefined || owner === ctx.tenantId) continue;
          await audit.recordSecurityEvent({
            tenantId: ctx.tenantId,
            kind: 'foreign_id.named',
            severity: 'medium',
            requestId: ctx.requestId,
            userId: ctx.principal.userId,
            details: { kind, id, owner },
          });
        }
      }
    },
  };
}
