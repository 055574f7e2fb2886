/** The users of the caller's tenant. */

import { z } from 'zod';
import { userStatuses } from '../../identity/index.ts';
import { defineOperation } from '../operation.ts';
import { newUser, password, user } from '../schemas/people.ts';
import { snakeCased } from '../schemas/snake-case.ts';
import { classification, idParams, pageFrom, pageOf, pageQuery, plainLine, roleName } from '../schemas/wire.ts';

export const userOperations = [
  defineOperation({
    method: 'GET',
    path: '/api/users',
    operationId: 'listUsers',
    summary: 'List the users of your tenant.',
    tag: 'users',
    access: { permission: 'users:read' },
    query: pageQuery,
    success: { status: 200, description: 'A page of users, oldest first.', schema: pageOf(user, 'UserPage') },
    handle: async ({ services, ctx, query }) => snakeCased(await services.identity.listUsers(ctx, pageFrom(query))),
  }),

  defineOperation({
    method: 'POST',
    path: '/api/users',
    operationId: 'createUser',
    summary: 'Add a user.',
    description: 'Nobody gives a role or clearance above their own.',
    tag: 'users',
    access: { permission: 'users:write' },
    body: newUser,
    success: { status: 201, description: 'The user was added.', schema: user },
    errors: ['classification_denied', 'state_conflict'],
    handle: async ({ services, ctx, body }) => snakeCased(await services.identity.createUser(ctx, body)),
  }),

  defineOperation({
    method: 'PATCH',
    path: '/api/users/{id}',
    operationId: 'updateUser',
    summary: 'Change a user.',
    description:
      'Nobody changes their own role, clearance or status. Suspending takes effect with the next request of that user.',
    tag: 'users',
    access: { permission: 'users:write' },
    params: idParams('user'),
    body: z
      .strictObject({
        name: plainLine(1, 200).exactOptional(),
        role: roleName.exactOptional(),
        clearance: classification.exactOptional(),
        status: z.enum(userStatuses).exactOptional(),
        password: password.exactOptional(),
      })
      .meta({ id: 'UserChange' }),
    success: { status: 200, description: 'The user as it is now.', schema: user },
    errors: ['classification_denied', 'state_conflict'],
    handle: async ({ services, ctx, params, body }) =>
      snakeCased(await services.identity.updateUser(ctx, params.id, body)),
  }),
];
