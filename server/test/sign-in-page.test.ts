/** Signing in with an organisation, in a real browser, through the whole server with its real way out. */

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestApp, type TestApp } from './support/app.ts';
import { openBrowser, openTab } from './support/browser.ts';
import { anyTestDatabase } from './support/database.ts';
import { freePort } from './support/free-port.ts';
import { type OidcProvider, startOidcProvider } from './support/oidc-provider.ts';

let provider: OidcProvider;
let server: TestApp;
let browser: Browser;

beforeAll(async () => {
  const port = await freePort();
  provider = await startOidcProvider();
  const environment = {
    PORT: String(port),
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    EGRESS_HTTP_ALLOWED: 'true',
    EGRESS_PORTS: new URL(provider.issuer).port,
    EGRESS_ALLOWED_NETWORKS: '127.0.0.1/32',
  };
  [browser, server] = await Promise.all([openBrowser(), startTestApp(anyTestDatabase(), environment)]);
  const redirectUris = [`${server.baseUrl}/api/auth/oidc/acme/callback`];
  provider.addClient({ clientId: 'genai', clientSecret: 'the-secret-of-this-client-01234567', redirectUris });
  const settings = {
    issuer: provider.issuer,
    client_id: 'genai',
    client_secret: 'the-secret-of-this-client-01234567',
    default_role: 'analyst',
    default_clearance: 'internal',
    provisions_users: true,
  };
  const { status } = await server.call(server.user('acme', 'admin'), 'PUT', '/api/identity-provider', settings);
  expect(status).toBe(200);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await server?.close();
  await provider?.close();
});

it('takes a person to their organisation and back, signed in, with nothing left in the address', async () => {
  provider.be({ sub: 'p-1', email: 'grace@acme.example', email_verified: true, name: 'Grace Hopper' });
  const { page, complaints } = await openTab(browser, server.baseUrl);
  await page.getByLabel('Tenant').fill('acme');
  await page.getByRole('button', { name: 'Sign in with your organisation' }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
  expect(await page.locator('#who').textContent()).toBe('Grace Hopper · analyst · Acme');
  expect(page.url()).toBe(`${server.baseUrl}/`);
  const cookies = await page.context().cookies(server.baseUrl);
  expect(cookies.filter(({ name }) => name.includes('genai'))).toEqual([]);
  const toOthers = (await complaints()).filter((complaint) => !complaint.startsWith(`to ${provider.issuer}/`));
  expect(toOthers).toEqual([]);
  await page.goBack();
  expect(page.url()).not.toContain('si-gen-');
});

it('tells who was not let in, with the request that the log knows, and lets them try again', async () => {
  provider.be(undefined);
  const { page } = await openTab(browser, server.baseUrl);
  await page.getByLabel('Tenant').fill('acme');
  await page.getByRole('button', { name: 'Sign in with your organisation' }).click();
  const notice = page.getByRole('alert');
  await expect.poll(() => notice.textContent()).toMatch(/^Your organisation did not sign you in\. — request req_/);
  expect(page.url()).toBe(`${server.baseUrl}/`);
  const requestId = /req_\w+/.exec((await notice.textContent()) ?? '')?.[0] ?? '';
  expect(server.logLines().some((line) => line.includes(requestId) && line.includes('access_denied'))).toBe(true);
});

it('asks for the tenant first', async () => {
  const { page } = await openTab(browser, server.baseUrl);
  await page.getByRole('button', { name: 'Sign in with your organisation' }).click();
  await expect.poll(() => page.getByRole('alert').textContent()).toBe('Name your tenant first.');
});
