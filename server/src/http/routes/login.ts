/** Signing in, staying signed in, signing out. */

import { z } from 'zod';
import { can, permissionNames } from '../../access/index.ts';
import { credentialKinds } from '../../context.ts';
import { defineOperation } from '../operation.ts';
import { code, user } from '../schemas/people.ts';
import { snakeCased } from '../schemas/snake-case.ts';
import { originOf, tokenPair, wireTokens } from '../schemas/tokens.ts';
import { idOf, names, plainLine, secretOf, tenantTier } from '../schemas/wire.ts';

const me = z
  .object({
    user,
    tenant: z.object({
      id: idOf('tenant'),
      slug: names(z.string(), 'tenant.slug'),
      name: z.string(),
      tier: tenantTier,
      region: z.string(),
    }),
    permissions: z.array(z.string()).describe('What this credential may do.'),
    credential: z.object({ kind: z.enum(credentialKinds), id: z.string() }),
  })
  .meta({ id: 'Me' });

export const loginOperations = [
  defineOperation({
    method: 'POST',
    path: '/api/auth/login',
    operationId: 'login',
    summary: 'Sign in with a password.',
    description:
      'Where the account has a second factor, the answer to the right password alone is `second_factor_required`; send it again with `code`.',
    tag: 'login',
    access: 'public',
    body: z
      .strictObject({
        tenant: names(plainLine(1, 63), 'tenant.slug')
          .exactOptional()
          .describe('Slug of the tenant; may be left out by who has one account only.'),
        email: names(plainLine(1, 254), 'user.email'),
        password: secretOf(z.string().min(1).max(1024), 'user.password'),
        code: code
          .exactOptional()
          .describe('Where the account has a second factor: what its device shows, or a recovery code.'),
      })
      .meta({ id: 'LoginRequest' }),
    success: { status: 200, description: 'Signed in.', schema: tokenPair },
    errors: ['login_failed', 'second_factor_required'],
    handle: async ({ services, body, request }) =>
      wireTokens(await services.identity.login({ ...body, requestId: request.id, origin: originOf(request) })),
  }),

  defineOperation({
    method: 'POST',
    path: '/api/auth/refresh',
    operationId: 'refreshLogin',
    summary: 'Exchange a refresh token for new tokens.',
    description: 'A refresh token works once. Using one again ends its session, since it must have been copied.',
    tag: 'login',
    access: 'public',
    body: z
      .strictObject({ refresh_token: secretOf(z.string().min(1).max(1024), 'session.refresh_token') })
      .meta({ id: 'RefreshRequest' }),
    success: { status: 200, description: 'New tokens.', schema: tokenPair },
    errors: ['authentication_required'],
    handle: async ({ services, body, request }) =>
      wireTokens(await services.identity.refresh(body.refresh_token, originOf(request))),
  }),

  defineOperation({
    method: 'POST',
    path: '/api/auth/logout',
    operationId: 'logout',
    summary: 'End the session of this access token.',
    tag: 'login',
    access: 'authenticated',
    success: { status: 204, description: 'The session has ended.' },
    errors: ['state_conflict'],
    handle: ({ services, ctx }) => services.identity.logout(ctx),
  }),

  defineOperation({
    method: 'GET',
    path: '/api/me',
    operationId: 'getMe',
    summary: 'Who you are and what you may do.',
    tag: 'login',
    access: 'authenticated',
    success: { status: 200, description: 'You.', schema: me },
    async handle({ services, ctx }) {
      const [user, tenant] = await Promise.all([services.identity.me(ctx), services.tenants.get(ctx)]);
      const permissions = permissionNames.filter((name) => can(ctx.principal, name).allowed);
      return { user: snakeCased(user), tenant, permissions, credential: ctx.principal.credential };
    },
  }),
];
