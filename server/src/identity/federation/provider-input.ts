/** What an admin says about the identity provider of the tenant, checked before it is kept. */

import { classifications } from '../../context.ts';
import { checkedChoice } from '../input.ts';
import { invalidField } from '../refusals.ts';
import { keyTypeOf, type SignatureAlgorithm, signatureAlgorithms } from './issuers/signed-tokens.ts';
import type { ClaimRule, Mapping } from './mapping.ts';

/** The identity provider of a tenant, as its admin sets it. */
export interface ProviderSettings extends Mapping {
  /** Exactly as the provider writes it into its tokens. */
  readonly issuer: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** Signature algorithms that are accepted, all of one kind of key. */
  readonly algorithms: readonly SignatureAlgorithm[];
  /** Whether somebody who is unknown here becomes a user at the first sign-in. */
  readonly provisionsUsers: boolean;
  /** Whether a user of the same address, which the provider says is verified, is taken for the same person. */
  readonly linksByEmail: boolean;
  /** The claim that holds what the directory sends as externalId, by which a provisioned user is the same person. */
  readonly linksByClaim: string | null;
  /** Whether passwords are refused. */
  readonly signInRequired: boolean;
  /** Whether APIs take access tokens of the provider. */
  readonly acceptsAccessTokens: boolean;
}

/** What an admin sends; what is left out has its default. */
export interface NewProvider extends Partial<ProviderSettings> {
  readonly issuer: string;
  readonly clientId: string;
  /** The secret of the client; when left out the stored one stays, if issuer and client stay; `null` is none. */
  readonly clientSecret?: string | null;
}

const issuerLengthMax = 512;
const clientIdLengthMax = 512;
const clientSecretLengthMax = 1024;
const scopesMax = 20;
const rulesMax = 100;
const claimLengthMax = 200;
const valueLengthMax = 500;
const scopePattern = /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/;

/** Access tokens for our APIs must be made for this audience. It names the tenant, so that no other can claim it. */
export function audienceOf(tenantId: string): string {
  return `urn:genai:tenant:${tenantId}`;
}

/** The tenant of an audience of ours. */
export function tenantOfAudience(audience: string): string | undefined {
  return /^urn:genai:tenant:(ten_[0-9a-f]{32})$/.exec(audience)?.[1];
}

/** Where the provider of a tenant sends browsers back to. */
export function redirectUriOf(publicUrl: string, slug: string): string {
  return `${publicUrl.replace(/\/+$/, '')}/api/auth/oidc/${slug}/callback`;
}

/** The settings with their defaults. @throws {AppError} request_invalid naming the field. */
export function checkedProvider(input: NewProvider): ProviderSettings {
  return {
    issuer: checkedIssuer(input.issuer),
    clientId: checkedText(input.clientId, '/client_id', clientIdLengthMax),
    scopes: checkedScopes(input.scopes ?? ['openid', 'profile', 'email']),
    algorithms: checkedAlgorithms(input.algorithms ?? ['RS256']),
    rules: checkedRules(input.rules ?? []),
    defaultRole: input.defaultRole ?? null,
    defaultClearance: input.defaultClearance ?? null,
    provisionsUsers: input.provisionsUsers ?? false,
    linksByEmail: input.linksByEmail ?? false,
    linksByClaim: input.linksByClaim ?? null,
    signInRequired: input.signInRequired ?? false,
    acceptsAccessTokens: input.acceptsAccessTokens ?? false,
  };
}

/** A client secret as it is sent. @throws {AppError} request_invalid. */
export function checkedSecret(secret: string): string {
  return checkedText(secret, '/client_secret', clientSecretLengthMax);
}

/** Issuers are compared letter by letter, so nothing is normalised away. Where it may lie is decided at the way out. */
function checkedIssuer(issuer: string): string {
  const message = 'Use the https address that the provider names as its issuer, without query and fragment.';
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined;
  const isPlain =
    url !== undefined &&
    issuer.length <= issuerLengthMax &&
    ['http:', 'https:'].includes(url.protocol) &&
    url.username === '' &&
    url.password === '' &&
    !/[?#\s\p{Cc}]/u.test(issuer);
  if (!isPlain) throw invalidField('/issuer', message);
  return issuer;
}

function checkedText(text: string, pointer: string, lengthMax: number): string {
  if (text === '' || text.length > lengthMax || !/^[\x20-\x7e]*$/.test(text)) {
    throw invalidField(pointer, `Use 1 to ${lengthMax} printable ASCII characters.`);
  }
  return text;
}

function checkedScopes(scopes: readonly string[]): readonly string[] {
  if (!scopes.includes('openid')) throw invalidField('/scopes', 'Include openid: without it there is no ID token.');
  if (scopes.length > scopesMax || !scopes.every((scope) => scopePattern.test(scope))) {
    throw invalidField('/scopes', `Use at most ${scopesMax} scopes, each without spaces.`);
  }
  return [...new Set(scopes)];
}

function checkedAlgorithms(algorithms: readonly SignatureAlgorithm[]): readonly SignatureAlgorithm[] {
  for (const algorithm of algorithms) checkedChoice(algorithm, signatureAlgorithms, '/algorithms');
  if (new Set(algorithms.map(keyTypeOf)).size !== 1) {
    throw invalidField('/algorithms', 'Name at least one algorithm, and only such that use the same kind of key.');
  }
  return [...new Set(algorithms)];
}

function checkedRules(rules: readonly ClaimRule[]): readonly ClaimRule[] {
  if (rules.length > rulesMax) throw invalidField('/rules', `Use at most ${rulesMax} rules.`);
  return rules.map(({ claim, value, role, clearance }, index) => {
    const at = `/rules/${index}`;
    if (claim === '' || claim.length > claimLengthMax) throw invalidField(`${at}/claim`, 'Name a claim.');
    if (value === '' || value.length > valueLengthMax) throw invalidField(`${at}/value`, 'Name a value of the claim.');
    if (role === undefined && clearance === undefined) throw invalidField(at, 'Name a role, a clearance, or both.');
    if (clearance !== undefined) checkedChoice(clearance, classifications, `${at}/clearance`);
    return { claim, value, ...(role === undefined ? {} : { role }), ...(clearance === undefined ? {} : { clearance }) };
  });
}
