/** Access decisions: permissions of roles and keys, clearance, and what may be given to others. */

export {
  assertCan,
  assertCanGrant,
  assertClearance,
  can,
  type Decision,
  exceeds,
  explain,
  type GrantedRights,
  type RouteAccess,
  type RuleVerdict,
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
  roleNamePattern,
} from './permissions.ts';
export { requirementsFor } from './requirements.ts';
export { type Reader, type Requirement, type Resource, ruleNames } from './rules.ts';
