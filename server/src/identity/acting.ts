/**
 * Who changes users and keys: somebody of the tenant, bound by their own rights, or the platform's operator, who is not.
 */

import { assertCan, assertCanGrant, type GrantedRights, type Permission } from '../access/index.ts';
import { type AuditActor, type AuditEvent, actorOf } from '../audit/index.ts';
import type { RequestContext, TenantScope } from '../context.ts';

/**
 * An operator, or the platform's own set-up, at work in one tenant. Whoever makes one has authenticated the operator and
 * looked up the tenant.
 */
export interface OperatorScope extends TenantScope {
  readonly actor: AuditActor;
  readonly requestId?: string;
}

/** Whoever acts. */
export type Acting = RequestContext | OperatorScope;

/** The user who acts; `undefined` for an operator. */
export function actingUserId(acting: Acting): string | undefined {
  return 'principal' in acting ? acting.principal.userId : undefined;
}

/** @throws {AppError} permission_denied when a user lacks the permission. */
export function assertMay(acting: Acting, permission: Permission): void {
  if ('principal' in acting) assertCan(acting, permission);
}

/** @throws {AppError} permission_denied or classification_denied when a user would give what they do not hold. */
export function assertMayGrant(acting: Acting, rights: GrantedRights): void {
  if ('principal' in acting) assertCanGrant(acting, rights);
}

/** The audit event of a change that succeeded. */
export function changeEvent(
  acting: Acting,
  action: string,
  resource: { readonly kind: string; readonly id: string },
  facts: Pick<AuditEvent, 'details' | 'personal'>,
): AuditEvent {
  const actor = 'principal' in acting ? actorOf(acting) : acting.actor;
  const event: AuditEvent = { action, outcome: 'success', actor, resource, ...facts };
  return acting.requestId === undefined ? event : { ...event, requestId: acting.requestId };
}
