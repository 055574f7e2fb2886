/**
 * A user of ours as a SCIM resource, and what a changed resource means for the user.
 *
 * What we decide by stays where it is: address, name, role, clearance and status are those of the user. The rest of what a
 * client sends is a profile, kept only to be sent back.
 */

import { type Classification, classifications } from '../../context.ts';
import { checkedName, normalisedEmail } from '../input.ts';
import type { Complex, Value } from '../scim/attributes.ts';
import { valueInvalid } from '../scim/refusals.ts';
import { complexOf, elementsOf, textOf } from '../scim/values.ts';
import type { UserView } from '../users/user-changes.ts';
import { userExtensionId } from './user-type.ts';

/** What a client sent of a person and nothing of ours depends on. */
export interface Profile {
  readonly name?: Complex;
  readonly emails?: readonly Value[];
}

/** A user with what provisioning adds. */
export interface ProvisionedUser extends UserView {
  readonly externalId: string | undefined;
  readonly profile: Profile;
}

/** What a resource says a user is to be; a role, clearance or status that is left out is not asserted. */
export interface UserFacts {
  readonly email: string;
  readonly name: string;
  readonly externalId: string | undefined;
  readonly profile: Profile;
  readonly role: string | undefined;
  readonly clearance: Classification | undefined;
  readonly isActive: boolean | undefined;
}

/** The role of those of whom none is said, and of whom it is taken. */
export const leastRole = 'viewer';

/** The part of the resource that clients write. */
export function userResource(user: ProvisionedUser): Complex {
  const { email, name, role, clearance, status, externalId, profile } = user;
  return {
    ...(externalId === undefined ? {} : { externalId }),
    userName: email,
    ...(profile.name === undefined ? {} : { name: profile.name }),
    displayName: name,
    ...(profile.emails === undefined ? {} : { emails: profile.emails }),
    active: status === 'active',
    roles: [{ value: role, primary: true }],
    [userExtensionId]: { clearance },
  };
}

/**
 * What a resource says of a user, who may be there already.
 * @throws {AppError} request_invalid.
 */
export function userFactsFrom(after: Complex, user?: ProvisionedUser): UserFacts {
  const before = user && userResource(user);
  const email = normalisedEmail(textOf(after['userName']) ?? '');
  if (email === undefined) throw valueInvalid({ name: 'userName' }, 'must be an e-mail address');
  const name = complexOf(after['name']);
  const emails = elementsOf(after['emails']);
  return {
    email,
    name: checkedName(nameFrom(after, before) ?? user?.name ?? email),
    externalId: textOf(after['externalId']),
    profile: {
      ...(Object.keys(name).length === 0 ? {} : { name }),
      ...(emails.length === 0 ? {} : { emails }),
    },
    role: roleFrom(after['roles'], user?.role),
    clearance: clearanceFrom(textOf(complexOf(after[userExtensionId])['clearance'])),
    isActive: typeof after['active'] === 'boolean' ? after['active'] : undefined,
  };
}

/** The name that is shown: the one that was sent, or, unless it was chosen apart from them, the parts put together. */
function nameFrom(after: Complex, before: Complex | undefined): string | undefined {
  const sent = textOf(after['displayName']);
  const made = nameFromParts(after);
  const wasMade = before !== undefined && sent === textOf(before['displayName']) && sent === nameFromParts(before);
  return sent === undefined || wasMade ? (made ?? sent) : sent;
}

function nameFromParts(resource: Complex): string | undefined {
  const { formatted, givenName, familyName } = complexOf(resource['name']);
  const parts = [givenName, familyName].filter((part) => typeof part === 'string');
  return textOf(formatted) ?? (parts.length === 0 ? undefined : parts.join(' '));
}

/**
 * A user has one role: of those named the new one, or of several new ones the primary one.
 * @throws {AppError} request_invalid when that leaves a choice.
 */
function roleFrom(value: Value | undefined, current: string | undefined): string | undefined {
  if (value === undefined) return current === undefined ? undefined : leastRole;
  const named = elementsOf(value).map((element) => ({
    role: textOf(complexOf(element)['value'])?.toLowerCase(),
    isPrimary: complexOf(element)['primary'] === true,
  }));
  const added = named.filter(({ role }) => role !== undefined && role !== current);
  if (added.length === 0) return current ?? leastRole;
  const chosen = added.length === 1 ? added : added.filter(({ isPrimary }) => isPrimary);
  const [role, ...others] = new Set(chosen.map((one) => one.role));
  if (role === undefined || others.length > 0) {
    throw valueInvalid({ name: 'roles' }, 'names several roles; a user has one, so mark one as primary');
  }
  return role;
}

/** @throws {AppError} request_invalid. */
function clearanceFrom(text: string | undefined): Classification | undefined {
  if (text === undefined) return undefined;
  const known = classifications.find((name) => name === text.toLowerCase());
  if (known === undefined) throw valueInvalid({ name: 'clearance' }, `must be one of ${classifications.join(', ')}`);
  return known;
}
