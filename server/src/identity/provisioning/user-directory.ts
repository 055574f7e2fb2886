/**
 * What a directory calls a person and says of them beside what we use: how it is stored, read and found.
 *
 * Both are sealed. The id of the directory is found again by its HMAC, so it can be asked for and not searched through.
 */

import { isDeepStrictEqual } from 'node:util';
import { eq, sql } from 'drizzle-orm';
import type { Cell, TenantVault } from '../../vault/index.ts';
import { users } from '../tables.ts';
import type { MoreColumns } from '../users/change-user.ts';
import { externalIdHash } from '../users/external-id.ts';
import { userColumns } from '../users/user-changes.ts';
import type { Search, Searchable } from './search.ts';
import type { Profile, ProvisionedUser } from './user-resource.ts';
import { userExtensionId } from './user-type.ts';

/** The part of a user that a directory alone knows. */
type Known = Pick<ProvisionedUser, 'externalId' | 'profile'>;

/** The columns of a user with those of the directory. */
export const directoryColumns = {
  ...userColumns,
  externalIdSealed: users.externalIdSealed,
  profileSealed: users.profileSealed,
};

/** A row of `directoryColumns`. */
export type DirectoryRow = Omit<ProvisionedUser, keyof Known> & {
  readonly externalIdSealed: Uint8Array | null;
  readonly profileSealed: Uint8Array | null;
};

/** The user of a row. */
export function userFromRow(
  box: TenantVault,
  { externalIdSealed, profileSealed, ...user }: DirectoryRow,
): ProvisionedUser {
  return {
    ...user,
    externalId: externalIdSealed === null ? undefined : box.open(cellOf(user.id, 'external_id'), externalIdSealed),
    profile: profileSealed === null ? {} : (JSON.parse(box.open(cellOf(user.id, 'profile'), profileSealed)) as Profile),
  };
}

/** What of the directory's part changes, by the names that audit events use, and the columns that it changes. */
export function directoryChange(
  box: TenantVault,
  id: string,
  { externalId, profile }: Known,
  before: Known,
): { readonly changed: readonly string[]; readonly columns: MoreColumns } {
  const isOtherId = externalId !== before.externalId;
  const isOtherProfile = !isDeepStrictEqual(profile, before.profile);
  const sealed = (column: string, text: string) => box.seal(cellOf(id, column), text, 'secret');
  return {
    changed: [...(isOtherId ? ['external_id'] : []), ...(isOtherProfile ? ['profile'] : [])],
    columns: {
      ...(isOtherId
        ? {
            externalIdHash: externalId === undefined ? null : externalIdHash(box, externalId),
            externalIdSealed: externalId === undefined ? null : sealed('external_id', externalId),
          }
        : {}),
      ...(isOtherProfile ? { profileSealed: sealed('profile', JSON.stringify(profile)) } : {}),
    },
  };
}

/** What can be searched of users. */
export function userSearchable(box: TenantVault): Searchable {
  const role: Search = { kind: 'text', column: users.role, case: 'lower' };
  const isMember = (teamId: string) =>
    sql`exists (select from genai.team_members where user_id = ${users.id} and team_id = ${teamId})`;
  const groups = {
    kind: 'equality',
    equals: isMember,
    isPresent: sql`exists (select from genai.team_members where user_id = ${users.id})`,
  } as const;
  return new Map<string, Search>([
    ['id', { kind: 'text', column: users.id, case: 'exact' }],
    ['userName', { kind: 'text', column: users.email, case: 'lower' }],
    ['displayName', { kind: 'text', column: users.name, case: 'any' }],
    [
      'externalId',
      {
        kind: 'equality',
        equals: (value) => eq(users.externalIdHash, externalIdHash(box, value)),
        isPresent: sql`${users.externalIdHash} is not null`,
      },
    ],
    ['active', { kind: 'flag', holds: eq(users.status, 'active') }],
    ['roles', role],
    ['roles.value', role],
    ['groups', groups],
    ['groups.value', groups],
    [`${userExtensionId}.clearance`, { kind: 'text', column: sql`${users.clearance}::text`, case: 'lower' }],
    ['meta.created', { kind: 'time', column: users.createdAt }],
    ['meta.lastModified', { kind: 'time', column: users.updatedAt }],
  ]);
}

function cellOf(userId: string, column: string): Cell {
  return { table: 'users', rowId: userId, column };
}
