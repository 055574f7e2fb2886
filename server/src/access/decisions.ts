/**
 * Who may do what: the only place that decides.
 *
 * Decisions are pure functions of the principal; nothing here loads or stores. What is not explicitly allowed is denied.
 */

import { type Classification, isWithinClearance, type Principal, type RequestContext } from '../context.ts';
import { AppError } from '../errors.ts';
import { isPermission, type Permission, permissionNames, type Role } from './permissions.ts';

/** What a route demands of its caller; every route declares one, or the server refuses to start. */
export type RouteAccess = { readonly permission: Permission } | 'authenticated' | 'operator' | 'public';

/** A decision and, in one sentence for the caller, why. */
export interface Decision {
  readonly allowed: boolean;
  readonly reason: string;
}

/** Rights that somebody is about to be given, directly or by a credential that acts with them. */
export interface GrantedRights {
  readonly role?: Role;
  readonly clearance?: Classification;
}

/** Whether a principal holds a permission: the role must hold it, and the scopes of an API key can only take away. */
export function can({ role, permissions, scopes }: Principal, permission: Permission): Decision {
  if (!isPermission(permission) || !permissions.has(permission)) {
    return { allowed: false, reason: `The role ${role} does not hold ${permission}.` };
  }
  if (scopes !== undefined && !scopes.includes(permission)) {
    return { allowed: false, reason: `The credential is not scoped for ${permission}.` };
  }
  return { allowed: true, reason: `The role ${role} holds ${permission}.` };
}

/** @throws {AppError} permission_denied, naming the permission. */
export function assertCan(ctx: Pick<RequestContext, 'principal'>, permission: Permission): void {
  const { allowed, reason } = can(ctx.principal, permission);
  if (!allowed) throw new AppError('permission_denied', { detail: reason });
}

/** @throws {AppError} classification_denied when the classification is above the caller's clearance. */
export function assertClearance(ctx: Pick<RequestContext, 'principal'>, classification: Classification): void {
  const { clearance } = ctx.principal;
  if (isWithinClearance(classification, clearance)) return;
  throw new AppError('classification_denied', { detail: `${classification} is above your clearance, ${clearance}.` });
}

/** Whether a principal may do or see something that another may not: what was taken away between the two. */
export function exceeds(before: Principal, after: Principal): boolean {
  if (!isWithinClearance(before.clearance, after.clearance)) return true;
  if (before.teamIds.some((id) => !after.teamIds.includes(id))) return true;
  return permissionNames.some((name) => can(before, name).allowed && !can(after, name).allowed);
}

/**
 * Nobody gives away what they do not hold: a role only by who holds all its permissions (a scoped API key seldom does), a
 * clearance only by who has it. Setting a password or making a key for somebody gives what that person has.
 * @throws {AppError} permission_denied or classification_denied.
 */
export function assertCanGrant(ctx: Pick<RequestContext, 'principal'>, { role, clearance }: GrantedRights): void {
  if (role !== undefined) {
    const missing = [...role.permissions].find((name) => !can(ctx.principal, name).allowed);
    if (missing !== undefined) {
      throw new AppError('permission_denied', {
        detail: `Giving the role ${role.name} needs ${missing}, which you do not hold.`,
      });
    }
  }
  if (clearance !== undefined) assertClearance(ctx, clearance);
}
