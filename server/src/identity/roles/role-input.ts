/** What a role of a tenant may be called and permit. */

import { builtInRole, isPermission, type Permission, roleNamePattern } from '../../access/index.ts';
import { invalidField } from '../refusals.ts';

const descriptionLengthMax = 300;

/** The name of a new role. @throws {AppError} request_invalid, also for that of a built-in one. */
export function checkedRoleName(name: string): string {
  if (!roleNamePattern.test(name)) {
    throw invalidField('/name', 'Use 2 to 63 lower-case letters, digits and hyphens, a letter first.');
  }
  if (builtInRole(name) !== undefined)
    throw invalidField('/name', `Every tenant has the role ${name}; choose another name.`);
  return name;
}

/** What a role is for. @throws {AppError} request_invalid. */
export function checkedDescription(description: string): string {
  const trimmed = description.trim();
  if (trimmed.length <= descriptionLengthMax && /^\P{Cc}*$/u.test(trimmed)) return trimmed;
  throw invalidField('/description', `Use one line of at most ${descriptionLengthMax} characters.`);
}

/** Permissions, each once. @throws {AppError} request_invalid naming one that is none. */
export function checkedPermissions(names: readonly string[]): readonly Permission[] {
  const unknownAt = names.findIndex((name) => !isPermission(name));
  if (unknownAt >= 0)
    throw invalidField(`/permissions/${unknownAt}`, 'This is no permission; see the list of permissions.');
  return [...new Set(names.filter(isPermission))];
}
