/** A browser that signs in through an identity provider, step by step, and a tenant that has one. */

import type { Person as Member, TestServer } from './http.ts';
import { testPublicUrl } from './identity.ts';
import type { OidcProvider } from './oidc-provider.ts';

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
      return new URLSearchParams(new URL(location, testPublicUrl).hash.slice(1));
    },
    /** What the page does with its code. */
    exchange(code: string) {
      const headers = cookieHeader(ours);
      return server.inject({ method: 'POST', url: '/api/auth/oidc/exchange', headers, payload: { code } });
    },
    /** All of it. Gives the credential, or the fragment in which the page is told why not. */
    async signIn(slug: string) {
      const fragment = await this.comeBack(await this.visitProvider(await this.begin(slug)));
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
