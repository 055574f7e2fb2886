/** A principal from the rows of a user, their role and their tenant: the one way in which identity makes one. */

import type { Classification, Principal, TenantTier } from '../context.ts';
import { roleFrom } from './roles/held-role.ts';
import { roles, tenants, users } from './tables.ts';

/** Who a credential belongs to. */
export interface Authenticated {
  readonly tenantId: string;
  readonly tier: TenantTier;
  readonly principal: Principal;
}

/** What a statement selects to know a principal: `users` joined to `tenants` and, left (`isRoleOfUser`), to `roles`. */
export const principalColumns = {
  tenantId: users.tenantId,
  tier: tenants.tier,
  userId: users.id,
  role: users.role,
  permissionsOfCustomRole: roles.permissions,
  teamId: users.teamId,
  clearance: users.clearance,
};

/** A row of `principalColumns`. */
export interface PrincipalRow {
  readonly tenantId: string;
  readonly tier: TenantTier;
  readonly userId: string;
  readonly role: string;
  readonly permissionsOfCustomRole: string[] | null;
  readonly teamId: string | null;
  readonly clearance: Classification;
}

/** Whoever proved to be the user of a row, with a credential and, perhaps, its limits. */
export function authenticatedFrom(
  row: PrincipalRow,
  credential: Principal['credential'],
  scopes?: readonly string[],
): Authenticated {
  const { tenantId, tier, userId, role, permissionsOfCustomRole, teamId, clearance } = row;
  const { permissions } = roleFrom(role, permissionsOfCustomRole);
  const teamIds = teamId === null ? [] : [teamId];
  return { tenantId, tier, principal: { userId, role, permissions, teamIds, clearance, credential, scopes } };
}
