/** The rules about a principal, ready to be asked. CASL indexes them by action and kind and matches their conditions. */

import { Ability, mongoQueryMatcher, type RuleOf } from '@casl/ability';
import type { Principal } from '../context.ts';
import { type Conditions, type Resource, type ResourceKind, rulesAbout } from './rules.ts';

type Asked = [action: string, subject: ResourceKind | Resource];
type Policy = Ability<Asked, Conditions>;

/** A rule that fits an action on a kind of resource; `matchesConditions` tells whether it fits a given resource. */
export type FittingRule = RuleOf<Policy>;

/** A principal lives as long as their request and does not change, so its rules are made once; they go with it. */
const policies = new WeakMap<Principal, Policy>();

/** The rules that fit an action on a kind of resource, the one that overrules the others first. */
export function fittingRules(principal: Principal, action: string, kind: ResourceKind): readonly FittingRule[] {
  let policy = policies.get(principal);
  if (policy === undefined) {
    policy = new Ability<Asked, Conditions>(rulesAbout(principal), { conditionsMatcher: mongoQueryMatcher });
    policies.set(principal, policy);
  }
  return policy.rulesFor(action, kind);
}
