/**
 * What the claims of a provider mean here: role, clearance, address and name. Pure functions of claims and settings.
 *
 * Claims are looked up as own properties only, so no name of a claim reaches a prototype. The first rule that fits
 * decides, so the order that the admin wrote is the order of precedence.
 */

import type { Classification } from '../../context.ts';
import { normalisedEmail } from '../input.ts';

/** Claims of an ID token, access token or userinfo answer. */
export type Claims = Readonly<Record<string, unknown>>;

/** What having a value in a claim gives. */
export interface ClaimRule {
  /** Name of the claim; `realm_access.roles` also finds `roles` within `realm_access`. */
  readonly claim: string;
  /** The value, or one of the values where the claim is a list. */
  readonly value: string;
  readonly role?: string;
  readonly clearance?: Classification;
}

/** Rules, and what those get whom none fits; `null` is no access. */
export interface Mapping {
  readonly rules: readonly ClaimRule[];
  readonly defaultRole: string | null;
  readonly defaultClearance: Classification | null;
}

/** What somebody may do here. */
export interface MappedRights {
  readonly role: string;
  readonly clearance: Classification;
}

/** Who somebody is, as far as the provider says. */
export interface MappedPerson {
  readonly email: string | undefined;
  /** `undefined` when the provider does not say; only `true` is proof. */
  readonly isEmailVerified: boolean | undefined;
  readonly name: string;
}

const nameLengthMax = 200;

/** The rights that the claims give; `undefined` when they give no role or no clearance, which is no access. */
export function rightsFromClaims(claims: Claims, mapping: Mapping): MappedRights | undefined {
  const fitting = mapping.rules.filter(({ claim, value }) => holds(claimNamed(claims, claim), value));
  const role = fitting.find((rule) => rule.role !== undefined)?.role ?? mapping.defaultRole;
  const clearance = fitting.find((rule) => rule.clearance !== undefined)?.clearance ?? mapping.defaultClearance;
  return role === null || clearance === null ? undefined : { role, clearance };
}

/** Address and name, in the form in which users have them. */
export function personFromClaims(claims: Claims): MappedPerson {
  const { email: address, email_verified: verified } = claims;
  const email = typeof address === 'string' ? normalisedEmail(address) : undefined;
  const names = [claims['name'], claims['preferred_username'], email];
  return {
    email,
    isEmailVerified: typeof verified === 'boolean' ? verified : undefined,
    name: names.map(nameFrom).find((name) => name !== undefined) ?? 'Unnamed',
  };
}

function nameFrom(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const name = value
    .toWellFormed()
    .replace(/\p{Cc}/gu, ' ')
    .trim();
  return name === '' ? undefined : Array.from(name).slice(0, nameLengthMax).join('').trim();
}

/** The text that a claim holds, if it holds one. */
export function textClaim(claims: Claims, name: string): string | undefined {
  const value = claimNamed(claims, name);
  return typeof value === 'string' && value !== '' && value.isWellFormed() ? value : undefined;
}

/** The whole name first: providers use names with dots, such as `https://example.com/roles`. */
function claimNamed(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Claims)[part];
  }
  return value;
}

function holds(claim: unknown, value: string): boolean {
  return Array.isArray(claim) ? claim.includes(value) : claim === value;
}
