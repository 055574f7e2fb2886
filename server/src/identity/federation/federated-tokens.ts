/**
 * Access tokens of a tenant's identity provider as credentials of our APIs.
 *
 * The audience is one that we assign, and it names the tenant: that tells by whose provider to verify the token, so nothing
 * is looked for across tenants, and two tenants with one issuer cannot take each other's tokens. A token says who, never
 * what they may do: role and clearance are read from the user's row, and a scope of the token can only narrow them.
 */

import { and, eq } from 'drizzle-orm';
import { isPermission } from '../../access/index.ts';
import type { Database } from '../../db/index.ts';
import type { Vault } from '../../vault/index.ts';
import { type Authenticated, authenticatedFrom, principalColumns } from '../principal.ts';
import { authenticationRequired } from '../refusals.ts';
import { isRoleOfUser } from '../roles/held-role.ts';
import { roles, tenants, users } from '../tables.ts';
import { subjectDigest } from './federated-users.ts';
import type { Issuers } from './issuers/issuers.ts';
import { unverifiedClaims } from './issuers/signed-tokens.ts';
import { audienceOf, tenantOfAudience } from './provider-input.ts';
import { findProvider } from './stored-provider.ts';
import { userIdentities } from './tables.ts';

/** What federated tokens need. */
export interface FederatedTokensOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly issuers: Issuers;
  readonly now: () => number;
}

/** RFC 9068 names the first; many providers write the general one. */
const accessTokenTypes = ['at+jwt', 'application/at+jwt', 'jwt'] as const;
/** Claims that only an ID token has: it says who signed in, and opens no API. */
const idTokenClaims = ['nonce', 'at_hash', 'c_hash', 's_hash'] as const;

/** Makes the authentication. @throws {AppError} authentication_required; dependency_unavailable when the keys are out of reach. */
export function createFederatedTokens({ database, vault, issuers, now }: FederatedTokensOptions) {
  return async function authenticateFederated(token: string): Promise<Authenticated> {
    const claimed = unverifiedClaims(token);
    const named = new Set(claimed?.audiences.map(tenantOfAudience).filter((tenantId) => tenantId !== undefined));
    const [tenantId] = named;
    if (claimed === undefined || tenantId === undefined || named.size > 1)
      throw authenticationRequired('The token is not for exactly one tenant.');
    const provider = await database.withTenant({ tenantId }, findProvider);
    if (provider === undefined || !provider.acceptsAccessTokens || provider.issuer !== claimed.issuer)
      throw authenticationRequired('The tenant takes no tokens of this issuer.');
    const verdict = await issuers.verify(provider, token, {
      audience: audienceOf(tenantId),
      algorithms: provider.algorithms,
      types: accessTokenTypes,
      nowMs: now(),
    });
    if ('refused' in verdict) throw authenticationRequired(`The token is ${verdict.refused}.`);
    const { sub: subject = '', scope, ...claims } = verdict.payload;
    if (idTokenClaims.some((name) => Object.hasOwn(claims, name))) throw authenticationRequired('This is an ID token.');
    const digest = subjectDigest(await vault.forTenant({ tenantId }), provider.issuer, subject);
    const [row] = await database.withTenant({ tenantId }, (tx) =>
      tx
        .select({ ...principalColumns, identityId: userIdentities.id })
        .from(userIdentities)
        .innerJoin(users, and(eq(users.tenantId, userIdentities.tenantId), eq(users.id, userIdentities.userId)))
        .innerJoin(tenants, eq(tenants.tenantId, userIdentities.tenantId))
        .leftJoin(roles, isRoleOfUser)
        .where(
          and(
            eq(userIdentities.issuer, provider.issuer),
            eq(userIdentities.subjectDigest, digest),
            eq(users.status, 'active'),
            eq(tenants.status, 'active'),
          ),
        ),
    );
    if (row === undefined) throw authenticationRequired('The user never signed in, or user or tenant is not active.');
    return authenticatedFrom(row, { kind: 'federated', id: row.identityId }, scopesOf(scope));
  };
}

/** The permissions that the scope of a token names; `undefined`, which is no limit, when it names none. */
function scopesOf(scope: unknown): readonly string[] | undefined {
  const named = typeof scope === 'string' ? scope.split(' ').filter(isPermission) : [];
  return named.length === 0 ? undefined : named;
}
