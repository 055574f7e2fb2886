/** What an API key may be limited to and how long it lives: never more than whoever makes it holds. */

import { can, isPermission, type Permission, type Role } from '../../access/index.ts';
import { AppError } from '../../errors.ts';
import type { Acting } from '../acting.ts';
import { invalidField } from '../refusals.ts';

const expiresInDaysMax = 3650;
const dayMs = 86_400_000;

/** The scopes asked for, each once. @throws {AppError} request_invalid naming one that is no permission. */
export function checkedScopes(scopes: readonly string[] | undefined): readonly Permission[] | undefined {
  if (scopes === undefined) return undefined;
  if (scopes.length === 0) throw invalidField('/scopes', 'Name at least one scope, or leave scopes out.');
  const known = scopes.filter(isPermission);
  const unknownAt = scopes.findIndex((scope) => !isPermission(scope));
  if (unknownAt !== -1)
    throw invalidField(`/scopes/${unknownAt}`, 'This is no permission; see the list of permissions.');
  return [...new Set(known)];
}

/** The scopes of the new key: those asked for, or those of the key that makes it. */
export function scopesFor(acting: Acting, asked: readonly Permission[] | undefined): string[] | undefined {
  const scopes = asked ?? ('principal' in acting ? acting.principal.scopes : undefined);
  return scopes === undefined ? undefined : [...scopes];
}

/** @throws {AppError} permission_denied when a scope is beyond its maker, request_invalid when it is beyond its user. */
export function assertScopes(scopes: readonly string[] | undefined, acting: Acting, role: Role): void {
  for (const [index, scope] of (scopes ?? []).entries()) {
    if (!isPermission(scope)) throw invalidField(`/scopes/${index}`, 'This is no permission any more.');
    const decision = 'principal' in acting ? can(acting.principal, scope) : undefined;
    if (decision?.allowed === false) throw new AppError('permission_denied', { detail: decision.reason });
    if (!role.permissions.has(scope))
      throw invalidField(`/scopes/${index}`, `The role of the user, ${role.name}, does not hold ${scope}.`);
  }
}

/** When a key expires. @throws {AppError} request_invalid. */
export function expiryFrom(nowMs: number, expiresInDays: number): Date {
  if (!Number.isSafeInteger(expiresInDays) || expiresInDays < 1 || expiresInDays > expiresInDaysMax) {
    throw invalidField('/expires_in_days', `Use a whole number from 1 to ${expiresInDaysMax}.`);
  }
  return new Date(nowMs + expiresInDays * dayMs);
}
