/** Break-glass access: operators open it, the tenant sees it, ends it, and where it must, consents to it. */

import { z } from 'zod';
import { AppError } from '../../errors.ts';
import { defineOperation } from '../operation.ts';
import { snakeCased } from '../schemas/snake-case.ts';
import {
  classification,
  idOf,
  idParams,
  pageFrom,
  pageOf,
  pageQuery,
  plainText,
  secretOf,
  time,
} from '../schemas/wire.ts';
import { actorFrom } from './operators.ts';

const access = z
  .object({
    id: idOf('break_glass'),
    operator_id: z.string(),
    reason: z.string(),
    clearance: classification,
    opened_at: time,
    expires_at: time,
    ended_at: time.nullable(),
    ended_by: z.string().nullable().describe('A user of the tenant, an operator, or `expiry`.'),
  })
  .meta({ id: 'BreakGlassAccess' });

const openedAccess = access
  .extend({
    token: secretOf(z.string(), 'break_glass.token').describe('Send it as `Authorization: Bearer`. Shown this once.'),
  })
  .meta({ id: 'OpenedBreakGlassAccess' });

const consent = z
  .object({ valid_until: time.nullable().describe('Null when there is none.'), given_by: z.string().nullable() })
  .meta({ id: 'BreakGlassConsent' });

export const breakGlassOperations = [
  defineOperation({
    method: 'POST',
    path: '/api/operator/tenants/{id}/break-glass',
    operationId: 'openBreakGlass',
    summary: 'Open a read access to a tenant for yourself.',
    description:
      'For a reason, for a while, and in plain sight: opening, every request and the end stand in the audit log of the tenant, whose admins can end it. It reads documents within its clearance, collections, users, usage and the audit log, and nothing else.',
    tag: 'break_glass',
    access: 'operator',
    params: idParams('tenant'),
    idNamesTenant: true,
    body: z
      .strictObject({
        reason: plainText(10, 500).describe('Why; the tenant reads it.'),
        clearance: classification,
        duration_minutes: z
          .int()
          .min(1)
          .max(1440)
          .exactOptional()
          .describe('30 when left out; at most BREAK_GLASS_MINUTES_MAX.'),
      })
      .meta({ id: 'NewBreakGlassAccess' }),
    success: { status: 201, description: 'The access is open.', schema: openedAccess },
    errors: ['permission_denied', 'state_conflict'],
    async handle({ services, operator, params, body, request }) {
      const tenant = await services.tenants.find(params.id);
      if (tenant === undefined) throw new AppError('resource_not_found');
      if (tenant.status === 'deleted') throw new AppError('state_conflict', { detail: 'The tenant is deleted.' });
      const scope = { tenantId: tenant.id, tier: tenant.tier, actor: actorFrom(operator), requestId: request.id };
      const { duration_minutes: durationMinutes, ...rest } = body;
      const input = { ...rest, ...(durationMinutes === undefined ? {} : { durationMinutes }) };
      return snakeCased(await services.identity.breakGlass.open(scope, input));
    },
  }),

  defineOperation({
    method: 'DELETE',
    path: '/api/operator/break-glass/{id}',
    operationId: 'endBreakGlassAsOperator',
    summary: 'End a break-glass access.',
    tag: 'break_glass',
    access: 'operator',
    params: idParams('break_glass'),
    success: { status: 204, description: 'The access has ended.' },
    async handle({ services, operator, params, request }) {
      await services.identity.breakGlass.endAsOperator(params.id, {
        actor: actorFrom(operator),
        requestId: request.id,
      });
    },
  }),

  defineOperation({
    method: 'GET',
    path: '/api/break-glass',
    operationId: 'listBreakGlass',
    summary: 'List the accesses of platform operators to your tenant.',
    tag: 'break_glass',
    access: { permission: 'break_glass:manage' },
    query: pageQuery,
    success: {
      status: 200,
      description: 'A page of accesses, newest first.',
      schema: pageOf(access, 'BreakGlassAccessPage'),
    },
    handle: async ({ services, ctx, query }) =>
      snakeCased(await services.identity.breakGlass.list(ctx, pageFrom(query))),
  }),

  defineOperation({
    method: 'DELETE',
    path: '/api/break-glass/{id}',
    operationId: 'endBreakGlass',
    summary: 'End an access of a platform operator to your tenant, at once.',
    tag: 'break_glass',
    access: { permission: 'break_glass:manage' },
    params: idParams('break_glass'),
    success: { status: 204, description: 'The access has ended.' },
    handle: ({ services, ctx, params }) => services.identity.breakGlass.end(ctx, params.id),
  }),

  defineOperation({
    method: 'GET',
    path: '/api/break-glass-consent',
    operationId: 'getBreakGlassConsent',
    summary: 'Whether your tenant consents to accesses of platform operators.',
    tag: 'break_glass',
    access: { permission: 'break_glass:manage' },
    success: { status: 200, description: 'The consent.', schema: consent },
    handle: async ({ services, ctx }) => snakeCased(await services.identity.breakGlassConsents.read(ctx)),
  }),

  defineOperation({
    method: 'PUT',
    path: '/api/break-glass-consent',
    operationId: 'setBreakGlassConsent',
    summary: 'Consent to accesses of platform operators for a while, or take the consent back.',
    description:
      'Tenants of the tiers in BREAK_GLASS_CONSENT_TIERS are closed to operators without it. Taking it back ends the accesses that are open.',
    tag: 'break_glass',
    access: { permission: 'break_glass:manage' },
    body: z
      .strictObject({
        hours: z
          .int()
          .min(0)
          .max(720)
          .meta({ examples: [24] })
          .describe('0 takes the consent back.'),
      })
      .meta({ id: 'NewBreakGlassConsent' }),
    success: { status: 200, description: 'The consent.', schema: consent },
    handle: async ({ services, ctx, body }) =>
      snakeCased(await services.identity.breakGlassConsents.set(ctx, body.hours)),
  }),
];
