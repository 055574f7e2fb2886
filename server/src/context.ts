/**
 * The context of one request: who asks, for which tenant, until when.
 *
 * It is made once at the edge, by authentication, and passed down explicitly; nothing below the edge looks at headers.
 */

import type { Logger } from 'pino';

export type { Logger } from 'pino';

/** Service level of a tenant. */
export const tenantTiers = ['enterprise', 'professional', 'starter', 'free'] as const;
export type TenantTier = (typeof tenantTiers)[number];

/** The roles of every tenant; a tenant may make more of its own. */
export const builtInRoles = ['admin', 'analyst', 'viewer'] as const;
export type BuiltInRole = (typeof builtInRoles)[number];

/** Sensitivity of content, lowest first; a clearance is the highest that a user may see. */
export const classifications = ['public', 'internal', 'confidential', 'restricted'] as const;
export type Classification = (typeof classifications)[number];

/** Whether content of a classification is within a clearance. */
export function isWithinClearance(classification: Classification, clearance: Classification): boolean {
  return classifications.indexOf(classification) <= classifications.indexOf(clearance);
}

/** The higher of two classifications. */
export function highestClassification(a: Classification, b: Classification): Classification {
  return isWithinClearance(a, b) ? b : a;
}

/** The classifications within a clearance, lowest first. */
export function classificationsWithin(clearance: Classification): readonly Classification[] {
  return classifications.slice(0, classifications.indexOf(clearance) + 1);
}

/** Everything below the edge that knows for which tenant it works. */
export interface TenantScope {
  readonly tenantId: string;
}

/** How somebody can prove who they are. */
export const credentialKinds = ['session', 'api_key', 'federated', 'break_glass'] as const;
export type CredentialKind = (typeof credentialKinds)[number];

/** An authenticated user of a tenant, as their rows stood at authentication. */
export interface Principal extends TenantScope {
  readonly userId: string;
  /** A built-in role, or one that the tenant made. */
  readonly role: string;
  /** What the role permits. */
  readonly permissions: ReadonlySet<string>;
  readonly teamIds: readonly string[];
  readonly clearance: Classification;
  readonly credential: { readonly kind: CredentialKind; readonly id: string };
  /** What the credential is limited to; `undefined` means all that the role permits. */
  readonly scopes: readonly string[] | undefined;
}

/** One request of one principal. */
export interface RequestContext extends TenantScope {
  readonly requestId: string;
  readonly tier: TenantTier;
  readonly principal: Principal;
  /** Milliseconds since the epoch after which nobody waits for the answer. */
  readonly deadlineMs: number;
  /** Aborts when the client leaves or the deadline passes. */
  readonly signal: AbortSignal;
  readonly log: Logger;
}
