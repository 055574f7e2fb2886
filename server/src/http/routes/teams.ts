/** The teams of the caller's tenant, and who is in them. */

import { z } from 'zod';
import { defineOperation } from '../operation.ts';
import { user } from '../schemas/people.ts';
import { snakeCased } from '../schemas/snake-case.ts';
import { idOf, idParams, names, pageFrom, pageOf, pageQuery, plainLine, time } from '../schemas/wire.ts';

const team = z
  .object({
    id: idOf('team'),
    name: names(z.string(), 'team.name'),
    external_id: z.string().nullable().describe('What a directory that provisions the team calls it.'),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'Team' });

const newTeam = z.strictObject({ name: names(plainLine(1, 200), 'team.name') }).meta({ id: 'NewTeam' });
const memberParams = idParams('team').extend({ user_id: idParams('user').shape.id });

export const teamOperations = [
  defineOperation({
    method: 'GET',
    path: '/api/teams',
    operationId: 'listTeams',
    summary: 'List the teams of your tenant.',
    tag: 'users',
    access: { permission: 'users:read' },
    query: pageQuery,
    success: { status: 200, description: 'A page of teams, oldest first.', schema: pageOf(team, 'TeamPage') },
    handle: async ({ services, ctx, query }) => snakeCased(await services.identity.teams.list(ctx, pageFrom(query))),
  }),

  defineOperation({
    method: 'POST',
    path: '/api/teams',
    operationId: 'createTeam',
    summary: 'Make a team.',
    description: 'Collections are granted to teams with `PUT /api/collections/{id}/grants`.',
    tag: 'users',
    access: { permission: 'users:write' },
    body: newTeam,
    success: { status: 201, description: 'The team was made; nobody is in it.', schema: team },
    errors: ['state_conflict'],
    handle: async ({ services, ctx, body }) => snakeCased(await services.identity.teams.create(ctx, body.name)),
  }),

  defineOperation({
    method: 'PATCH',
    path: '/api/teams/{id}',
    operationId: 'renameTeam',
    summary: 'Rename a team.',
    tag: 'users',
    access: { permission: 'users:write' },
    params: idParams('team'),
    body: newTeam,
    success: { status: 200, description: 'The team as it is now.', schema: team },
    errors: ['state_conflict'],
    handle: async ({ services, ctx, params, body }) =>
      snakeCased(await services.identity.teams.rename(ctx, params.id, body.name)),
  }),

  defineOperation({
    method: 'DELETE',
    path: '/api/teams/{id}',
    operationId: 'deleteTeam',
    summary: 'Remove a team, and with it what was granted to it.',
    tag: 'users',
    access: { permission: 'users:write' },
    params: idParams('team'),
    success: { status: 204, description: 'The team is gone; its members remain users.' },
    handle: ({ services, ctx, params }) => services.identity.teams.remove(ctx, params.id),
  }),

  defineOperation({
    method: 'GET',
    path: '/api/teams/{id}/members',
    operationId: 'listTeamMembers',
    summary: 'List the members of a team.',
    tag: 'users',
    access: { permission: 'users:read' },
    params: idParams('team'),
    query: pageQuery,
    success: { status: 200, description: 'A page of users, oldest first.', schema: pageOf(user, 'MemberPage') },
    handle: async ({ services, ctx, params, query }) =>
      snakeCased(await services.identity.teams.listMembers(ctx, params.id, pageFrom(query))),
  }),

  defineOperation({
    method: 'PUT',
    path: '/api/teams/{id}/members/{user_id}',
    operationId: 'addTeamMember',
    summary: 'Add a user to a team.',
    description:
      'What is granted to the team is theirs with their next request. Adding a member again changes nothing.',
    tag: 'users',
    access: { permission: 'users:write' },
    params: memberParams,
    success: { status: 204, description: 'The user is in the team.' },
    errors: ['state_conflict'],
    handle: ({ services, ctx, params }) => services.identity.teams.addMember(ctx, params.id, params.user_id),
  }),

  defineOperation({
    method: 'DELETE',
    path: '/api/teams/{id}/members/{user_id}',
    operationId: 'removeTeamMember',
    summary: 'Take a user out of a team.',
    description: 'What is granted to the team alone is lost with their next request.',
    tag: 'users',
    access: { permission: 'users:write' },
    params: memberParams,
    success: { status: 204, description: 'The user is not in the team.' },
    handle: ({ services, ctx, params }) => services.identity.teams.removeMember(ctx, params.id, params.user_id),
  }),
];
