/**
 * Break-glass access: how an operator of the platform looks into one tenant when there is no other way.
 *
 * It is for a stated reason and a short time, it only reads, and the tenant sees it: opening, every single request and the
 * end stand in the tenant's own audit log, and admins of the tenant end it with one call. Tenants of the tiers that the
 * settings name have to consent first.
 */

import { and, desc, eq, isNull, lt, lte } from 'drizzle-orm';
import { actorOf } from '../../audit/index.ts';
import type { RequestContext } from '../../context.ts';
import { isId } from '../../db/index.ts';
import type { TenantVault } from '../../vault/index.ts';
import { assertMay, type OperatorScope } from '../acting.ts';
import { assertCursor, type Page, type PageRequest, pageFrom } from '../input.ts';
import { notFound } from '../refusals.ts';
import { breakGlassAccesses } from '../tables.ts';
import { reasonCell } from './access-rows.ts';
import { type Ender, endAccesses } from './ending.ts';
import { type BreakGlassOptions, type BreakGlassView, createOpening } from './opening.ts';

/** A request that was made with an access. */
export interface BreakGlassUse {
  readonly operation: string;
  readonly isDenied: boolean;
  /** The id in its path. */
  readonly resourceId?: string;
}

/** Expired accesses that are written off in one turn. */
const expiredMax = 100;

/** Makes break-glass access. */
export function createBreakGlass(options: BreakGlassOptions) {
  const { database, vault, audit, now } = options;
  const at = () => new Date(now());

  return {
    open: createOpening(options),

    /** All accesses to the caller's tenant, newest first. @throws {AppError} permission_denied. */
    async list(ctx: RequestContext, { limit, cursor }: PageRequest): Promise<Page<BreakGlassView>> {
      assertMay(ctx, 'break_glass:manage');
      assertCursor('breakGlass', cursor);
      const tenantVault = await vault.forTenant(ctx);
      const isOlder = cursor === undefined ? undefined : lt(breakGlassAccesses.id, cursor);
      const rows = await database.withTenant(ctx, (tx) =>
        tx
          .select()
          .from(breakGlassAccesses)
          .where(isOlder)
          .orderBy(desc(breakGlassAccesses.id))
          .limit(limit + 1),
      );
      const { data, nextCursor } = pageFrom(rows, limit);
      return { data: data.map((row) => viewOf(row, tenantVault)), nextCursor };
    },

    /** Ends an access at once, as an admin of the tenant. @throws {AppError} permission_denied, resource_not_found. */
    async end(ctx: RequestContext, id: string): Promise<void> {
      assertMay(ctx, 'break_glass:manage');
      await endOne(ctx, id, { acting: ctx, endedBy: ctx.principal.userId, at: at() });
    },

    /** Ends an access as an operator, whoever opened it. @throws {AppError} resource_not_found. */
    async endAsOperator(id: string, by: Pick<OperatorScope, 'actor' | 'requestId'>): Promise<void> {
      if (!isId('breakGlass', id)) throw notFound();
      const [row] = await database.asSystem('operators.access', (tx) =>
        tx
          .select({ tenantId: breakGlassAccesses.tenantId })
          .from(breakGlassAccesses)
          .where(eq(breakGlassAccesses.id, id)),
      );
      if (row === undefined) throw notFound();
      await endOne(row, id, { acting: { ...row, ...by }, endedBy: by.actor.id, at: at() });
    },

    /** Writes a request that was made with an access to the tenant's audit log. Nothing is answered before that. */
    async record(ctx: RequestContext, { operation, isDenied, resourceId }: BreakGlassUse): Promise<void> {
      const tenantVault = await vault.forTenant(ctx);
      const event = {
        action: 'break_glass.used',
        outcome: isDenied ? 'denied' : 'success',
        actor: actorOf(ctx),
        resource: { kind: 'break_glass', id: ctx.principal.credential.id },
        requestId: ctx.requestId,
        details: { operation, ...(resourceId === undefined ? {} : { resource_id: resourceId }) },
      } as const;
      await database.withTenant(ctx, (tx) => audit.append(tx, tenantVault, event));
    },

    /** Writes the end of accesses whose time is up into the audit logs; they stopped working by themselves. */
    async writeOffExpired(): Promise<void> {
      const isOver = and(isNull(breakGlassAccesses.endedAt), lte(breakGlassAccesses.expiresAt, at()));
      const expired = await database.asSystem('operators.access', (tx) =>
        tx
          .select({
            tenantId: breakGlassAccesses.tenantId,
            id: breakGlassAccesses.id,
            expiresAt: breakGlassAccesses.expiresAt,
          })
          .from(breakGlassAccesses)
          .where(isOver)
          .limit(expiredMax),
      );
      for (const { tenantId, id, expiresAt } of expired) {
        const acting = { tenantId, actor: { kind: 'system', id: 'identity' } } as const;
        const stores = { audit, vault: await vault.forTenant(acting) };
        const ender = { acting, endedBy: 'expiry', at: expiresAt };
        await database.withTenant(acting, (tx) => endAccesses(tx, stores, eq(breakGlassAccesses.id, id), ender));
      }
    },
  };

  async function endOne(scope: { tenantId: string }, id: string, ender: Ender): Promise<void> {
    if (!isId('breakGlass', id)) throw notFound();
    const stores = { audit, vault: await vault.forTenant(scope) };
    const ended = await database.withTenant(scope, (tx) =>
      endAccesses(tx, stores, eq(breakGlassAccesses.id, id), ender),
    );
    if (ended.length === 0) throw notFound();
  }
}

/** Break-glass access of a platform. */
export type BreakGlass = ReturnType<typeof createBreakGlass>;

function viewOf(row: typeof breakGlassAccesses.$inferSelect, tenantVault: TenantVault): BreakGlassView {
  const { id, operatorId, clearance, openedAt, expiresAt, endedAt, endedBy } = row;
  const reason = tenantVault.open(reasonCell(id), row.reasonSealed);
  return { id, operatorId, reason, clearance, openedAt, expiresAt, endedAt, endedBy };
}
