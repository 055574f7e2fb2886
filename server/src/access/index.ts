/** Access decisions: permissions of roles and keys, clearance, and what may be given to others. */

export { assertCan, assertCanGrant, assertClearance, can, type Decision, type GrantedRights, type RouteAccess } from './decisions.ts';
export { isPermission, type Permission, type PermissionDefinition, permissionNames, permissions, roleHolds } from './permissions.ts';
