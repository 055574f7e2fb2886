/** Who somebody is, and who is in a tenant. */

export type { Acting, OperatorScope } from './acting.ts';
export type { ApiKeyView, CreatedApiKey, NewApiKey } from './api-keys.ts';
export { createIdentity, type Identity, type IdentityOptions } from './identity.ts';
export type { Page, PageRequest } from './input.ts';
export type { LoginRequest } from './login.ts';
export { type CreatedOperatorKey, type Operator, operatorRealm } from './operators.ts';
export type { SessionView } from './own-sessions.ts';
export type { Authenticated, TokenPair } from './sessions.ts';
export { type UserStatus, userStatuses } from './tables.ts';
export type { NewUser, UserChange, UserView } from './users.ts';
