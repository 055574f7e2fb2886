/** Access decisions: permissions of roles and keys, clearance, and what may be given to others. */

export {
  assertCan,
  assertCanGrant,
  assertClearance,
  can,
  exceeds,
  type GrantedRights,
  type RouteAccess,
} from './decisions.ts';
export {
  builtInRole,
  customRole,
  isPermission,
  type Permission,
  permissionNames,
  permissions,
  type Role,
  roleHolds,
} from './permissions.ts';
