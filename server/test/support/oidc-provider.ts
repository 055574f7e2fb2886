/**
 * A real OpenID provider (`oidc-provider`) on loopback. Whoever comes is the person that the test names; there is no form.
 *
 * Its keys can be exchanged while it runs, it counts what it is asked for, and it signs anything that a test wants signed.
 */

import { generateKeyPairSync, type JsonWebKey, type KeyObject, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignJWT } from 'jose';
import Provider, { type ClientMetadata, type Configuration } from 'oidc-provider';

/** Somebody whom the provider knows, by subject. */
export type Person = Readonly<Record<string, unknown>> & { readonly sub: string };

/** A key pair of the provider. */
export interface ProviderKey {
  readonly kid: string;
  readonly alg: 'RS256' | 'PS256' | 'ES256' | 'EdDSA';
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** A new key pair. */
export function newProviderKey(alg: ProviderKey['alg'] = 'RS256'): ProviderKey {
  return { kid: randomUUID(), alg, ...pairFor(alg) };
}

function pairFor(alg: ProviderKey['alg']) {
  if (alg === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return alg === 'EdDSA' ? generateKeyPairSync('ed25519') : generateKeyPairSync('rsa', { modulusLength: 2048 });
}

/** A client of the provider. */
export interface ProviderClient {
  readonly clientId: string;
  readonly clientSecret?: string;
  readonly redirectUris: readonly string[];
}

/** Starts a provider with one signing key. */
export async function startOidcProvider() {
  const people = new Map<string, Person>();
  const clients = new Map<string, ClientMetadata>();
  const requests: string[] = [];
  const state: { keys: ProviderKey[]; current: string | undefined; isDown: boolean } = {
    keys: [newProviderKey()],
    current: undefined,
    isDown: false,
  };
  let handler: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;

  const server = createServer((request, response) => {
    requests.push(new URL(request.url ?? '/', 'http://x').pathname);
    if (state.isDown) response.writeHead(503).end();
    else handler?.(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  /** The library takes its configuration once, so a change of it is a new instance behind the same address. */
  function restart(): void {
    const provider = new Provider(issuer, configurationOf([...clients.values()], state.keys, people));
    // Whoever comes is the person of the moment, and agrees to everything.
    const answer = provider.callback();
    handler = (request, response) => {
      const isInteraction = request.url?.startsWith('/interaction/') === true;
      if (!isInteraction) return void answer(request, response);
      finishInteraction(provider, request, response, state.current).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    };
  }
  restart();

  return {
    issuer,
    requests,
    /** Who signs in from now on; `undefined` is somebody who turns away. */
    be(person: Person | undefined): void {
      state.current = person?.sub;
      if (person !== undefined) people.set(person.sub, person);
    },
    addClient({ clientId, clientSecret, redirectUris }: ProviderClient): void {
      clients.set(clientId, {
        client_id: clientId,
        redirect_uris: [...redirectUris],
        response_types: ['code'],
        grant_types: ['authorization_code'],
        ...(clientSecret === undefined ? {} : { client_secret: clientSecret }),
        token_endpoint_auth_method: clientSecret === undefined ? 'none' : 'client_secret_basic',
      });
      restart();
    },
    /** The keys from now on; the first one signs. */
    setKeys(...keys: ProviderKey[]): void {
      state.keys = keys;
      restart();
    },
    key(): ProviderKey {
      const [key] = state.keys;
      if (key === undefined) throw new Error('The provider has no key.');
      return key;
    },
    setDown(isDown: boolean): void {
      state.isDown = isDown;
    },
    count: (path: string) => requests.filter((request) => request === path).length,
    /** Signs claims as the provider would, or in any other way. */
    sign(
      claims: Readonly<Record<string, unknown>>,
      header: Readonly<Record<string, unknown>> = {},
      key: ProviderKey | undefined = state.keys[0],
    ): Promise<string> {
      if (key === undefined) throw new Error('There is no key to sign with.');
      return new SignJWT(claims)
        .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'at+jwt', ...header })
        .sign(key.privateKey);
    },
    async close(): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A running provider. */
export type OidcProvider = Awaited<ReturnType<typeof startOidcProvider>>;

function configurationOf(
  clients: ClientMetadata[],
  keys: readonly ProviderKey[],
  people: ReadonlyMap<string, Person>,
): Configuration {
  return {
    clients,
    jwks: {
      keys: keys.map(({ kid, alg, privateKey }) => ({
        ...privateKey.export({ format: 'jwk' }),
        kid,
        alg,
        use: 'sig',
      })) as JsonWebKey[],
    },
    clientDefaults: { id_token_signed_response_alg: keys[0]?.alg ?? 'RS256' },
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['name', 'preferred_username'],
      groups: ['groups', 'oid'],
    },
    cookies: { keys: ['not a secret'] },
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, resource) => ({
          scope: 'query:ask documents:read',
          audience: resource,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: keys[0]?.alg ?? 'RS256' } },
        }),
      },
    },
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    findAccount: (_ctx, sub) => {
      const person = people.get(sub);
      return person === undefined ? undefined : { accountId: sub, claims: () => ({ ...person }) };
    },
    ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
  } as Configuration;
}

async function finishInteraction(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
  accountId: string | undefined,
): Promise<void> {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  if (accountId === undefined) {
    const error = { error: 'access_denied', error_description: 'The person turned away.' };
    await provider.interactionFinished(request, response, error, { mergeWithLastSubmission: false });
    return;
  }
  if (prompt.name === 'login') {
    await provider.interactionFinished(request, response, { login: { accountId } }, { mergeWithLastSubmission: false });
    return;
  }
  const known = grantId === undefined ? undefined : await provider.Grant.find(grantId);
  const grant =
    known ?? new provider.Grant({ accountId: session?.accountId ?? accountId, clientId: String(params['client_id']) });
  grant.addOIDCScope(String(params['scope']));
  if (typeof params['resource'] === 'string') grant.addResourceScope(params['resource'], 'query:ask documents:read');
  const consent = { grantId: await grant.save() };
  await provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
}
