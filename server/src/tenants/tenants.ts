/**
 * The tenants of the platform: made, listed, renamed, suspended and deleted by operators.
 *
 * A tenant sees its own row and nothing else. Every change is in the tenant's own audit log, in the same transaction.
 * Suspending or deleting takes effect with the next request, since authentication reads the status every time.
 */

import { asc, eq, gt } from 'drizzle-orm';
import type { AuditActor, AuditEvent, AuditLog } from '../audit/index.ts';
import type { TenantScope, TenantTier } from '../context.ts';
import { type Database, isId, newId, type SystemTx } from '../db/index.ts';
import { AppError } from '../errors.ts';
import type { Vault } from '../vault/index.ts';
import { checkedNewTenant, checkedTenantChange, isSlug, type NewTenant, type TenantChange } from './input.ts';
import { type TenantStatus, tenants } from './tables.ts';

/** A tenant as operators and its own users see it. */
export interface TenantView {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly tier: TenantTier;
  readonly status: TenantStatus;
  readonly region: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Who acts, and in which request. */
export interface TenantActor {
  readonly actor: AuditActor;
  readonly requestId?: string;
}

/** The tenants. Callers of everything but `get` have checked that an operator acts. */
export interface Tenants {
  /** @throws {AppError} state_conflict when the slug is taken, request_invalid naming a bad field. */
  readonly create: (input: NewTenant, by: TenantActor) => Promise<TenantView>;
  /** Oldest first; `cursor` is what the page before returned. */
  readonly list: (page: {
    readonly limit: number;
    readonly cursor: string | undefined;
  }) => Promise<{ readonly data: readonly TenantView[]; readonly nextCursor: string | null }>;
  /** The tenant of an id or slug, whatever its status. */
  readonly find: (idOrSlug: string) => Promise<TenantView | undefined>;
  /** @throws {AppError} resource_not_found; state_conflict when the tenant is deleted. */
  readonly update: (id: string, change: TenantChange, by: TenantActor) => Promise<TenantView>;
  /** The caller's own tenant. */
  readonly get: (scope: TenantScope) => Promise<TenantView>;
}

/** What the tenants need. */
export interface TenantsOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
}

const columns = {
  id: tenants.tenantId,
  slug: tenants.slug,
  name: tenants.name,
  tier: tenants.tier,
  status: tenants.status,
  region: tenants.region,
  createdAt: tenants.createdAt,
  updatedAt: tenants.updatedAt,
};

/** Makes the tenants. */
export function createTenants({ database, vault, audit }: TenantsOptions): Tenants {
  const administer = <T>(fn: (tx: SystemTx) => Promise<T>) => database.asSystem('tenants.administer', fn);

  async function find(idOrSlug: string): Promise<TenantView | undefined> {
    if (!isId('tenant', idOrSlug) && !isSlug(idOrSlug)) return undefined;
    const key = isId('tenant', idOrSlug) ? tenants.tenantId : tenants.slug;
    const [row] = await administer((tx) => tx.select(columns).from(tenants).where(eq(key, idOrSlug)));
    return row;
  }

  return {
    async create(input, by) {
      const { slug, name, tier, region } = checkedNewTenant(input);
      const slugTaken = new AppError('state_conflict', { detail: `There is a tenant "${slug}" already.` });
      if ((await find(slug)) !== undefined) throw slugTaken;
      const tenantId = newId('tenant');
      const tenantVault = await vault.forTenant({ tenantId });
      return administer(async (tx) => {
        const [row] = await tx
          .insert(tenants)
          .values({ tenantId, slug, name, tier, region })
          .onConflictDoNothing()
          .returning(columns);
        if (row === undefined) throw slugTaken;
        await audit.append(tx, tenantVault, tenantEvent('tenant.created', tenantId, by, { slug, tier, region }));
        return row;
      });
    },

    async list({ limit, cursor }) {
      if (cursor !== undefined && !isId('tenant', cursor)) {
        const errors = [
          { location: 'query', pointer: '/cursor', message: 'Send the cursor that the page before returned.' },
        ] as const;
        throw new AppError('request_invalid', { errors });
      }
      const isLater = cursor === undefined ? undefined : gt(tenants.tenantId, cursor);
      const rows = await administer((tx) =>
        tx
          .select(columns)
          .from(tenants)
          .where(isLater)
          .orderBy(asc(tenants.tenantId))
          .limit(limit + 1),
      );
      const data = rows.slice(0, limit);
      return { data, nextCursor: rows.length > limit ? (data.at(-1)?.id ?? null) : null };
    },

    find,

    async update(id, input, by) {
      const change = checkedTenantChange(input);
      if ((await find(id))?.id !== id) throw new AppError('resource_not_found');
      const tenantVault = await vault.forTenant({ tenantId: id });
      return administer(async (tx) => {
        const [before] = await tx.select(columns).from(tenants).where(eq(tenants.tenantId, id)).for('no key update');
        if (before === undefined) throw new AppError('resource_not_found');
        if (before.status === 'deleted')
          throw new AppError('state_conflict', { detail: 'The tenant is deleted; that is final.' });
        const [after] = await tx
          .update(tenants)
          .set({ ...change, updatedAt: new Date() })
          .where(eq(tenants.tenantId, id))
          .returning(columns);
        if (after === undefined) throw new Error('A locked row must not vanish.');
        const { tier, status } = after;
        await audit.append(
          tx,
          tenantVault,
          tenantEvent('tenant.updated', id, by, { changed: Object.keys(change), tier, status }),
        );
        return after;
      });
    },

    async get(scope) {
      const [row] = await database.withTenant(scope, (tx) => tx.select(columns).from(tenants));
      if (row === undefined) throw new AppError('resource_not_found');
      return row;
    },
  };
}

function tenantEvent(
  action: string,
  id: string,
  by: TenantActor,
  details: NonNullable<AuditEvent['details']>,
): AuditEvent {
  const { actor, requestId } = by;
  const event: AuditEvent = { action, outcome: 'success', actor, resource: { kind: 'tenant', id }, details };
  return requestId === undefined ? event : { ...event, requestId };
}
