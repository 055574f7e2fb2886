/** What each rule says, in one sentence for whoever asks. */

import type { Principal } from '../context.ts';
import { type Reader, type Resource, type RuleName, readersFrom } from './rules.ts';

/** What a rule says of a case that it fits, or that it leaves to others. */
type Sentence = (fits: boolean, principal: Principal, action: string, resource: Resource) => string;

/** The sentences of all rules. */
export const sentenceOf: Readonly<Record<RuleName, Sentence>> = {
  role: (fits, { role }, action) => `The role ${role} ${fits ? 'holds' : 'does not hold'} ${action}.`,
  scope: (_fits, _principal, action) => `The credential is not scoped for ${action}.`,
  tenant: (fits) => (fits ? 'It belongs to another tenant.' : 'It belongs to the same tenant.'),
  clearance: (fits, { clearance }, _action, resource) =>
    `Its classification${resource.kind === 'document' ? `, ${resource.classification},` : ''} is ${fits ? 'above' : 'within'} the clearance, ${clearance}.`,
  read_all: (_fits, { role }) => `The role ${role} holds collections:read_all, so that no grant is needed.`,
  grant: (fits, principal, _action, resource) => {
    if (fits) return 'The collection is granted neither to the user nor to their role or a team of theirs.';
    const readers = resource.kind === 'tenant' ? [] : resource.readers;
    return `The collection is granted to ${subjectOf(readersFrom(principal).find((one) => readers.includes(one)))}.`;
  },
};

/** Whom a grant names, in words. */
export function subjectOf(reader: Reader = 'everyone:'): string {
  const [kind, id] = reader.split(':');
  return kind === 'everyone' ? kind : `the ${kind} ${id}`;
}
