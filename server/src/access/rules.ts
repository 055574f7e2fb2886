/**
 * The policy, as data: every rule that decides whether somebody may do something to something.
 *
 * A rule allows or denies actions on kinds of resources; a denial may spare resources that have one of some values. Of
 * the rules that fit, the last of the list decides; where none fits, the answer is no. They are rules of CASL, which
 * finds and matches them. The same rules are asked about one resource (decisions.ts) and read off as conditions for the
 * rows of a statement (requirements.ts).
 */

import { type Classification, classificationsWithin, type Principal } from '../context.ts';
import { type Permission, permissionNames } from './permissions.ts';

/** What somebody may be allowed to act on. */
export type Resource =
  /** Nothing in particular. */
  | { readonly kind: 'tenant'; readonly tenantId: string }
  | { readonly kind: 'collection'; readonly tenantId: string; readonly readers: readonly Reader[] }
  | {
      readonly kind: 'document';
      readonly tenantId: string;
      /** Those of its collection. */
      readonly readers: readonly Reader[];
      readonly classification: Classification;
    };
export const resourceKinds = ['tenant', 'collection', 'document'] as const satisfies readonly Resource['kind'][];
export type ResourceKind = (typeof resourceKinds)[number];

/** Whom a collection is granted to, as one text: `everyone:`, `role:analyst`, `team:tem_1`, `user:usr_1`. */
export type Reader = `${'everyone' | 'role' | 'team' | 'user'}:${string}`;

/** All grants that reach a principal. */
export function readersFrom({ userId, role, teamIds }: Principal): readonly Reader[] {
  return ['everyone:', `role:${role}`, `user:${userId}`, ...teamIds.map((id): Reader => `team:${id}`)];
}

/** What a field of a resource must be; of `readers`, which are several, one must be. */
export type Requirement =
  | { readonly field: 'tenantId'; readonly oneOf: readonly string[] }
  | { readonly field: 'classification'; readonly oneOf: readonly Classification[] }
  | { readonly field: 'readers'; readonly oneOf: readonly Reader[] };

/** The rules and what each is for. */
export const ruleNames = {
  role: 'A role allows what it permits, and nothing else is allowed.',
  grant: 'A collection and its documents are for those whom it is granted to.',
  read_all: 'Whoever holds collections:read_all needs no grant.',
  clearance: 'Nothing above the clearance.',
  tenant: 'Nothing of another tenant.',
  scope: 'A credential with scopes does nothing beyond them.',
} as const;
export type RuleName = keyof typeof ruleNames;

/** A rule, in the form of CASL: it fits resources that meet its conditions, all when it has none. */
export interface Rule {
  readonly reason: RuleName;
  readonly inverted: boolean;
  readonly action: Permission[];
  readonly subject: ResourceKind[];
  readonly conditions?: Conditions;
}

/** In the query language of CASL, which is that of MongoDB: a field that is, or holds, none of the values. */
export interface Conditions {
  readonly [field: string]: { readonly $nin: readonly string[] };
}

/** The rules about a principal, whose actions are all that the role permits; later rules overrule earlier ones. */
export function rulesAbout(principal: Principal): Rule[] {
  const { tenantId, permissions, scopes, clearance } = principal;
  const held = permissionNames.filter((name) => permissions.has(name));
  const outOfScope = scopes === undefined ? [] : held.filter((name) => !scopes.includes(name));
  const readsAll = held.includes('collections:read_all') && !outOfScope.includes('collections:read_all');
  return [
    allow('role', held, resourceKinds),
    deny('grant', held, ['collection', 'document'], { field: 'readers', oneOf: readersFrom(principal) }),
    allow('read_all', readsAll ? held : [], ['collection', 'document']),
    deny('clearance', held, ['document'], { field: 'classification', oneOf: classificationsWithin(clearance) }),
    deny('tenant', held, resourceKinds, { field: 'tenantId', oneOf: [tenantId] }),
    deny('scope', outOfScope, resourceKinds),
  ];
}

function allow(reason: RuleName, action: Permission[], kinds: readonly ResourceKind[]): Rule {
  return { reason, inverted: false, action, subject: [...kinds] };
}

/** A denial of all resources, or of those that do not meet the requirement. */
function deny(reason: RuleName, action: Permission[], kinds: readonly ResourceKind[], unless?: Requirement): Rule {
  const rule = { reason, inverted: true, action, subject: [...kinds] };
  return unless === undefined ? rule : { ...rule, conditions: { [unless.field]: { $nin: unless.oneOf } } };
}
