/** Who somebody is, and who is in a tenant. */

export type { OperatorScope } from './acting.ts';
export { signatureAlgorithms } from './federation/issuers/signed-tokens.ts';
export { createIdentity, type Identity, type IdentityOptions } from './identity.ts';
export { operatorRealm } from './operators/operators.ts';
export type { Authenticated } from './principal.ts';
export { userStatuses } from './tables.ts';
export type { UserChange } from './users/user-changes.ts';
export type { NewUser } from './users/users.ts';
