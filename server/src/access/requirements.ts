/** The rules as conditions: what resources must be like so that somebody may do something to them. */

import type { Principal } from '../context.ts';
import type { Permission } from './permissions.ts';
import { fittingRules } from './policy.ts';
import type { Requirement, ResourceKind } from './rules.ts';

/**
 * All that a resource of this kind must meet so that the principal may do this to it, for statements that select no other
 * rows: exactly those of which `can` says the same. `undefined` when there is none, whatever it is like.
 */
export function requirementsFor(
  principal: Principal,
  action: Permission,
  kind: ResourceKind,
): readonly Requirement[] | undefined {
  const requirements: Requirement[] = [];
  for (const { inverted, conditions } of fittingRules(principal, action, kind)) {
    if (!inverted) return requirements;
    if (conditions === undefined) return undefined;
    for (const [field, { $nin }] of Object.entries(conditions))
      requirements.push({ field, oneOf: $nin } as Requirement);
  }
  return undefined;
}
