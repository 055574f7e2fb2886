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
  isPermission,
  type Permission,
  permissionNames,
  permissions,
  roleHolds,
} from './permissions.ts';
