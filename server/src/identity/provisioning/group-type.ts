/** Groups as SCIM describes them (RFC 7643 section 4.2): our teams. */

import type { ResourceType } from '../scim/attributes.ts';
import { teamMembersMax } from '../teams/membership.ts';

/** The kind of resource. */
export const groupType: ResourceType = {
  name: 'Group',
  endpoint: '/Groups',
  description: 'A team, to which collections are granted.',
  schema: {
    id: 'urn:ietf:params:scim:schemas:core:2.0:Group',
    name: 'Group',
    description: 'A team, to which collections are granted.',
    attributes: [
      {
        name: 'displayName',
        type: 'string',
        description: 'The name of the team.',
        required: true,
        uniqueness: 'server',
      },
      {
        name: 'members',
        type: 'complex',
        description: 'The users in it.',
        valuesMax: teamMembersMax,
        subAttributes: [
          { name: 'value', type: 'string', description: 'The id of a user.', caseExact: true },
          { name: 'display', type: 'string', description: 'Their name.', readOnly: true },
          { name: 'type', type: 'string', description: 'User.', readOnly: true },
          {
            name: '$ref',
            type: 'reference',
            description: 'Where they are.',
            referenceTypes: ['User'],
            immutable: true,
          },
        ],
      },
    ],
  },
  extensions: [],
  notKept: new Set([]),
};
