/** How a break-glass access stands in the database, and the principal that it gives. */

import { and, eq, gt, isNull, ne, sql } from 'drizzle-orm';
import type { Permission } from '../../access/index.ts';
import type { Cell } from '../../vault/index.ts';
import { breakGlassAccesses, operatorKeys, tenants } from '../tables.ts';

/**
 * What an operator may do in a tenant: look. Nothing here writes, and nothing asks a model, which the tenant would pay for.
 */
export const breakGlassPermissions: readonly Permission[] = [
  ...(['documents:read', 'collections:read', 'collections:read_all'] as const),
  ...(['users:read', 'usage:read', 'usage:read_all', 'audit:read'] as const),
];

/** Stands where a user has the name of their role; it has a character that no role may have. */
const breakGlassRole = 'break_glass';

/** Where the reason of an access is sealed. */
export function reasonCell(id: string): Cell {
  return { table: 'break_glass_accesses', rowId: id, column: 'reason' };
}

/** The principal of an access as `principalColumns` have it for users; joined to tenants. */
export const accessColumns = {
  credentialId: breakGlassAccesses.id,
  tenantId: breakGlassAccesses.tenantId,
  tier: tenants.tier,
  userId: sql<string>`${breakGlassAccesses.operatorId}`,
  role: sql<string>`${breakGlassRole}::text`,
  permissionsOfCustomRole: sql<string[] | null>`${sql.param([...breakGlassPermissions])}::text[]`,
  teamIds: sql<string[]>`array[]::text[]`,
  clearance: breakGlassAccesses.clearance,
};

/** Whether an access stands: not ended, not expired, its operator's key not revoked, its tenant not deleted. */
export function isStanding(at: Date) {
  return and(
    isNull(breakGlassAccesses.endedAt),
    gt(breakGlassAccesses.expiresAt, at),
    isNull(operatorKeys.revokedAt),
    ne(tenants.status, 'deleted'),
  );
}

/** Joins accesses to their operator. */
export const isOfOperator = eq(operatorKeys.id, breakGlassAccesses.operatorId);
/** Joins accesses to their tenant. */
export const isOfTenant = eq(tenants.tenantId, breakGlassAccesses.tenantId);
