/**
 * What issuers publish about themselves: their endpoints (OpenID Connect Discovery 1.0) and their keys (RFC 7517).
 *
 * Kept per tenant and issuer, never shared between tenants: what one tenant's traffic loads or holds off must not show in
 * another's. Tokens with unknown keys, however many, make one request a minute; a rotation costs one.
 */

import { createLocalJWKSet, type JSONWebKeySet } from 'jose';
import {
  allowInsecureRequests,
  ClientSecretBasic,
  ClientSecretPost,
  Configuration,
  customFetch,
  discovery,
  None,
  type ServerMetadata,
} from 'openid-client';
import { z } from 'zod';
import type { Egress } from '../../../egress/index.ts';
import { AppError } from '../../../errors.ts';
import { createRemoteDocument, type RemoteDocument, type RemoteDocumentLimits } from './remote-document.ts';
import { type PublishedKeys, type TokenExpectations, type TokenVerdict, verifySignedToken } from './signed-tokens.ts';

/** How we are known to an issuer. */
export interface Client {
  readonly tenantId: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
}

/** The issuer of a tenant. */
type IssuerOfTenant = Pick<Client, 'tenantId' | 'issuer'>;

/** What issuers publish. */
export interface Issuers {
  /** What openid-client needs to talk to the issuer. @throws {AppError} dependency_unavailable. */
  readonly configuration: (client: Client) => Promise<Configuration>;
  /** Verifies a token of the issuer; an unknown key makes us look for new ones. @throws {AppError} dependency_unavailable. */
  readonly verify: (
    issuer: IssuerOfTenant,
    token: string,
    expected: Omit<TokenExpectations, 'issuer'>,
  ) => Promise<TokenVerdict>;
  /** The algorithms of the published keys, asked for anew. @throws {AppError} dependency_unavailable. */
  readonly look: (
    issuer: IssuerOfTenant,
  ) => Promise<{ readonly metadata: ServerMetadata; readonly keyTypes: readonly string[] }>;
  /** Forgets what is known of a tenant's issuers, after its provider changed. */
  readonly forget: (tenantId: string) => void;
}

/** What the issuers need. */
export interface IssuersOptions {
  /** The way out of the house. */
  readonly fetch: Egress['fetch'];
  readonly now: () => number;
}

interface Published {
  readonly metadata: RemoteDocument<ServerMetadata>;
  readonly keys: RemoteDocument<{ readonly find: PublishedKeys; readonly types: readonly string[] }>;
}

const limits: RemoteDocumentLimits = { freshMs: 10 * 60_000, staleMs: 60 * 60_000, intervalMs: 60_000 };
const timeoutMs = 10_000;
/** Issuers remembered; beyond it the one that was used longest ago is forgotten. */
const issuersMax = 10_000;
const keysMax = 100;
const keySetLengthMax = 256 * 1024;

const keySet = z.object({
  keys: z
    .array(z.looseObject({ kty: z.string() }))
    .min(1)
    .max(keysMax),
});

/** Makes the memory of this process. */
export function createIssuers({ fetch, now }: IssuersOptions): Issuers {
  // The order of insertion is the order of use.
  const published = new Map<string, Published>();
  /** No redirects, and a failure on the way is told from what the provider answers. */
  const fetchOnce: Egress['fetch'] = async (url, init) => {
    try {
      return await fetch(url, { ...init, redirect: 'manual' });
    } catch (error) {
      throw unreachable(error);
    }
  };

  function publishedBy({ tenantId, issuer }: IssuerOfTenant): Published {
    const key = keyOf(tenantId, issuer);
    const entry = published.get(key) ?? publishedFrom(issuer);
    published.delete(key);
    const [oldest] = published.keys();
    if (published.size >= issuersMax && oldest !== undefined) published.delete(oldest);
    published.set(key, entry);
    return entry;
  }

  function publishedFrom(issuer: string): Published {
    const metadata = createRemoteDocument(() => discovered(issuer), limits, now);
    const keys = createRemoteDocument(async () => keysAt((await metadata.get()).jwks_uri), limits, now);
    return { metadata, keys };
  }

  /** The issuer in the answer is compared with the one asked for, letter by letter. */
  async function discovered(issuer: string): Promise<ServerMetadata> {
    const configuration = await discovery(new URL(issuer), 'unused', undefined, None(), {
      // Whether plain HTTP may be used at all is decided at the way out.
      execute: [allowInsecureRequests],
      timeout: timeoutMs / 1000,
      [customFetch]: fetchOnce as never,
    });
    const { supportsPKCE: _, ...metadata } = configuration.serverMetadata();
    return metadata;
  }

  async function keysAt(address: string | undefined) {
    if (address === undefined) throw new Error('The discovery document names no jwks_uri.');
    const response = await fetchOnce(address, {
      headers: { accept: 'application/jwk-set+json, application/json' },
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (response.status !== 200) throw new Error(`The keys were answered with ${response.status}.`);
    const text = await response.text();
    if (text.length > keySetLengthMax) throw new Error('The key set is too large.');
    const { keys } = keySet.parse(JSON.parse(text));
    return { find: createLocalJWKSet({ keys } as JSONWebKeySet), types: [...new Set(keys.map(({ kty }) => kty))] };
  }

  return {
    async configuration(client) {
      const metadata = await publishedBy(client).metadata.get();
      const { clientId, clientSecret } = client;
      const configuration = new Configuration(metadata, clientId, undefined, authentication(metadata, clientSecret));
      configuration[customFetch] = fetchOnce as never;
      configuration.timeout = timeoutMs / 1000;
      allowInsecureRequests(configuration);
      return configuration;
    },

    async verify(issuer, token, expected) {
      const { keys } = publishedBy(issuer);
      const expectations = { ...expected, issuer: issuer.issuer };
      const verdict = await verifySignedToken(token, (await keys.get()).find, expectations);
      if (!('refused' in verdict) || verdict.refused !== 'unknown_key') return verdict;
      return verifySignedToken(token, (await keys.renew()).find, expectations);
    },

    async look(issuer) {
      published.delete(keyOf(issuer.tenantId, issuer.issuer));
      const { metadata, keys } = publishedBy(issuer);
      return { metadata: await metadata.get(), keyTypes: (await keys.get()).types };
    },

    forget(tenantId) {
      for (const key of published.keys()) if (key.startsWith(keyOf(tenantId, ''))) published.delete(key);
    },
  };
}

function unreachable(cause: unknown): AppError {
  return new AppError('dependency_unavailable', { detail: 'The identity provider could not be reached.', cause });
}

function keyOf(tenantId: string, issuer: string): string {
  return `${tenantId} ${issuer}`;
}

/** The method that the issuer supports; the default of the standard is Basic. */
function authentication(
  { token_endpoint_auth_methods_supported: methods }: ServerMetadata,
  secret: string | undefined,
) {
  if (secret === undefined) return None();
  const isPostOnly = methods !== undefined && !methods.includes('client_secret_basic');
  return isPostOnly ? ClientSecretPost(secret) : ClientSecretBasic(secret);
}
