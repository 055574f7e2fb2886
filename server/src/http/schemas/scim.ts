/**
 * SCIM messages (RFC 7643, RFC 7644).
 *
 * What comes in is read loosely, as the standard wants it: names in any case, null for nothing, more than we know. What it
 * means, and what of it is refused, identity/ decides by the attributes that /scim/v2/Schemas lists.
 */

import { z } from 'zod';
import { scimPageSizeMax, userExtensionId } from '../../identity/index.ts';
import { idOf, names } from './wire.ts';

const schemas = z.array(z.string()).describe('The schemas in use.');
const reference = z.string().describe('Where it is, below the address of the server.');

const meta = z.object({
  resourceType: z.string(),
  created: z.string().meta({ format: 'date-time' }),
  lastModified: z.string().meta({ format: 'date-time' }),
  location: reference,
  version: z.string().describe('An ETag.'),
});

/**
 * A value of an attribute that has several. It may have a `$ref`, which is not named here: readers of the description would
 * take a property of that name for a reference.
 */
const element = z.looseObject({
  value: z.string().exactOptional(),
  display: z.string().exactOptional(),
  type: z.string().exactOptional(),
  primary: z.boolean().exactOptional(),
});

const common = {
  schemas,
  externalId: z.string().exactOptional(),
  meta: meta.partial().exactOptional(),
};

/** A user that is sent. All but the id may be left out by who asks for less. */
export const scimUser = z
  .object({
    ...common,
    id: idOf('user'),
    userName: names(z.string(), 'user.email').exactOptional(),
    name: z
      .object({
        formatted: z.string().exactOptional(),
        familyName: z.string().exactOptional(),
        givenName: z.string().exactOptional(),
      })
      .exactOptional(),
    displayName: z.string().exactOptional(),
    emails: z.array(element).exactOptional(),
    active: z.boolean().exactOptional(),
    roles: z.array(element).exactOptional(),
    groups: z.array(element.extend({ value: idOf('team').exactOptional() })).exactOptional(),
    [userExtensionId]: z.object({ clearance: z.string().exactOptional() }).exactOptional(),
  })
  .meta({ id: 'ScimUser' });

/** A group that is sent. */
export const scimGroup = z
  .object({
    ...common,
    id: idOf('team'),
    displayName: names(z.string(), 'team.name').exactOptional(),
    members: z.array(element.extend({ value: idOf('user').exactOptional() })).exactOptional(),
  })
  .meta({ id: 'ScimGroup' });

const text = z.string().nullable().exactOptional();
const several = z.array(z.unknown()).nullable().exactOptional();

/** A user that comes in. */
export const newScimUser = z
  .looseObject({
    schemas: several,
    externalId: text.describe('The id that your directory uses; unique in the tenant.'),
    userName: names(z.string(), 'user.email')
      .exactOptional()
      .meta({ description: 'The e-mail address that they sign in with. Required.', examples: ['nora@example.com'] }),
    name: z
      .looseObject({})
      .nullable()
      .exactOptional()
      .meta({ examples: [{ givenName: 'Nora', familyName: 'Nilsen' }] }),
    displayName: text,
    emails: several.meta({ examples: [[{ value: 'nora@example.com', type: 'work' }]] }),
    active: z
      .union([z.boolean(), z.string()])
      .nullable()
      .exactOptional()
      .meta({ examples: [true] }),
    roles: several.meta({ description: 'One role.', examples: [[{ value: 'viewer' }]] }),
    [userExtensionId]: z
      .looseObject({})
      .nullable()
      .exactOptional()
      .meta({ examples: [{ clearance: 'internal' }] }),
  })
  .meta({ id: 'NewScimUser', required: ['userName'] });

/** A group that comes in. */
export const newScimGroup = z
  .looseObject({
    schemas: several,
    externalId: text,
    displayName: names(z.string(), 'team.name').exactOptional().describe('The name of the team. Required.'),
    members: z
      .array(z.looseObject({ value: idOf('user').exactOptional() }))
      .nullable()
      .exactOptional(),
  })
  .meta({ id: 'NewScimGroup', required: ['displayName'] });

const operationsMax = 500;

/** Changes of a resource. `example` is one that any resource of the kind can undergo; `value` describes what it sets. */
function scimPatch(
  id: string,
  value: z.ZodType,
  example: { readonly op: string; readonly path: string; readonly value: unknown },
) {
  return z
    .looseObject({
      schemas: several,
      Operations: z
        .array(
          z
            .looseObject({
              op: z
                .string()
                .regex(/^(?:[Aa]dd|ADD|[Rr]emove|REMOVE|[Rr]eplace|REPLACE)$/, 'must be add, remove or replace')
                .describe('add, remove or replace; also Add and ADD.'),
              path: z.string().exactOptional(),
              value: value.exactOptional(),
            })
            .meta({ examples: [example] }),
        )
        .min(1)
        .max(operationsMax),
    })
    .meta({ id });
}

/** Changes of a user. */
export const scimUserPatch = scimPatch('ScimUserPatch', z.unknown(), {
  ...{ op: 'replace', path: 'displayName', value: 'Nora Quist' },
});

/** Changes of a group. */
export const scimGroupPatch = scimPatch(
  'ScimGroupPatch',
  z.unknown().meta({
    description: 'Whatever the path takes; below `members`, users.',
    anyOf: [
      { type: 'array', items: { type: 'object', properties: { value: { type: 'string', 'x-names': ['user.id'] } } } },
      {},
    ],
  }),
  { op: 'add', path: 'members', value: [] },
);

/** Names the form of a list. */
export const listSchema = 'urn:ietf:params:scim:api:messages:2.0:ListResponse';

/** A part of a list. */
export function scimListOf<T extends z.ZodType>(resource: T, id: string) {
  return z
    .object({
      schemas,
      totalResults: z.int(),
      startIndex: z.int(),
      itemsPerPage: z.int(),
      Resources: z.array(resource),
    })
    .meta({ id });
}

/** Together these fit into the head of a request, however they are percent-encoded. */
const filterLengthMax = 1000;
const namesLengthMax = 300;

const listOfNames = z
  .string()
  .max(namesLengthMax)
  .transform((text) => text.split(','))
  .exactOptional()
  .meta({ type: 'string' });

/** Which attributes are sent. */
export const scimSelection = z.object({
  attributes: listOfNames.describe('Only these attributes, separated by commas.'),
  excludedAttributes: listOfNames.describe('All but these attributes.'),
});

/** A whole number, within bounds; what is outside of them is moved to the nearer one, as RFC 7644 wants it. */
function bounded(min: number, max: number, fallback: number) {
  return z
    .string()
    .regex(/^-?\d{1,15}$/, 'must be a whole number')
    .transform((text) => Math.min(max, Math.max(min, Number(text))))
    .default(fallback)
    .meta({ type: 'integer', default: fallback });
}

/** Which resources are listed. */
export const scimListQuery = scimSelection.extend({
  filter: z
    .string()
    .max(filterLengthMax)
    .exactOptional()
    .describe('RFC 7644 section 3.4.2.2.')
    .meta({ examples: ['userName eq "nora@example.com"'] }),
  startIndex: bounded(1, 2 ** 31 - 1, 1).describe('The first resource, counted from 1.'),
  count: bounded(0, scimPageSizeMax, 100).describe(`Most resources in the answer, at most ${scimPageSizeMax}.`),
});
