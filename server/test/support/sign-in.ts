/** Signing in through an identity provider: a tenant that has one, a browser that goes there step by step, and people. */

import { tmpdir } from 'node:os';
import { type Config, loadConfig } from '../../src/config/index.ts';
import { createEgress } from '../../src/egress/index.ts';
import type { TestDatabaseKind } from './database.ts';
import { type Person as Member, openTestServer, type TestServer } from './http.ts';
import { testPublicUrl } from './identity.ts';
import { type OidcProvider, startOidcProvider } from './oidc-provider.ts';

/** Cookies by name, as a browser keeps them for one server. */
type Jar = Map<string, string>;

const clientSecret = 'a-secret-of-the-client-0123456789';
const redirectsMax = 10;

/** Makes the provider known to a tenant, and the tenant to the provider. */
export async function connect(
  server: TestServer,
  provider: OidcProvider,
  tenant: { readonly slug: string; readonly admin: Member },
  settings: Readonly<Record<string, unknown>> = {},
) {
  const clientId = `client-of-${tenant.slug}`;
  provider.addClient({
    clientId,
    clientSecret,
    redirectUris: [`${testPublicUrl}/api/auth/oidc/${tenant.slug}/callback`],
  });
  return server.as(tenant.admin, 'PUT', '/api/identity-provider', {
    issuer: provider.issuer,
    client_id: clientId,
    client_secret: clientSecret,
    scopes: ['openid', 'email', 'profile', 'groups'],
    default_role: 'viewer',
    default_clearance: 'internal',
    provisions_users: true,
    ...settings,
  });
}

/** A browser with nothing in it. */
export function newBrowser(server: TestServer, provider: OidcProvider) {
  const ours: Jar = new Map();
  const theirs: Jar = new Map();

  async function get(path: string) {
    const response = await server.inject({ method: 'GET', url: path, headers: cookieHeader(ours) });
    keep(ours, [response.headers['set-cookie'] ?? []].flat());
    return {
      status: response.statusCode,
      location: String(response.headers.location ?? ''),
      headers: response.headers,
    };
  }

  return {
    cookies: ours,
    get,
    /** The first step; gives the address at the provider. */
    async begin(slug: string): Promise<URL> {
      const { location } = await get(`/api/auth/oidc/${slug}`);
      return new URL(location, testPublicUrl);
    },
    /** Follows the provider until it sends the browser back, and gives where to. */
    async visitProvider(address: URL): Promise<URL> {
      let next = address;
      for (let redirects = 0; redirects < redirectsMax; redirects += 1) {
        if (next.origin !== provider.issuer) return next;
        const response = await fetch(next, { redirect: 'manual', headers: cookieHeader(theirs) });
        keep(theirs, response.headers.getSetCookie());
        const location = response.headers.get('location');
        if (location === null) throw new Error(`The provider answered ${response.status}: ${await response.text()}`);
        next = new URL(location, next);
      }
      throw new Error('The provider redirects without end.');
    },
    /** Comes back; gives the fragment that the page is opened with. */
    async comeBack(address: URL): Promise<URLSearchParams> {
      const { location } = await get(address.pathname + address.search);
      return fragmentOf(new URL(location, testPublicUrl));
    },
    /** What the page does with its code. */
    exchange(code: string) {
      const headers = cookieHeader(ours);
      return server.inject({ method: 'POST', url: '/api/auth/oidc/exchange', headers, payload: { code } });
    },
    /** All of it. Gives the credential, or the fragment in which the page is told why not. */
    async signIn(slug: string) {
      const there = await this.begin(slug);
      const isSent = there.origin === provider.issuer;
      const fragment = isSent ? await this.comeBack(await this.visitProvider(there)) : fragmentOf(there);
      const code = fragment.get('sign-in');
      if (code === null) return { fragment, who: undefined };
      const response = await this.exchange(code);
      const { access_token: token } = response.json<{ access_token: string }>();
      return { fragment, who: { headers: { authorization: `Bearer ${token}` } } };
    },
  };
}

