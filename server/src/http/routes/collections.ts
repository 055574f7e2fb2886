/** Collections: groups of documents, and who may read them. */

import { z } from 'zod';
import { subjectKinds } from '../../documents/index.ts';
import { defineOperation } from '../operation.ts';
import { snakeCased } from '../schemas/snake-case.ts';
import { classification, idOf, idParams, names, plainLine, time } from '../schemas/wire.ts';

const grantFields = {
  kind: z.enum(subjectKinds),
  id: names(z.string().max(100), 'user.id', 'team.id', 'role.name')
    .nullable()
    .describe('The role, or the id of the team or user; null for everyone.'),
};
const grant = z.object(grantFields).meta({ id: 'Grant' });
const newGrant = z.strictObject({ ...grantFields, id: grantFields.id.default(null) }).meta({ id: 'NewGrant' });
const newGrants = z.array(newGrant).max(500);

const collection = z
  .object({
    id: idOf('collection'),
    name: names(z.string(), 'collection.name'),
    default_classification: classification,
    grants: z.array(grant).nullable().describe('Null for callers who could not change them.'),
    created_by: z.string(),
    created_at: time,
  })
  .meta({ id: 'Collection' });

export const collectionOperations = [
  defineOperation({
    method: 'GET',
    path: '/api/collections',
    operationId: 'listCollections',
    summary: 'List the collections that you may read.',
    tag: 'collections',
    access: { permission: 'collections:read' },
    success: {
      status: 200,
      description: 'The collections, by name.',
      schema: z.object({ data: z.array(collection) }).meta({ id: 'CollectionList' }),
    },
    handle: async ({ services, ctx }) => ({ data: snakeCased(await services.documents.listCollections(ctx)) }),
  }),

  defineOperation({
    method: 'POST',
    path: '/api/collections',
    operationId: 'createCollection',
    summary: 'Make a collection.',
    tag: 'collections',
    access: { permission: 'collections:write' },
    body: z
      .strictObject({
        name: names(plainLine(1, 100), 'collection.name'),
        default_classification: classification
          .exactOptional()
          .describe('What uploads get that name none; `internal` when left out.'),
        grants: newGrants.exactOptional().describe('You alone when left out.'),
      })
      .meta({ id: 'NewCollection' }),
    success: { status: 201, description: 'The collection was made.', schema: collection },
    errors: ['state_conflict'],
    async handle({ services, ctx, body: { default_classification: defaultClassification, ...rest } }) {
      const input = { ...rest, ...(defaultClassification === undefined ? {} : { defaultClassification }) };
      return snakeCased(await services.documents.createCollection(ctx, input));
    },
  }),

  defineOperation({
    method: 'PUT',
    path: '/api/collections/{id}/grants',
    operationId: 'setGrants',
    summary: 'Decide who may read a collection.',
    description:
      'Replaces all grants. Admins of the tenant read every collection; clearance still applies to everybody.',
    tag: 'collections',
    access: { permission: 'collections:write' },
    params: idParams('collection'),
    body: z.strictObject({ grants: newGrants }).meta({ id: 'GrantChange' }),
    success: { status: 200, description: 'The collection as it is now.', schema: collection },
    handle: async ({ services, ctx, params, body }) =>
      snakeCased(await services.documents.setGrants(ctx, params.id, body.grants)),
  }),

  defineOperation({
    method: 'DELETE',
    path: '/api/collections/{id}',
    operationId: 'deleteCollection',
    summary: 'Remove an empty collection.',
    tag: 'collections',
    access: { permission: 'collections:write' },
    params: idParams('collection'),
    success: { status: 204, description: 'The collection is gone.' },
    errors: ['state_conflict'],
    handle: ({ services, ctx, params }) => services.documents.removeCollection(ctx, params.id),
  }),
];
