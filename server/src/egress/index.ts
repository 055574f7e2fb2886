/** The only way out to URLs that a user can influence. */

export type { Dispatcher } from 'undici';
export type { EgressAnswer } from './answer.ts';
export { type BoundSecret, boundSecretFrom, type ConnectionChange, secretAfter, secretFor } from './bound-secret.ts';
export { createEgress, type Egress, type EgressOptions, type EgressOutcome, type EgressPoolOptions } from './egress.ts';
export type { EgressRule } from './refusals.ts';
export type { EgressRequest } from './request.ts';
