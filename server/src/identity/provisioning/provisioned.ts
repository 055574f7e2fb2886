/** What provisioning does with resources of either kind, and what they have in common. */

import type { RequestContext } from '../../context.ts';
import { AppError } from '../../errors.ts';
import type { Complex, ResourceType } from '../scim/attributes.ts';
import type { Operation } from '../scim/patch.ts';
import type { Selection } from '../scim/projection.ts';

/** Which resources are listed. */
export interface ListRequest {
  readonly filter: string | undefined;
  /** Counted from 1. */
  readonly startIndex: number;
  readonly count: number;
  readonly selection: Selection;
}

/** A part of a list. It may hold fewer resources than were asked for; `total` tells that there are more. */
export interface ListResult {
  readonly total: number;
  readonly startIndex: number;
  readonly resources: readonly Complex[];
}

/** A change of a resource that is there. */
export interface ChangeRequest {
  readonly id: string;
  /** Versions that may be changed; any when absent. */
  readonly ifMatch: readonly string[] | undefined;
  readonly selection: Selection;
}

/**
 * The resources of one kind. An id of another tenant is answered like one that does not exist.
 *
 * Functions throw permission_denied without `users:provision`, and for rights beyond those of the user of the key;
 * resource_not_found, value_taken, version_mismatch, state_conflict; request_invalid, filter_invalid, path_invalid,
 * target_missing, attribute_read_only, classification_denied.
 */
export interface Provisioned {
  readonly type: ResourceType;
  readonly list: (ctx: RequestContext, request: ListRequest) => Promise<ListResult>;
  readonly read: (ctx: RequestContext, id: string, selection: Selection) => Promise<Complex>;
  readonly create: (
    ctx: RequestContext,
    body: Readonly<Record<string, unknown>>,
    selection: Selection,
  ) => Promise<Complex>;
  readonly replace: (
    ctx: RequestContext,
    request: ChangeRequest,
    body: Readonly<Record<string, unknown>>,
  ) => Promise<Complex>;
  readonly patch: (ctx: RequestContext, request: ChangeRequest, operations: readonly Operation[]) => Promise<Complex>;
  readonly remove: (ctx: RequestContext, id: string, ifMatch: readonly string[] | undefined) => Promise<void>;
}

/** Most resources in an answer. */
export const pageSizeMax = 200;

/** Where SCIM is, below the address of the server. */
const scimRoot = '/scim/v2';

/**
 * The context in which rights are given. A key for provisioning is scoped for that alone, so what it may give is not what it
 * may do: it is what its user holds.
 */
export function asGiver(ctx: RequestContext): RequestContext {
  return { ...ctx, principal: { ...ctx.principal, scopes: undefined } };
}

/** What every stored resource has. */
export interface Stored {
  readonly id: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** The version of a resource, as an ETag. */
function versionOf({ updatedAt }: Stored): string {
  return `W/"${updatedAt.getTime().toString(36)}"`;
}

/** When a change is made: later than the one before, so that every version has a name of its own. */
export function changedAt(before: Stored, nowMs: number): Date {
  return new Date(Math.max(nowMs, before.updatedAt.getTime() + 1));
}

/** @throws {AppError} version_mismatch. */
export function assertVersion(stored: Stored, ifMatch: readonly string[] | undefined): void {
  if (ifMatch === undefined || ifMatch.includes('*') || ifMatch.includes(versionOf(stored))) return;
  throw new AppError('version_mismatch');
}

/** A resource with what we write into every one. */
export function withMeta(
  { name, endpoint, schema, extensions }: ResourceType,
  stored: Stored,
  resource: Complex,
): Complex {
  const used = extensions.filter(({ id }) => resource[id] !== undefined);
  return {
    schemas: [schema.id, ...used.map(({ id }) => id)],
    id: stored.id,
    ...resource,
    meta: {
      resourceType: name,
      created: stored.createdAt.toISOString(),
      lastModified: stored.updatedAt.toISOString(),
      location: locationOf(endpoint, stored.id),
      version: versionOf(stored),
    },
  };
}

/** Where a resource is. Relative, so that it does not repeat whatever host a request named. */
export function locationOf(endpoint: string, id: string): string {
  return `${scimRoot}${endpoint}/${id}`;
}
