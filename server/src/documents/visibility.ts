/**
 * Which collections and documents a principal may reach: the rules of access/ as conditions of statements.
 *
 * They are conditions inside every statement that reads documents, never a filter on its result, and select exactly the
 * rows of which `can` says the same.
 */

import { and, eq, inArray, or, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { type Permission, type Requirement, requirementsFor } from '../access/index.ts';
import type { Principal } from '../context.ts';
import type { TenantTx } from '../db/index.ts';
import { AppError } from '../errors.ts';
import type { Visibility } from '../search/index.ts';
import type { DocumentRow } from './document-view.ts';
import { type InputLocation, invalidField } from './input.ts';
import { collectionGrants, collections, documents } from './tables.ts';

/** A collection as stored. */
export type CollectionRow = typeof collections.$inferSelect;

/** The condition that a principal may do this to a collection. */
export function isReachableCollection(principal: Principal, action: Permission): SQL | undefined {
  return conditionFrom(requirementsFor(principal, action, 'collection'), collections.id);
}

/** The condition that a principal may do this to a document. */
export function isReachable(principal: Principal, action: Permission): SQL | undefined {
  return conditionFrom(requirementsFor(principal, action, 'document'), documents.collectionId);
}

/** Where nothing is required every row will do, and where nothing would suffice none will. */
function conditionFrom(requirements: readonly Requirement[] | undefined, collectionId: PgColumn): SQL | undefined {
  if (requirements === undefined) return sql`false`;
  return and(...requirements.map((requirement) => conditionOf(requirement, collectionId)));
}

function conditionOf({ field, oneOf }: Requirement, collectionId: PgColumn): SQL | undefined {
  switch (field) {
    case 'tenantId':
      // Every statement has that condition, by row-level security.
      return undefined;
    case 'classification':
      return inArray(documents.classification, [...oneOf]);
    case 'readers':
      return sql`${collectionId} in (select ${collectionGrants.collectionId} from ${collectionGrants} where ${inArray(reader, [...oneOf])})`;
  }
}

/** A grant as the rules name it. */
const reader = sql`${collectionGrants.subjectKind} || ':' || ${collectionGrants.subjectId}`;

/**
 * A document to which the principal may do this, locked against changes when asked for.
 * @throws {AppError} resource_not_found.
 */
export async function reachableDocument(
  tx: TenantTx,
  principal: Principal,
  action: Permission,
  id: string,
  mode?: 'lock',
): Promise<DocumentRow> {
  const query = tx
    .select()
    .from(documents)
    .where(and(eq(documents.id, id), isReachable(principal, action)));
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
    .where(and(isReachableCollection(principal, 'query:ask'), named === undefined ? undefined : isNamed(named)));
  const unknown = named?.findIndex((text) => !rows.some(({ id, name }) => id === text || name === text)) ?? -1;
  if (unknown >= 0) throw invalidField('body', `/collections/${unknown}`, unknownCollection);
  const requirements = requirementsFor(principal, 'query:ask', 'document') ?? [];
  const cleared = requirements.find((requirement) => requirement.field === 'classification');
  return { collectionIds: rows.map(({ id }) => id), classifications: cleared?.oneOf ?? [] };
}

/**
 * The collection of an id or name, for this.
 * @throws {AppError} request_invalid when it is not granted to the principal, or not there.
 */
export async function reachableCollection(
  tx: TenantTx,
  principal: Principal,
  action: Permission,
  idOrName: string,
  location: InputLocation,
): Promise<CollectionRow> {
  const [row] = await tx
    .select()
    .from(collections)
    .where(and(isNamed([idOrName]), isReachableCollection(principal, action)));
  if (row === undefined) throw invalidField(location, '/collection', unknownCollection);
  return row;
}

/** The same words for absent and not granted, so that neither can be told from the other. */
const unknownCollection =
  'There is no such collection, or it is not granted to you. List yours with GET /api/collections.';

function isNamed(names: readonly string[]): SQL | undefined {
  return or(inArray(collections.id, [...names]), inArray(collections.name, [...names]));
}
