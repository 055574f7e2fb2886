/**
 * A request that names another tenant is refused and recorded, whether or not that tenant exists.
 *
 * The tenant of a request is that of its credential and nothing else. Clients may repeat it, by id or slug, in the header
 * `x-tenant-id` or in a field `tenant_id` or `tenant`; anything else there is an attempt, or a mistake worth stopping.
 */

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { RequestContext } from '../../context.ts';
import { AppError } from '../../errors.ts';
import type { Operation } from '../operation.ts';
import { operationOf } from '../request-state.ts';
import type { Services } from '../services.ts';

/** A tenant that a request names, and where. */
export interface NamedTenant {
  readonly place: 'header' | 'path' | 'query' | 'body';
  readonly name: string;
}

const fieldNames = ['tenant_id', 'tenant'] as const;
const recordedLengthMax = 100;

/** The tenants named in header, path and query. */
export function tenantsNamedOutsideBody(
  { headers, params, query }: FastifyRequest,
  { idNamesTenant }: Operation,
): readonly NamedTenant[] {
  const header = headers['x-tenant-id'];
  return [
    ...(typeof header === 'string' ? [{ place: 'header', name: header } as const] : []),
    ...(idNamesTenant === true ? [{ place: 'path', name: (params as { id: string }).id } as const] : []),
    ...namedIn('query', query),
  ];
}

/** The tenants named by the fields of an object. */
function namedIn(place: NamedTenant['place'], fields: unknown): readonly NamedTenant[] {
  if (typeof fields !== 'object' || fields === null) return [];
  return fieldNames.flatMap((field) => {
    const name: unknown = Object.hasOwn(fields, field) ? (fields as Record<string, unknown>)[field] : undefined;
    return typeof name === 'string' ? [{ place, name }] : [];
  });
}

/** @throws {AppError} cross_tenant_access for the first tenant named that is not the caller's own. */
export async function assertOwnTenant(
  ctx: RequestContext,
  operation: Operation,
  named: readonly NamedTenant[],
  services: Pick<Services, 'tenants' | 'audit'>,
): Promise<void> {
  for (const { place, name } of named) {
    if (name === ctx.tenantId || name === (await services.tenants.get(ctx)).slug) continue;
    await services.audit.recordSecurityEvent({
      tenantId: ctx.tenantId,
      kind: 'cross_tenant_access',
      severity: 'high',
      requestId: ctx.requestId,
      userId: ctx.principal.userId,
      details: { operation: operation.operationId, place, named_tenant: name.slice(0, recordedLengthMax) },
    });
    throw new AppError('cross_tenant_access', { detail: `The ${place} names a tenant that is not yours.` });
  }
}

/** Installs the check of bodies, before they are validated: also an invalid request must not go unnoticed. */
export function installTenantWall(app: FastifyInstance, services: Pick<Services, 'tenants' | 'audit'>): void {
  app.addHook('preValidation', async (request) => {
    const { ctx } = request.state;
    const operation = operationOf(request);
    if (ctx === undefined || operation === undefined) return;
    const named = namedIn('body', request.body);
    if (named.length > 0) await assertOwnTenant(ctx, operation, named, services);
  });
}