/** What `newBrowser` gives. */
export type TestBrowser = ReturnType<typeof newBrowser>;

/** What the page is told, behind the # of its address. */
function fragmentOf({ hash }: URL): URLSearchParams {
  return new URLSearchParams(hash.slice(1));
}

function cookieHeader(jar: Jar): Record<string, string> {
  return jar.size === 0 ? {} : { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') };
}

function keep(jar: Jar, lines: readonly string[]): void {
  for (const line of lines) {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    const isExpired = value === '' || /max-age=0|expires=Thu, 01 Jan 1970/i.test(line);
    if (isExpired) jar.delete(name);
    else jar.set(name, value);
  }
}

/** What lies between us and the provider. */
export type Way = (address: string, answer: Response) => Promise<Response> | Response;
const straight: Way = (_address, answer) => answer;

/** A server and a provider, and people who sign in. */
export async function openSignInTest(open: TestDatabaseKind['open']) {
  let way = straight;
  const provider = await startOidcProvider();
  const egress = createEgress({ settings: egressSettingsFor(provider) });
  const web = {
    publicUrl: testPublicUrl,
    fetch: async (url: Parameters<typeof fetch>[0], init?: RequestInit) =>
      way(String(url), await egress.fetch(url, init)),
  };
  const environment = { RATE_LIMIT_ANONYMOUS_REQUESTS_PER_MINUTE: '1000000' };
  const server = await openTestServer({ open, environment, identity: { nowMs: Date.now(), web } });
  let people = 0;

  const test = {
    server,
    provider,
    /** Puts something between us and the provider, until the next `reset`. */
    setWay(next: Way): void {
      way = next;
    },
    browser: () => newBrowser(server, provider),
    signIn: (slug = 'acme') => newBrowser(server, provider).signIn(slug),
    /** Everything as at the beginning. */
    async reset(): Promise<void> {
      way = straight;
      server.clock.nowMs = Date.now();
      await connect(server, provider, server.acme);
    },
    /** Somebody new at the provider, who is the one that signs in. */
    newPerson(more: Readonly<Record<string, unknown>> = {}) {
      people += 1;
      const email = `p${people}@acme.example`;
      const person = { sub: `p-${people}`, email, email_verified: true, name: `P ${people}`, ...more };
      provider.be(person);
      return person;
    },
    me: async (who: Pick<Member, 'headers'> | undefined) => (await server.as(who, 'GET', '/api/me')).body,
    /** The users of `acme`. */
    async users() {
      const { body } = await server.as<{ data: User[] }>(server.acme.admin, 'GET', '/api/users?limit=200');
      return body.data;
    },
    userOf: async ({ email }: { readonly email: string }) => (await test.users()).find((user) => user.email === email),
    told: ({ fragment }: { readonly fragment: URLSearchParams }) => Object.fromEntries(fragment),
    /** The details of what was audited, the newest first. */
    async audited(action: string) {
      const { body } = await server.as<{ data: Audited[] }>(server.acme.admin, 'GET', '/api/audit?limit=50');
      return body.data.filter(({ event }) => event.action === action).map(({ event }) => event.details);
    },
    async close(): Promise<void> {
      await server.stop();
      await provider.close();
    },
  };
  return test;
}

/** The way out as an operator would open it to a provider on this machine, and to nothing else. */
function egressSettingsFor({ issuer }: OidcProvider): Config['egress'] {
  const environment = {
    EGRESS_HTTP_ALLOWED: 'true',
    EGRESS_PORTS: new URL(issuer).port,
    EGRESS_ALLOWED_NETWORKS: '127.0.0.1/32',
  };
  return loadConfig({ environment, directory: tmpdir() }).config.egress;
}

/** What `openSignInTest` gives. */
export type SignInTest = Awaited<ReturnType<typeof openSignInTest>>;

interface User {
  readonly id: string;
  readonly email: string;
  readonly role: string;
  readonly clearance: string;
  readonly status: string;
}

interface Audited {
  readonly event: { readonly action: string; readonly details?: object };
}
