/**
 * Notices when somebody names an id of another tenant.
 *
 * The answer is the same as for an id that never existed, and is sent before this looks; only operators learn of it.
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
  apiKey: sql`genai.api_keys`,
} as const;

type Kind = keyof typeof tables;

/** Makes a function that records a security event when an id, which the caller was told does not exist, is another tenant's. */
export function createForeignIdWatch(
  database: Database,
  audit: Pick<AuditLog, 'recordSecurityEvent'>,
): (ctx: RequestContext, id: string) => Promise<void> {
  return async function watch({ tenantId, requestId, principal }, id) {
    const kind = (Object.keys(tables) as Kind[]).find((name) => isId(name, id));
    if (kind === undefined) return;
    const { rows } = await database.asSystem('audit.security', (tx) =>
      tx.execute<{ tenant_id: string }>(sql`select tenant_id from ${tables[kind]} where id = ${id}`),
    );
    const owner = rows[0]?.tenant_id;
    if (owner === undefined || owner === tenantId) return;
    await audit.recordSecurityEvent({
      tenantId,
      kind: 'foreign_id.named',
      severity: 'medium',
      requestId,
      userId: principal.userId,
      details: { kind, id, owner },
    });
  };
}
