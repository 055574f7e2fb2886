/** The users of the caller's tenant. */

import { z } from 'zod';
import { userStatuses } from '../../identity/index.ts';
import { defineOperation } from '../operation.ts';
import { endedSessions, newUser, password, sessionList, user } from '../schemas/people.ts';
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

  defineOperation({
    method: 'GET',
    path: '/api/users/{id}/sessions',
    operationId: 'listUserSessions',
    summary: 'List the login sessions of a user.',
    tag: 'users',
    access: { permission: 'users:write' },
    params: idParams('user'),
    success: { status: 200, description: 'The sessions, the one used last first.', schema: sessionList },
    handle: async ({ services, ctx, params }) => ({
      data: snakeCased(await services.identity.sessions.listOfUser(ctx, params.id)),
    }),
  }),

  defineOperation({
    method: 'DELETE',
    path: '/api/users/{id}/sessions',
    operationId: 'endUserSessions',
    summary: 'End all login sessions of a user.',
    description: 'API keys of the user stay; see `revokeKey`, or suspend the user.',
    tag: 'users',
    access: { permission: 'users:write' },
    params: idParams('user'),
    success: { status: 200, description: 'The sessions have ended.', schema: endedSessions },
    handle: async ({ services, ctx, params }) => ({
      ended: await services.identity.sessions.endOfUser(ctx, params.id),
    }),
  }),

  defineOperation({
    method: 'DELETE',
    path: '/api/users/{id}/second-factor',
    operationId: 'resetSecondFactor',
    summary: 'Take away the second factor of a user who lost it.',
    description: 'Ends the sessions of the user. Nobody resets their own, or that of who may do more than themselves.',
    tag: 'users',
    access: { permission: 'users:write' },
    params: idParams('user'),
    success: { status: 204, description: 'The user signs in with the password alone until they set up another one.' },
    errors: ['classification_denied'],
    handle: ({ services, ctx, params }) => services.identity.secondFactors.reset(ctx, params.id),
  }),
];
