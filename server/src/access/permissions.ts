/**
 * All permissions, and the built-in roles that hold them.
 *
 * This table is the only place that says what a built-in role may do; what others may do, their tenant says, in the names
 * of this table. A role or permission that neither knows is denied. The scope of an API key is the name of a permission.
 */

import { type BuiltInRole, builtInRoles } from '../context.ts';

/** What a permission allows and to whom it is given. */
export interface PermissionDefinition {
  /** One sentence for the generated reference and for whoever chooses the scopes of a key. */
  readonly description: string;
  readonly roles: readonly BuiltInRole[];
}

const everyone = ['admin', 'analyst', 'viewer'] as const;
const authors = ['admin', 'analyst'] as const;
const admins = ['admin'] as const;

/** Every permission, `resource:verb`. */
export const permissions = {
  'query:ask': { description: 'Ask questions over the documents within clearance and grants.', roles: everyone },
  'chat:create': { description: 'Chat with a model through the gateway.', roles: authors },
  'models:read': { description: 'List the available models.', roles: everyone },
  'documents:read': { description: 'List and read documents within clearance and grants.', roles: everyone },
  'documents:write': { description: 'Upload documents and change their titles.', roles: authors },
  'documents:relabel': { description: 'Change the classification or collection of documents.', roles: authors },
  'documents:delete': { description: 'Delete documents.', roles: authors },
  'collections:read': { description: 'List the collections that are granted to the caller.', roles: everyone },
  'collections:read_all': { description: 'Read every collection, whoever it is granted to.', roles: admins },
  'collections:write': { description: 'Make and remove collections and set who is granted them.', roles: authors },
  'users:read': { description: 'List the users of the tenant and its roles.', roles: admins },
  'users:write': { description: 'Add users; change their role, clearance, status, name and password.', roles: admins },
  'users:provision': {
    description:
      'Add, change, suspend and delete users and teams by SCIM; a key scoped for it gives what its user holds.',
    roles: admins,
  },
  'roles:write': { description: "Make, change and remove the tenant's own roles.", roles: admins },
  'identity_provider:write': {
    description: 'See and set the identity provider through which the tenant signs in.',
    roles: admins,
  },
  'policy:explain': { description: 'Ask why somebody of the tenant may or may not do something.', roles: admins },
  'keys:read': { description: "List the caller's own API keys.", roles: everyone },
  'keys:write': { description: "Make and revoke the caller's own API keys.", roles: authors },
  'keys:manage': { description: "List, make and revoke anyone's API keys.", roles: admins },
  'usage:read': { description: "Read the caller's own usage and cost.", roles: everyone },
  'usage:read_all': { description: 'Read the usage and cost of the whole tenant.', roles: admins },
  'audit:read': { description: "Read the tenant's audit log.", roles: admins },
  'break_glass:manage': {
    description: 'See and end the accesses of platform operators to the tenant, and consent to them.',
    roles: admins,
  },
  'account:write': { description: "Change the caller's own password and second factor.", roles: everyone },
  'sessions:write': { description: "List and end the caller's own login sessions.", roles: everyone },
} as const satisfies Record<string, PermissionDefinition>;

/** The name of a permission. */
export type Permission = keyof typeof permissions;

/** The names of all permissions. */
export const permissionNames = Object.keys(permissions) as readonly Permission[];

/** Whether a text names a permission. */
export function isPermission(name: string): name is Permission {
  return Object.hasOwn(permissions, name);
}

/** What a role may be called. */
export const roleNamePattern = /^[a-z][a-z0-9-]{1,62}$/;

/** A role and what it permits. */
export interface Role {
  readonly name: string;
  readonly permissions: ReadonlySet<Permission>;
}

const builtIn: ReadonlyMap<string, Role> = new Map(
  builtInRoles.map((name) => [
    name,
    { name, permissions: new Set(permissionNames.filter((permission) => roleHolds(name, permission))) },
  ]),
);

/** A role that every tenant has; `undefined` for any other name. */
export function builtInRole(name: string): Role | undefined {
  return builtIn.get(name);
}

/** A role of a tenant from its row. Names that are no permission (any more) permit nothing. */
export function customRole(name: string, permissionsStored: readonly string[]): Role {
  return { name, permissions: new Set(permissionsStored.filter(isPermission)) };
}

/** Whether a built-in role holds a permission. */
export function roleHolds(role: BuiltInRole, permission: Permission): boolean {
  const holders: readonly BuiltInRole[] = permissions[permission].roles;
  return holders.includes(role);
}
