/**
 * Collections and who may read them.
 *
 * A collection without grants is readable by the tenant's admins only. Every change is audited in its transaction. A
 * collection that is not granted to the caller is answered like one that does not exist.
 */

import { and, asc, eq } from 'drizzle-orm';
import { can } from '../access/index.ts';
import { type AuditEvent, type AuditLog, actorOf } from '../audit/index.ts';
import type { Classification, RequestContext, TenantScope } from '../context.ts';
import { type Database, newId, type TenantTx } from '../db/index.ts';
import { AppError } from '../errors.ts';
import type { Vault } from '../vault/index.ts';
import { everyone, type Grant, grantsOf, insertGrants, replaceGrants } from './grants.ts';
import { checkedCollectionName } from './input.ts';
import { collections, documents } from './tables.ts';
import { type CollectionRow, isReachableCollection } from './visibility.ts';

/** A collection as its readers see it. */
export interface CollectionView {
  readonly id: string;
  readonly name: string;
  /** What an upload that names no classification gets. */
  readonly defaultClassification: Classification;
  /** Null for callers who could not change them. */
  readonly grants: readonly Grant[] | null;
  readonly createdBy: string;
  readonly createdAt: Date;
}

/** A collection to be made. */
export interface NewCollection {
  readonly name: string;
  /** `internal` when left out. */
  readonly defaultClassification?: Classification;
  /** The caller alone when left out. */
  readonly grants?: readonly Grant[];
}

/** The collections of tenants. */
export interface Collections {
  /** The collections that the caller may read, by name. */
  readonly listCollections: (ctx: RequestContext) => Promise<readonly CollectionView[]>;
  /** @throws {AppError} state_conflict when the name is taken, request_invalid naming a bad field. */
  readonly createCollection: (ctx: RequestContext, input: NewCollection) => Promise<CollectionView>;
  /** Replaces all grants. @throws {AppError} resource_not_found, request_invalid. */
  readonly setGrants: (ctx: RequestContext, id: string, grants: readonly Grant[]) => Promise<CollectionView>;
  /** Removes an empty collection. @throws {AppError} resource_not_found, state_conflict when it holds documents. */
  readonly removeCollection: (ctx: RequestContext, id: string) => Promise<void>;
  /** Makes the collection `general`, granted to everyone, unless there is one; for new tenants. */
  readonly ensureDefaultCollection: (scope: TenantScope) => Promise<void>;
}

/** What collections need. */
export interface CollectionsOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
}

/** The collection of uploads that name none. */
export const defaultCollectionName = 'general';

/** Makes the collections. */
export function createCollections({ database, vault, audit }: CollectionsOptions): Collections {
  async function change<T>(ctx: RequestContext, fn: (tx: TenantTx, record: Recorder) => Promise<T>): Promise<T> {
    const box = await vault.forTenant(ctx);
    return database.withTenant(ctx, (tx) =>
      fn(tx, (action, id, details) =>
        audit.append(tx, box, {
          action,
          outcome: 'success',
          actor: actorOf(ctx),
          resource: { kind: 'collection', id },
          requestId: ctx.requestId,
          details,
        }),
      ),
    );
  }

  return {
    listCollections: (ctx) =>
      database.withTenant(ctx, async (tx) => {
        const rows = await tx
          .select()
          .from(collections)
          .where(isReachableCollection(ctx.principal, 'collections:read'))
          .orderBy(asc(collections.name));
        return viewsOf(tx, ctx, rows);
      }),

    createCollection: (ctx, input) =>
      change(ctx, async (tx, record) => {
        const name = checkedCollectionName(input.name);
        const { userId } = ctx.principal;
        const { defaultClassification = 'internal', grants = [{ kind: 'user', id: userId }] } = input;
        const row = { tenantId: ctx.tenantId, id: newId('collection'), name, defaultClassification, createdBy: userId };
        const [made] = await tx.insert(collections).values(row).onConflictDoNothing().returning();
        // Names are unique in the tenant, so this does tell that one exists which the caller may not read.
        if (made === undefined)
          throw new AppError('state_conflict', { detail: `There is a collection "${name}" already.` });
        await replaceGrants(tx, ctx, made.id, grants);
        await record('collection.created', made.id, {
          default_classification: defaultClassification,
          grants: grants.map(({ kind, id }) => ({ kind, id })),
        });
        return viewOf(tx, ctx, made);
      }),

    setGrants: (ctx, id, grants) =>
      change(ctx, async (tx, record) => {
        const row = await lockedCollection(tx, ctx, id);
        await replaceGrants(tx, ctx, id, grants);
        await record('collection.grants_changed', id, { grants: grants.map(({ kind, id }) => ({ kind, id })) });
        return viewOf(tx, ctx, row);
      }),

    removeCollection: (ctx, id) =>
      change(ctx, async (tx, record) => {
        await lockedCollection(tx, ctx, id);
        const [document] = await tx
          .select({ id: documents.id })
          .from(documents)
          .where(eq(documents.collectionId, id))
          .limit(1);
        if (document !== undefined) {
          const detail =
            'The collection holds documents, perhaps some above your clearance. Move or delete them first.';
          throw new AppError('state_conflict', { detail });
        }
        await tx.delete(collections).where(eq(collections.id, id));
        await record('collection.deleted', id, {});
      }),

    async ensureDefaultCollection(scope) {
      await database.withTenant(scope, async (tx) => {
        const labels = { name: defaultCollectionName, defaultClassification: 'internal' } as const;
        const row = { tenantId: scope.tenantId, id: newId('collection'), ...labels, createdBy: 'system' };
        const [made] = await tx.insert(collections).values(row).onConflictDoNothing().returning();
        if (made !== undefined) await insertGrants(tx, scope, made.id, [everyone]);
      });
    },
  };
}

type Recorder = (action: string, id: string, details: NonNullable<AuditEvent['details']>) => Promise<void>;

/** Locks a collection that the caller may change. */
async function lockedCollection(tx: TenantTx, ctx: RequestContext, id: string): Promise<CollectionRow> {
  const [row] = await tx
    .select()
    .from(collections)
    .where(and(eq(collections.id, id), isReachableCollection(ctx.principal, 'collections:write')))
    .for('update');
  if (row === undefined) throw new AppError('resource_not_found');
  return row;
}

async function viewOf(tx: TenantTx, ctx: RequestContext, row: CollectionRow): Promise<CollectionView> {
  const [view] = await viewsOf(tx, ctx, [row]);
  if (view === undefined) throw new Error('One row makes one view.');
  return view;
}

async function viewsOf(tx: TenantTx, ctx: RequestContext, rows: readonly CollectionRow[]): Promise<CollectionView[]> {
  const showsGrants = can(ctx.principal, 'collections:write').allowed;
  const grants = showsGrants
    ? await grantsOf(
        tx,
        rows.map(({ id }) => id),
      )
    : undefined;
  return rows.map(({ id, name, defaultClassification, createdBy, createdAt }) => ({
    id,
    name,
    defaultClassification,
    grants: grants === undefined ? null : (grants.get(id) ?? []),
    createdBy,
    createdAt,
  }));
}
