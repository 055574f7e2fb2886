/** Signing in through an identity provider, against a real one: the browser's whole way, and every way to cheat on it. */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testDatabases } from './support/database.ts';
import { openTestServer, type TestServer } from './support/http.ts';
import { type OidcProvider, startOidcProvider } from './support/oidc-provider.ts';
import { connect, newBrowser } from './support/sign-in.ts';

describe.each(testDatabases)('signing in with an organisation on $name', ({ open }) => {
  let server: TestServer;
  let provider: OidcProvider;
  beforeAll(async () => {
    [server, provider] = await Promise.all([
      openTestServer({ open, identity: { nowMs: Date.now() } }),
      startOidcProvider(),
    ]);
  });
  afterAll(async () => {
    await server?.stop();
    await provider?.close();
  });
  beforeEach(() => {
    server.clock.nowMs = Date.now();
  });

  it('takes somebody unknown from the page to the provider and back, as a user with what the rules give', async () => {
    const rules = [
      { claim: 'groups', value: 'research', role: 'analyst', clearance: 'confidential' },
      { claim: 'groups', value: 'everyone', role: 'viewer', clearance: 'public' },
    ];
    expect(await connect(server, provider, server.acme, { rules })).toMatchObject({ status: 200 });
    provider.be({
      sub: 'p-1',
      email: 'Grace@acme.example',
      email_verified: true,
      name: 'Grace',
      groups: ['everyone', 'research'],
    });
    const { who, fragment } = await newBrowser(server, provider).signIn('acme');
    expect(Object.fromEntries(fragment)).toEqual({ 'sign-in': expect.stringMatching(/^si-gen-/) });
    const me = await server.as(who, 'GET', '/api/me');
    expect(me.body).toMatchObject({
      user: { email: 'grace@acme.example', name: 'Grace', role: 'analyst', clearance: 'confidential' },
      tenant: { slug: 'acme' },
      credential: { kind: 'session' },
    });
  });
});
