/** The roles of the caller's tenant: the built-in ones, and its own. */

import { z } from 'zod';
import { permissionNames } from '../../access/index.ts';
import { defineOperation } from '../operation.ts';
import { snakeCased } from '../schemas/snake-case.ts';
import { names, roleName } from '../schemas/wire.ts';

const role = z
  .object({
    name: roleName,
    description: z.string(),
    permissions: z.array(z.string()),
    is_built_in: z.boolean().describe('Whether every tenant has it, and none can change it.'),
  })
  .meta({ id: 'Role' });

const fields = {
  description: z.string().max(300).exactOptional().describe('One line on what the role is for.'),
  permissions: z.array(z.enum(permissionNames)).max(permissionNames.length).describe('Each held by yourself.'),
};
const nameParams = z.object({ name: names(z.string().min(1).max(100), 'role.name') });

export const roleOperations = [
  defineOperation({
    method: 'GET',
    path: '/api/roles',
    operationId: 'listRoles',
    summary: 'List the roles of your tenant.',
    tag: 'users',
    access: { permission: 'users:read' },
    success: {
      status: 200,
      description: 'The built-in roles, then those of your own by name.',
      schema: z.object({ data: z.array(role) }).meta({ id: 'RoleList' }),
    },
    handle: async ({ services, ctx }) => ({ data: snakeCased(await services.identity.roles.list(ctx)) }),
  }),

  defineOperation({
    method: 'POST',
    path: '/api/roles',
    operationId: 'createRole',
    summary: 'Make a role.',
    description: 'Nobody puts a permission into a role that they do not hold.',
    tag: 'users',
    access: { permission: 'roles:write' },
    body: z.strictObject({ name: roleName, ...fields }).meta({ id: 'NewRole' }),
    success: { status: 201, description: 'The role was made; nobody holds it.', schema: role },
    errors: ['state_conflict'],
    handle: async ({ services, ctx, body }) => snakeCased(await services.identity.roles.create(ctx, body)),
  }),

  defineOperation({
    method: 'PATCH',
    path: '/api/roles/{name}',
    operationId: 'updateRole',
    summary: 'Change what a role is for or permits.',
    description: 'Whoever holds it has what it permits from their next request on. Built-in roles stay as they are.',
    tag: 'users',
    access: { permission: 'roles:write' },
    params: nameParams,
    body: z.strictObject({ ...fields, permissions: fields.permissions.exactOptional() }).meta({ id: 'RoleChange' }),
    success: { status: 200, description: 'The role as it is now.', schema: role },
    errors: ['state_conflict'],
    handle: async ({ services, ctx, params, body }) =>
      snakeCased(await services.identity.roles.update(ctx, params.name, body)),
  }),

  defineOperation({
    method: 'DELETE',
    path: '/api/roles/{name}',
    operationId: 'deleteRole',
    summary: 'Remove a role that nobody holds, and with it what was granted to it.',
    tag: 'users',
    access: { permission: 'roles:write' },
    params: nameParams,
    success: { status: 204, description: 'The role is gone.' },
    errors: ['state_conflict'],
    handle: ({ services, ctx, params }) => services.identity.roles.remove(ctx, params.name),
  }),
];
