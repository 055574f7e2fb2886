/** Who may read a collection, as rows. */

import { and, asc, eq, inArray, sql } from 'drizzle-orm';
import { builtInRole } from '../access/index.ts';
import type { RequestContext, TenantScope } from '../context.ts';
import type { TenantTx } from '../db/index.ts';
import { invalidField } from './input.ts';
import { collectionGrants, collections, type SubjectKind } from './tables.ts';
import { isReachableCollection } from './visibility.ts';

/** Somebody who may read a collection. */
export interface Grant {
  readonly kind: SubjectKind;
  /** The role, or the id of the team or user; null for everyone. */
  readonly id: string | null;
}

/** The grant to all users of the tenant. */
export const everyone: Grant = { kind: 'everyone', id: null };

const grantsMax = 500;

/**
 * Makes these the only grants of a collection.
 * @throws {AppError} request_invalid when a grant names nobody we know, or none of them includes the caller.
 */
export async function replaceGrants(
  tx: TenantTx,
  ctx: RequestContext,
  id: string,
  grants: readonly Grant[],
): Promise<void> {
  assertGrants(grants);
  await assertSubjectsExist(tx, grants);
  await tx.delete(collectionGrants).where(eq(collectionGrants.collectionId, id));
  await insertGrants(tx, ctx, id, grants);
  const [readable] = await tx
    .select({ id: collections.id })
    .from(collections)
    .where(and(eq(collections.id, id), isReachableCollection(ctx.principal, 'collections:write')));
  if (readable === undefined)
    throw invalidField('body', '/grants', 'These grants would shut you out; include yourself.');
}

/** Adds grants that were checked before. */
export async function insertGrants(
  tx: TenantTx,
  { tenantId }: TenantScope,
  collectionId: string,
  grants: readonly Grant[],
): Promise<void> {
  if (grants.length === 0) return;
  const rows = grants.map(({ kind, id }) => ({ tenantId, collectionId, subjectKind: kind, subjectId: id ?? '' }));
  await tx.insert(collectionGrants).values(rows).onConflictDoNothing();
}

function assertGrants(grants: readonly Grant[]): void {
  if (grants.length > grantsMax)
    throw invalidField('body', '/grants', `Use at most ${grantsMax} grants; grant to a team instead.`);
  for (const [index, { kind, id }] of grants.entries()) {
    const pointer = `/grants/${index}/id`;
    if (kind === 'everyone' && id !== null) throw invalidField('body', pointer, 'A grant to everyone names nobody.');
    if (kind !== 'everyone' && id === null) throw invalidField('body', pointer, `Name the ${kind}.`);
  }
}

/** Where the subjects of a kind are. */
const subjects = {
  role: sql`select name as id from genai.roles`,
  team: sql`select id from genai.teams`,
  user: sql`select id from genai.users`,
};

/** Subjects are of several kinds, so that foreign keys do not say which is missing; existence is checked here. */
async function assertSubjectsExist(tx: TenantTx, grants: readonly Grant[]): Promise<void> {
  for (const [kind, existing] of Object.entries(subjects)) {
    const isStored = (grant: Grant) => grant.kind === kind && !(kind === 'role' && builtInRole(grant.id ?? ''));
    const ids = grants.filter(isStored).map(({ id }) => id);
    if (ids.length === 0) continue;
    const { rows } = await tx.execute<{ id: string }>(
      sql`select id from (${existing}) as existing where id = any(${sql.param(ids)}::text[])`,
    );
    const unknown = grants.findIndex((grant) => isStored(grant) && !rows.some(({ id }) => id === grant.id));
    if (unknown >= 0) throw invalidField('body', `/grants/${unknown}/id`, `There is no such ${kind}.`);
  }
}

/** The grants of collections, by collection. */
export async function grantsOf(tx: TenantTx, ids: readonly string[]): Promise<ReadonlyMap<string, Grant[]>> {
  const { collectionId, subjectKind, subjectId } = collectionGrants;
  const found = await tx
    .select()
    .from(collectionGrants)
    .where(inArray(collectionId, [...ids]))
    .orderBy(asc(subjectKind), asc(subjectId));
  const grants = new Map<string, Grant[]>(ids.map((id) => [id, []]));
  for (const grant of found) {
    grants
      .get(grant.collectionId)
      ?.push({ kind: grant.subjectKind, id: grant.subjectKind === 'everyone' ? null : grant.subjectId });
  }
  return grants;
}
