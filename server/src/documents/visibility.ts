/**
 * Which documents a principal may see: those of collections granted to them, within their clearance.
 *
 * Both are conditions inside every statement that reads documents, never a filter on its result. Admins of the tenant
 * read every collection; clearance holds for them too.
 */

import { and, eq, inArray, or, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { can } from '../access/index.ts';
import { classificationsWithin, type Principal } from '../context.ts';
import type { TenantTx } from '../db/index.ts';
import { AppError } from '../errors.ts';
import type { Visibility } from '../search/index.ts';
import type { DocumentRow } from './document-view.ts';
import { type InputLocation, invalidField } from './input.ts';
import { collectionGrants, collections, documents } from './tables.ts';

/** A collection as stored. */
export type CollectionRow = typeof collections.$inferSelect;

/** The condition that a column holds the id of a collection which the principal may read. */
export function isReadable(principal: Principal, collectionId: PgColumn): SQL | undefined {
  if (can(principal, 'collections:read_all').allowed) return undefined;
  const { role, userId, teamIds } = principal;
  const { subjectKind, subjectId } = collectionGrants;
  const isSubject = or(
    eq(subjectKind, 'everyone'),
    and(eq(subjectKind, 'role'), eq(subjectId, role)),
    and(eq(subjectKind, 'user'), eq(subjectId, userId)),
    and(eq(subjectKind, 'team'), inArray(subjectId, [...teamIds])),
  );
  return sql`${collectionId} in (select ${collectionGrants.collectionId} from ${collectionGrants} where ${isSubject})`;
}

/** The condition that a document is visible to the principal. */
export function isVisible(principal: Principal): SQL | undefined {
  const isCleared = inArray(documents.classification, [...classificationsWithin(principal.clearance)]);
  return and(isCleared, isReadable(principal, documents.collectionId));
}

/**
 * A document that the principal may see, locked against changes when asked for.
 * @throws {AppError} resource_not_found.
 */
export async function visibleDocument(
  tx: TenantTx,
  principal: Principal,
  id: string,
  mode?: 'lock',
): Promise<DocumentRow> {
  const query = tx
    .select()
    .from(documents)
    .where(and(eq(documents.id, id), isVisible(principal)));
  const [row] = await (mode === 'lock' ? query.for('update') : query);
  if (row === undefined) throw new AppError('resource_not_found');
  return row;
}

/**
 * What a principal may search.
 * @param named ids or names of the collections to search; all readable ones when absent.
 * @throws {AppError} request_invalid naming the first that the principal may not read, or that is not there.
 */
export async function visibilityOf(
  tx: TenantTx,
  principal: Principal,
  named: readonly string[] | undefined,
): Promise<Visibility> {
  const rows = await tx
    .select({ id: collections.id, name: collections.name })
    .from(collections)
    .where(and(isReadable(principal, collections.id), named === undefined ? undefined : isNamed(named)));
  const unknown = named?.findIndex((text) => !rows.some(({ id, name }) => id === text || name === text)) ?? -1;
  if (unknown >= 0) throw invalidField('body', `/collections/${unknown}`, unknownCollection);
  return { collectionIds: rows.map(({ id }) => id), classifications: classificationsWithin(principal.clearance) };
}

/**
 * The collection of an id or name.
 * @throws {AppError} request_invalid when the principal may not read it, or it is not there.
 */
export async function readableCollection(
  tx: TenantTx,
  principal: Principal,
  idOrName: string,
  location: InputLocation,
): Promise<CollectionRow> {
  const [row] = await tx
    .select()
    .from(collections)
    .where(and(isNamed([idOrName]), isReadable(principal, collections.id)));
  if (row === undefined) throw invalidField(location, '/collection', unknownCollection);
  return row;
}

/** The same words for absent and not granted, so that neither can be told from the other. */
const unknownCollection =
  'There is no such collection, or it is not granted to you. List yours with GET /api/collections.';

function isNamed(names: readonly string[]): SQL | undefined {
  return or(inArray(collections.id, [...names]), inArray(collections.name, [...names]));
}
