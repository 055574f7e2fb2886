/** What the SCIM server says of itself. */

import { z } from 'zod';
import { AppError } from '../../errors.ts';
import { resourceTypeView, schemaView, scimPageSizeMax } from '../../identity/index.ts';
import { defineOperation } from '../operation.ts';
import { listSchema, scimListOf } from '../schemas/scim.ts';
import { names } from '../schemas/wire.ts';
import type { Services } from '../services.ts';

const root = '/scim/v2';
const core = 'urn:ietf:params:scim:schemas:core:2.0';
const access = { permission: 'users:provision' } as const;

const meta = z.object({ resourceType: z.string(), location: z.string() });
const metaOf = (resourceType: string, path: string) => ({ resourceType, location: `${root}${path}` });
const schemas = z.array(z.string());
const supported = z.object({ supported: z.boolean() });

const configuration = z
  .object({
    schemas,
    documentationUri: z.string(),
    patch: supported,
    bulk: supported.extend({ maxOperations: z.int(), maxPayloadSize: z.int() }),
    filter: supported.extend({ maxResults: z.int() }),
    changePassword: supported,
    sort: supported,
    etag: supported,
    authenticationSchemes: z.array(
      z.object({ type: z.string(), name: z.string(), description: z.string(), primary: z.boolean() }),
    ),
    meta,
  })
  .meta({ id: 'ScimServiceProviderConfig' });

const resourceType = z
  .object({
    schemas,
    id: z.string(),
    name: z.string(),
    endpoint: z.string(),
    description: z.string(),
    schema: z.string(),
    schemaExtensions: z.array(z.object({ schema: z.string(), required: z.boolean() })),
    meta,
  })
  .meta({ id: 'ScimResourceType' });

const attributeFields = {
  name: z.string(),
  type: z.string(),
  multiValued: z.boolean(),
  description: z.string(),
  required: z.boolean(),
  caseExact: z.boolean(),
  mutability: z.string(),
  returned: z.string(),
  uniqueness: z.string(),
  referenceTypes: z.array(z.string()).exactOptional(),
  canonicalValues: z.array(z.string()).exactOptional(),
};
const schema = z
  .object({
    schemas,
    id: z.string(),
    name: z.string(),
    description: z.string(),
    attributes: z.array(
      z.object({ ...attributeFields, subAttributes: z.array(z.object(attributeFields)).exactOptional() }),
    ),
    meta,
  })
  .meta({ id: 'ScimSchema' });

export const scimDiscoveryOperations = [
  defineOperation({
    method: 'GET',
    path: `${root}/ServiceProviderConfig`,
    operationId: 'getScimConfiguration',
    summary: 'Read which parts of SCIM this server has.',
    tag: 'scim',
    access,
    success: { status: 200, description: 'The parts.', schema: configuration },
    handle: async () => ({
      schemas: [`${core}:ServiceProviderConfig`],
      documentationUri: '/docs',
      patch: { supported: true },
      bulk: { supported: false, maxOperations: 0, maxPayloadSize: 0 },
      filter: { supported: true, maxResults: scimPageSizeMax },
      changePassword: { supported: false },
      sort: { supported: false },
      etag: { supported: true },
      authenticationSchemes: [
        {
          type: 'oauthbearertoken',
          name: 'API key',
          description: 'An API key scoped for users:provision, as bearer token.',
          primary: true,
        },
      ],
      meta: metaOf('ServiceProviderConfig', '/ServiceProviderConfig'),
    }),
  }),

  defineOperation({
    method: 'GET',
    path: `${root}/ResourceTypes`,
    operationId: 'listScimResourceTypes',
    summary: 'List the kinds of resources.',
    tag: 'scim',
    access,
    success: { status: 200, description: 'The kinds.', schema: scimListOf(resourceType, 'ScimResourceTypeList') },
    handle: async ({ services }) => listed(typesIn(services).map(typeResource)),
  }),

  defineOperation({
    method: 'GET',
    path: `${root}/ResourceTypes/{name}`,
    operationId: 'getScimResourceType',
    summary: 'Read a kind of resources.',
    tag: 'scim',
    access,
    params: z.object({ name: names(z.string().max(100)).meta({ examples: ['User'] }) }),
    success: { status: 200, description: 'The kind.', schema: resourceType },
    handle: async ({ services, params }) =>
      typeResource(existing(typesIn(services).find(({ name }) => name === params.name))),
  }),

  defineOperation({
    method: 'GET',
    path: `${root}/Schemas`,
    operationId: 'listScimSchemas',
    summary: 'List the schemas with their attributes.',
    tag: 'scim',
    access,
    success: { status: 200, description: 'The schemas.', schema: scimListOf(schema, 'ScimSchemaList') },
    handle: async ({ services }) => listed(schemasIn(services).map(schemaResource)),
  }),

  defineOperation({
    method: 'GET',
    path: `${root}/Schemas/{urn}`,
    operationId: 'getScimSchema',
    summary: 'Read a schema with its attributes.',
    tag: 'scim',
    access,
    params: z.object({ urn: names(z.string().max(200)).meta({ examples: [`${core}:User`] }) }),
    success: { status: 200, description: 'The schema.', schema },
    handle: async ({ services, params }) =>
      schemaResource(existing(schemasIn(services).find(({ id }) => id === params.urn))),
  }),
];

function typesIn({ identity: { provisioning } }: Services) {
  return [provisioning.users.type, provisioning.groups.type];
}

function schemasIn(services: Services) {
  return typesIn(services).flatMap((type) => [type.schema, ...type.extensions]);
}

function existing<T>(found: T | undefined): T {
  if (found === undefined) throw new AppError('resource_not_found');
  return found;
}

function typeResource(type: Parameters<typeof resourceTypeView>[0]) {
  const view = resourceTypeView(type);
  return { schemas: [`${core}:ResourceType`], ...view, meta: metaOf('ResourceType', `/ResourceTypes/${view.id}`) };
}

function schemaResource(definition: Parameters<typeof schemaView>[0]) {
  const view = schemaView(definition);
  return { schemas: [`${core}:Schema`], ...view, meta: metaOf('Schema', `/Schemas/${view.id}`) };
}

function listed<T>(resources: T[]) {
  const { length } = resources;
  return { schemas: [listSchema], totalResults: length, startIndex: 1, itemsPerPage: length, Resources: resources };
}
