/** A principal from the rows of a user, their role and their tenant: the one way in which identity makes one. */

import { sql } from 'drizzle-orm';
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
  teamIds: sql<string[]>`array(
    select team_id from genai.team_members
    where team_members.tenant_id = ${users.tenantId} and team_members.user_id = ${users.id}
    order by team_id
  )`,
  clearance: users.clearance,
};

/** A row of `principalColumns`. */
export interface PrincipalRow {
  readonly tenantId: string;
  readonly tier: TenantTier;
  readonly userId: string;
  readonly role: string;
  readonly permissionsOfCustomRole: string[] | null;
  readonly teamIds: string[];
  readonly clearance: Classification;
}

/** Whoever proved to be the user of a row, with a credential and, perhaps, its limits. */
export function authenticatedFrom(
  row: PrincipalRow,
  credential: Principal['credential'],
  scopes?: readonly string[],
): Authenticated {
  const { tenantId, tier, userId, role, permissionsOfCustomRole, teamIds, clearance } = row;
  const { permissions } = roleFrom(role, permissionsOfCustomRole);
  return { tenantId, tier, principal: { tenantId, userId, role, permissions, teamIds, clearance, credential, scopes } };
}
