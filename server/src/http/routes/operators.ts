/** What operators of the platform do over HTTP, with an operator key. */

import { z } from 'zod';
import { incidentSeverities } from '../../audit/index.ts';
import { AppError } from '../../errors.ts';
import { tenantStatuses } from '../../tenants/index.ts';
import type { Operator } from '../operation.ts';
import { defineOperation } from '../operation.ts';
import { newUser, user } from '../schemas/people.ts';
import { snakeCased } from '../schemas/snake-case.ts';
import { idOf, idParams, names, pageFrom, pageOf, pageQuery, plainLine, tenantTier, time } from '../schemas/wire.ts';

const tenant = z
  .object({
    id: idOf('tenant'),
    slug: names(z.string(), 'tenant.slug'),
    name: z.string(),
    tier: tenantTier,
    status: z.enum(tenantStatuses),
    region: z.string(),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'Tenant' });

const securityEvent = z
  .object({
    id: z.string(),
    tenant_id: idOf('tenant').describe('The tenant of whoever acted.'),
    occurred_at: time,
    kind: z.string(),
    severity: z.enum(incidentSeverities),
    request_id: z.string().exactOptional(),
    user_id: z.string().exactOptional(),
    details: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'SecurityEvent' });

/** An operator, for audit logs. */
export const actorFrom = ({ id }: Operator) => ({ kind: 'operator', id }) as const;

export const operatorOperations = [
  defineOperation({
    method: 'GET',
    path: '/api/operator/tenants',
    operationId: 'listTenants',
    summary: 'List all tenants.',
    tag: 'operators',
    access: 'operator',
    query: pageQuery,
    success: { status: 200, description: 'A page of tenants, oldest first.', schema: pageOf(tenant, 'TenantPage') },
    handle: async ({ services, query }) => snakeCased(await services.tenants.list(pageFrom(query))),
  }),

  defineOperation({
    method: 'POST',
    path: '/api/operator/tenants',
    operationId: 'createTenant',
    summary: 'Make a tenant.',
    tag: 'operators',
    access: 'operator',
    body: z
      .strictObject({
        slug: names(plainLine(2, 63), 'tenant.slug').describe('Names the tenant at login; cannot be changed.'),
        name: plainLine(1, 200),
        tier: tenantTier,
        region: plainLine(1, 63).exactOptional(),
      })
      .meta({ id: 'NewTenant' }),
    success: { status: 201, description: 'The tenant was made.', schema: tenant },
    errors: ['state_conflict'],
    handle: async ({ services, operator, body, request }) =>
      snakeCased(await services.tenants.create(body, { actor: actorFrom(operator), requestId: request.id })),
  }),

  defineOperation({
    method: 'PATCH',
    path: '/api/operator/tenants/{id}',
    operationId: 'updateTenant',
    summary: 'Rename, move to another tier, suspend or delete a tenant.',
    tag: 'operators',
    access: 'operator',
    params: idParams('tenant'),
    idNamesTenant: true,
    body: z
      .strictObject({
        name: plainLine(1, 200).exactOptional(),
        tier: tenantTier.exactOptional(),
        status: z.enum(tenantStatuses).exactOptional(),
      })
      .meta({ id: 'TenantChange' }),
    success: { status: 200, description: 'The tenant as it is now.', schema: tenant },
    errors: ['state_conflict'],
    handle: async ({ services, operator, params, body, request }) =>
      snakeCased(await services.tenants.update(params.id, body, { actor: actorFrom(operator), requestId: request.id })),
  }),

  defineOperation({
    method: 'POST',
    path: '/api/operator/tenants/{id}/users',
    operationId: 'createTenantUser',
    summary: 'Add a user to a tenant, its first admin say.',
    tag: 'operators',
    access: 'operator',
    params: idParams('tenant'),
    idNamesTenant: true,
    body: newUser,
    success: { status: 201, description: 'The user was added.', schema: user },
    errors: ['state_conflict'],
    async handle({ services, operator, params, body, request }) {
      const tenant = await services.tenants.find(params.id);
      if (tenant === undefined) throw new AppError('resource_not_found');
      if (tenant.status === 'deleted') throw new AppError('state_conflict', { detail: 'The tenant is deleted.' });
      const scope = { tenantId: tenant.id, actor: actorFrom(operator), requestId: request.id };
      return snakeCased(await services.identity.createUser(scope, body));
    },
  }),

  defineOperation({
    method: 'GET',
    path: '/api/operator/security-events',
    operationId: 'listSecurityEvents',
    summary: 'List the newest security events of all tenants.',
    tag: 'operators',
    access: 'operator',
    query: z.strictObject({ limit: pageQuery.shape.limit }),
    success: {
      status: 200,
      description: 'Newest first.',
      schema: z.object({ data: z.array(securityEvent) }).meta({ id: 'SecurityEventList' }),
    },
    async handle({ services, query }) {
      const events = await services.audit.listSecurityEvents(query);
      // The names inside details are data, not ours to rewrite.
      return { data: events.map(({ details, ...event }) => ({ ...snakeCased(event), details: { ...details } })) };
    },
  }),
];
