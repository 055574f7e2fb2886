/** Who somebody is, and who is in a tenant. */

export type { OperatorScope } from './acting.ts';
export { signatureAlgorithms } from './federation/issuers/signed-tokens.ts';
export { createIdentity, type Identity, type IdentityOptions } from './identity.ts';
export { operatorRealm } from './operators/operators.ts';
export type { Authenticated } from './principal.ts';
export { type Provisioned, pageSizeMax as scimPageSizeMax } from './provisioning/provisioned.ts';
export { userExtensionId } from './provisioning/user-type.ts';
export type { Complex as ScimResource } from './scim/attributes.ts';
export { resourceTypeView, schemaView } from './scim/discovery.ts';
export type { Selection as ScimSelection } from './scim/projection.ts';
export { userStatuses } from './tables.ts';
export type { UserChange } from './users/user-changes.ts';
export type { NewUser } from './users/users.ts';
