/**
 * The identity provider of a tenant: set by its admins, read by every sign-in.
 *
 * The client secret is sealed for exactly this issuer and client, so that it opens for no other.
 */

import type { TenantScope } from '../../context.ts';
import { AppError, isAppError } from '../../errors.ts';
import { type Acting, assertMay } from '../acting.ts';
import { notFound } from '../refusals.ts';
import { tenants } from '../tables.ts';
import { keyTypeOf } from './issuers/signed-tokens.ts';
import { createProviderChanges, type ProviderChangesOptions } from './provider-changes.ts';
import { audienceOf, type NewProvider, type ProviderSettings, redirectUriOf } from './provider-input.ts';
import { findProvider, type Provider } from './stored-provider.ts';

/** The identity provider of a tenant, as its admins see it. */
export interface ProviderView extends ProviderSettings {
  readonly hasClientSecret: boolean;
  /** What must be registered at the provider. */
  readonly redirectUri: string;
  /** What access tokens for our APIs must be made for. */
  readonly audience: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** What a look at the provider found. */
export interface ProviderReport {
  readonly issuer: string;
  readonly authorizationEndpoint: string | null;
  readonly tokenEndpoint: string | null;
  readonly jwksUri: string | null;
  readonly keyTypes: readonly string[];
  /** What would keep people from signing in; empty when nothing does. */
  readonly problems: readonly string[];
}

/** What providers need. */
export interface ProvidersOptions extends ProviderChangesOptions {
  /** Address under which browsers reach this server. */
  readonly publicUrl: string;
}

/** Makes the providers. */
export function createProviders(options: ProvidersOptions) {
  const { database, issuers, publicUrl } = options;
  const changes = createProviderChanges(options);

  async function viewOf({ clientSecretSealed, ...provider }: Provider): Promise<ProviderView> {
    const [tenant] = await database.withTenant(provider, (tx) => tx.select({ slug: tenants.slug }).from(tenants));
    return {
      ...provider,
      hasClientSecret: clientSecretSealed !== null,
      redirectUri: redirectUriOf(publicUrl, tenant?.slug ?? ''),
      audience: audienceOf(provider.tenantId),
    };
  }

  async function standing(scope: TenantScope): Promise<Provider> {
    const provider = await database.withTenant(scope, findProvider);
    if (provider === undefined) throw notFound();
    return provider;
  }

  return {
    /** @throws {AppError} resource_not_found when there is none. */
    async get(acting: Acting): Promise<ProviderView> {
      assertMay(acting, 'identity_provider:write');
      return viewOf(await standing(acting));
    },

    /** Sets all there is to say about the provider. Throws what the change throws. */
    set: async (acting: Acting, input: NewProvider): Promise<ProviderView> => viewOf(await changes.set(acting, input)),
    remove: changes.remove,
    allowPasswords: changes.allowPasswords,

    /** Asks the provider what it publishes. @throws {AppError} resource_not_found, dependency_unavailable. */
    async look(acting: Acting): Promise<ProviderReport> {
      assertMay(acting, 'identity_provider:write');
      const provider = await standing(acting);
      const { metadata, keyTypes } = await issuers.look(provider).catch((error: unknown) => {
        throw mendable(error, provider.issuer) ?? error;
      });
      const { code_challenge_methods_supported: challenges, id_token_signing_alg_values_supported: signing } = metadata;
      const problems: string[] = [];
      // Discovery overlooks a slash at the end; the comparison with tokens does not.
      if (metadata.issuer !== provider.issuer)
        problems.push(`It names itself ${metadata.issuer}; write it exactly so.`);
      if (challenges !== undefined && !challenges.includes('S256'))
        problems.push('It does not support PKCE with S256.');
      if (signing !== undefined && !signing.some((name) => provider.algorithms.includes(name as never)))
        problems.push(`It signs ID tokens with ${signing.join(', ')}, none of which is among the algorithms set here.`);
      if (!provider.algorithms.some((algorithm) => keyTypes.includes(keyTypeOf(algorithm))))
        problems.push('It publishes no key of the kind that the algorithms set here need.');
      return {
        issuer: metadata.issuer,
        authorizationEndpoint: metadata.authorization_endpoint ?? null,
        tokenEndpoint: metadata.token_endpoint ?? null,
        jwksUri: metadata.jwks_uri ?? null,
        keyTypes,
        problems,
      };
    },
  };
}

/** What an admin can mend: an address that the way out refuses, or an issuer that calls itself something else. */
function mendable(error: unknown, issuer: string): AppError | undefined {
  for (let inner = error; inner instanceof Error; inner = inner.cause) {
    if (isAppError(inner)) {
      if (inner.code.startsWith('egress_')) return inner;
    } else if ('code' in inner && inner.code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED') {
      const detail = `What answers at ${issuer} names another issuer; write it exactly as the provider does.`;
      return new AppError('dependency_unavailable', { detail, cause: error });
    }
  }
  return undefined;
}

/** The providers of a platform. */
export type Providers = ReturnType<typeof createProviders>;
