/** API keys. */

import { z } from 'zod';
import { permissionNames } from '../../access/index.ts';
import { defineOperation } from '../operation.ts';
import { snakeCased } from '../schemas/snake-case.ts';
import { idOf, idParams, pageFrom, pageOf, pageQuery, plainLine, secretOf, time } from '../schemas/wire.ts';

const apiKey = z
  .object({
    id: idOf('api_key'),
    user_id: idOf('user'),
    name: z.string(),
    hint: z.string().describe('The kind and last characters of the key, to recognise it by.'),
    scopes: z
      .array(z.string())
      .nullable()
      .describe('What the key is limited to; null when it has all of the role of its user.'),
    expires_at: time,
    last_used_at: time.nullable().describe('To the minute.'),
    created_by: z.string(),
    created_at: time,
  })
  .meta({ id: 'ApiKey' });

const createdApiKey = apiKey
  .extend({ key: secretOf(z.string(), 'api_key.key').describe('Shown this once.') })
  .meta({ id: 'CreatedApiKey' });

export const keyOperations = [
  defineOperation({
    method: 'GET',
    path: '/api/keys',
    operationId: 'listKeys',
    summary: 'List API keys: your own, or with keys:manage those of everybody.',
    tag: 'keys',
    access: { permission: 'keys:read' },
    query: pageQuery,
    success: { status: 200, description: 'A page of keys, oldest first.', schema: pageOf(apiKey, 'ApiKeyPage') },
    handle: async ({ services, ctx, query }) => snakeCased(await services.identity.listApiKeys(ctx, pageFrom(query))),
  }),

  defineOperation({
    method: 'POST',
    path: '/api/keys',
    operationId: 'createKey',
    summary: 'Make an API key.',
    description: 'The key itself is in this answer and never shown again.',
    tag: 'keys',
    access: { permission: 'keys:write' },
    body: z
      .strictObject({
        name: plainLine(1, 200),
        user_id: idOf('user')
          .exactOptional()
          .describe('Whose key it is; your own when left out. Others need keys:manage.'),
        scopes: z
          .array(z.enum(permissionNames))
          .max(permissionNames.length)
          .exactOptional()
          .describe('Narrows what the key may do.'),
        expires_in_days: z.int().min(1).max(3650).exactOptional().describe('API_KEY_TTL_DAYS_DEFAULT when left out.'),
      })
      .meta({ id: 'NewApiKey' }),
    success: { status: 201, description: 'The key was made.', schema: createdApiKey },
    errors: ['classification_denied', 'resource_not_found', 'state_conflict'],
    async handle({ services, ctx, body }) {
      const { user_id: userId, expires_in_days: expiresInDays, ...rest } = body;
      const input = {
        ...rest,
        ...(userId === undefined ? {} : { userId }),
        ...(expiresInDays === undefined ? {} : { expiresInDays }),
      };
      return snakeCased(await services.identity.createApiKey(ctx, input));
    },
  }),

  defineOperation({
    method: 'DELETE',
    path: '/api/keys/{id}',
    operationId: 'revokeKey',
    summary: 'Revoke an API key; it stops at once.',
    tag: 'keys',
    access: { permission: 'keys:write' },
    params: idParams('api_key'),
    success: { status: 204, description: 'The key was revoked.' },
    handle: ({ services, ctx, params }) => services.identity.revokeApiKey(ctx, params.id),
  }),
];
