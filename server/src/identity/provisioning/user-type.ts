/** Users as SCIM describes them (RFC 7643 section 4.1): what we keep of them, and what we know of and do not keep. */

import { builtInRoles, classifications } from '../../context.ts';
import type { Attribute, ResourceType } from '../scim/attributes.ts';

const userSchemaId = 'urn:ietf:params:scim:schemas:core:2.0:User';

/** Our own attributes of a user. */
export const userExtensionId = 'urn:ietf:params:scim:schemas:extension:genai:2.0:User';

const primary: Attribute = { name: 'primary', type: 'boolean', description: 'Whether it is the one to use.' };
const kind: Attribute = { name: 'type', type: 'string', description: 'What it is for.' };

/** The kind of resource. */
export const userType: ResourceType = {
  name: 'User',
  endpoint: '/Users',
  description: 'Somebody who may sign in to the tenant.',
  schema: {
    id: userSchemaId,
    name: 'User',
    description: 'Somebody who may sign in to the tenant.',
    attributes: [
      {
        name: 'userName',
        type: 'string',
        description: 'The e-mail address that they sign in with.',
        required: true,
        uniqueness: 'server',
      },
      {
        name: 'name',
        type: 'complex',
        description: 'The parts of the name.',
        subAttributes: [
          { name: 'formatted', type: 'string', description: 'The whole name.' },
          { name: 'familyName', type: 'string', description: 'The family name.' },
          { name: 'givenName', type: 'string', description: 'The given name.' },
        ],
      },
      {
        name: 'displayName',
        type: 'string',
        description: 'The name that is shown; made of the other names where it is left out.',
      },
      {
        name: 'emails',
        type: 'complex',
        description: 'Addresses, kept as they are sent and used for nothing.',
        valuesMax: 10,
        subAttributes: [{ name: 'value', type: 'string', description: 'The address.' }, kind, primary],
      },
      { name: 'active', type: 'boolean', description: 'Whether they may do anything; false suspends them at once.' },
      {
        name: 'roles',
        type: 'complex',
        description: 'Their one role: built in, or one that the tenant made. It stays as it is where it is left out.',
        valuesMax: 10,
        subAttributes: [
          {
            name: 'value',
            type: 'string',
            description: 'The name of the role; a tenant may have more of its own.',
            canonicalValues: builtInRoles,
          },
          primary,
        ],
      },
      {
        name: 'groups',
        type: 'complex',
        description: 'The teams that they are in.',
        valuesMax: Number.MAX_SAFE_INTEGER,
        readOnly: true,
        subAttributes: [
          { name: 'value', type: 'string', description: 'The id of the team.', caseExact: true, readOnly: true },
          { name: 'display', type: 'string', description: 'Its name.', readOnly: true },
          { name: '$ref', type: 'reference', description: 'Where it is.', referenceTypes: ['Group'], readOnly: true },
        ],
      },
    ],
  },
  extensions: [
    {
      id: userExtensionId,
      name: 'GenaiUser',
      description: 'What this server knows of a user beside the standard.',
      attributes: [
        {
          name: 'clearance',
          type: 'string',
          canonicalValues: classifications,
          description: 'The highest classification that they may see. It stays as it is where it is left out.',
        },
      ],
    },
  ],
  // Nothing is kept that is not needed, secrets least of all; clients that send it are not refused.
  notKept: new Set([
    ...['nickname', 'profileurl', 'title', 'usertype', 'preferredlanguage', 'locale', 'timezone', 'password'],
    ...['name.middlename', 'name.honorificprefix', 'name.honorificsuffix'],
    ...['phonenumbers', 'ims', 'photos', 'addresses', 'entitlements', 'x509certificates'],
    'urn:ietf:params:scim:schemas:extension:enterprise:2.0:user',
  ]),
};
