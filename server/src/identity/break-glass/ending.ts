/** The end of break-glass accesses: by the tenant, by the operators, or because their time is up. */

import { and, isNull, type SQL } from 'drizzle-orm';
import type { AuditLog } from '../../audit/index.ts';
import type { TenantTx } from '../../db/index.ts';
import type { TenantVault } from '../../vault/index.ts';
import { type Acting, changeEvent } from '../acting.ts';
import { breakGlassAccesses } from '../tables.ts';

/** Who or what ends. */
export interface Ender {
  readonly acting: Acting;
  /** A user, an operator, or `expiry`. */
  readonly endedBy: string;
  readonly at: Date;
}

/** Ends those accesses of a tenant that fit and have not ended, each with its line in the tenant's audit log. */
export async function endAccesses(
  tx: TenantTx,
  { audit, vault }: { readonly audit: AuditLog; readonly vault: TenantVault },
  which: SQL | undefined,
  { acting, endedBy, at }: Ender,
): Promise<readonly { readonly id: string }[]> {
  const ended = await tx
    .update(breakGlassAccesses)
    .set({ endedAt: at, endedBy })
    .where(and(isNull(breakGlassAccesses.endedAt), which))
    .returning({ id: breakGlassAccesses.id });
  const events = ended.map(({ id }) => ({
    vault,
    event: changeEvent(acting, 'break_glass.ended', { kind: 'break_glass', id }, { details: { ended_by: endedBy } }),
  }));
  if (events.length > 0) await audit.appendAll(tx, events);
  return ended;
}
