/** Documents and collections as the rules of access/ see them, for whoever asks what somebody else may do to them. */

import { and, eq } from 'drizzle-orm';
import type { Reader, Resource } from '../access/index.ts';
import type { Classification, RequestContext } from '../context.ts';
import { type Database, isId, type TenantTx } from '../db/index.ts';
import { AppError } from '../errors.ts';
import { grantsOf } from './grants.ts';
import { collections } from './tables.ts';
import { isReachableCollection, reachableDocument } from './visibility.ts';

/** A document or a collection, by its id. */
export interface NamedResource {
  readonly kind: 'document' | 'collection';
  readonly id: string;
}

/** Makes the look-up. The function it returns throws resource_not_found for what the caller may not read themselves. */
export function createResourceLookup(database: Database) {
  return async function resource(ctx: RequestContext, { kind, id }: NamedResource): Promise<Resource> {
    if (!isId(kind, id)) throw new AppError('resource_not_found');
    return database.withTenant(ctx, async (tx) => {
      const { tenantId } = ctx;
      if (kind === 'collection')
        return { kind, tenantId, readers: await readersOf(tx, await collectionId(tx, ctx, id)) };
      const document = await reachableDocument(tx, ctx.principal, 'documents:read', id);
      const classification: Classification = document.classification;
      return { kind, tenantId, classification, readers: await readersOf(tx, document.collectionId) };
    });
  };
}

async function collectionId(tx: TenantTx, { principal }: RequestContext, id: string): Promise<string> {
  const isAsked = and(eq(collections.id, id), isReachableCollection(principal, 'collections:read'));
  const [row] = await tx.select({ id: collections.id }).from(collections).where(isAsked);
  if (row === undefined) throw new AppError('resource_not_found');
  return row.id;
}

async function readersOf(tx: TenantTx, id: string): Promise<readonly Reader[]> {
  const grants = (await grantsOf(tx, [id])).get(id) ?? [];
  return grants.map((grant): Reader => `${grant.kind}:${grant.id ?? ''}`);
}
