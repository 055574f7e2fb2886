/**
 * Who may do what: the only place that decides.
 *
 * Decisions are pure functions of the principal and the resource; nothing here loads or stores. What no rule allows is
 * denied.
 */

import { type Classification, isWithinClearance, type Principal, type RequestContext } from '../context.ts';
import { AppError } from '../errors.ts';
import type { Permission, Role } from './permissions.ts';
import { fittingRules } from './policy.ts';
import { type Reader, type Resource, type RuleName, readersFrom } from './rules.ts';
import { sentenceOf, subjectOf } from './sentences.ts';

/** What a route demands of its caller; every route declares one, or the server refuses to start. */
export type RouteAccess = { readonly permission: Permission } | 'authenticated' | 'operator' | 'public';

/** A decision, the rule that decided, and why in one sentence. */
export interface Decision {
  readonly allowed: boolean;
  /** `role` also where no rule fits: what the role does not permit is denied. */
  readonly rule: RuleName;
  readonly reason: string;
}

/** A rule that was looked at, and what it said; those that pass leave the decision to the next. */
export interface RuleVerdict {
  readonly rule: RuleName;
  readonly verdict: 'allows' | 'denies' | 'passes';
  readonly reason: string;
}

/** Rights that somebody is about to be given, directly or by a credential that acts with them. */
export interface GrantedRights {
  readonly role?: Role;
  /** Those of a role that is made; one that is held gives its own. */
  readonly permissions?: readonly Permission[];
  readonly clearance?: Classification;
  /** Whose grants come with it, other than those of the role: of a team that is joined, of a person who is acted for. */
  readonly readers?: readonly Reader[];
}

/** Whether a principal may do something to a resource; without one, whether they may do it at all. */
export function can(principal: Principal, action: Permission, resource: Resource = tenantOf(principal)): Decision {
  const decisive = fittingRules(principal, action, resource.kind).find((rule) => rule.matchesConditions(resource));
  const rule = (decisive?.reason ?? 'role') as RuleName;
  const allowed = decisive?.inverted === false;
  return { allowed, rule, reason: sentenceOf[rule](decisive !== undefined, principal, action, resource) };
}

/** Every rule that `can` looks at for the same decision, in its order; the last one decides. */
export function explain(
  principal: Principal,
  action: Permission,
  resource: Resource = tenantOf(principal),
): readonly RuleVerdict[] {
  const { allowed, rule: decisive, reason } = can(principal, action, resource);
  const names = fittingRules(principal, action, resource.kind).map((rule) => rule.reason as RuleName);
  const passed = names.slice(0, Math.max(names.indexOf(decisive), 0)).map((rule) => {
    const verdict = 'passes' as const;
    return { rule, verdict, reason: sentenceOf[rule](false, principal, action, resource) };
  });
  return [...passed, { rule: decisive, verdict: allowed ? 'allows' : 'denies', reason }];
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

/**
 * Whether something was taken away between the two: a permission, a level of clearance, a team. It is asked for every
 * request under way, so it reads the sets that the rules are made from; that they agree with `can` is tested.
 */
export function exceeds(before: Principal, after: Principal): boolean {
  if (!isWithinClearance(before.clearance, after.clearance)) return true;
  if (before.teamIds.some((id) => !after.teamIds.includes(id))) return true;
  return [...before.permissions].some((name) => holds(before, name) && !holds(after, name));
}

function holds({ permissions, scopes }: Principal, name: string): boolean {
  return permissions.has(name) && scopes?.includes(name) !== false;
}

/**
 * Nobody gives away what they do not hold: a role only by who holds all its permissions (a scoped API key seldom does), a
 * clearance only by who has it, the grants of a role, team or person only by whom they reach, or who needs no grant.
 * Setting a password or making a key for somebody gives what that person has.
 * @throws {AppError} permission_denied or classification_denied.
 */
export function assertCanGrant(ctx: Pick<RequestContext, 'principal'>, rights: GrantedRights): void {
  const { role, permissions = [...(role?.permissions ?? [])], clearance, readers = [] } = rights;
  const missing = permissions.find((name) => !can(ctx.principal, name).allowed);
  if (missing !== undefined) {
    throw new AppError('permission_denied', { detail: `This gives ${missing}, which you do not hold.` });
  }
  if (clearance !== undefined) assertClearance(ctx, clearance);
  const reached = readersFrom(ctx.principal);
  const given: readonly Reader[] = role === undefined ? readers : [`role:${role.name}`, ...readers];
  const foreign = given.find((reader) => !reached.includes(reader));
  if (foreign !== undefined && !can(ctx.principal, 'collections:read_all').allowed) {
    const detail = `This gives what is granted to ${subjectOf(foreign)}, which needs collections:read_all.`;
    throw new AppError('permission_denied', { detail });
  }
}

function tenantOf({ tenantId }: Principal): Resource {
  return { kind: 'tenant', tenantId };
}
