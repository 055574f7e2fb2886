import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCommand } from '../../../test/support/command-line.ts';
import { openTestServer, type TestServer } from '../../../test/support/http.ts';
import { type OidcProvider, startOidcProvider } from '../../../test/support/oidc-provider.ts';

let server: TestServer;
let provider: OidcProvider;
let url: string;
let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'genai-cli-'));
  [server, provider] = await Promise.all([openTestServer(), startOidcProvider()]);
  url = await server.listen();
});
afterAll(async () => {
  await server?.stop();
  await provider?.close();
  rmSync(directory, { recursive: true, force: true });
});

function genai(args: readonly string[], stdin = '', role: 'admin' | 'viewer' = 'admin') {
  const operatorKey = server.operator.headers.authorization.replace('Bearer ', '');
  const environment = { GENAI_URL: url, GENAI_API_KEY: server.acme[role].apiKey, GENAI_OPERATOR_KEY: operatorKey };
  return runCommand(args, { directory, environment, stdin });
}

function settingsFile(content: unknown): string {
  const file = join(directory, 'provider.json');
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

it('sets a provider from a file and its secret from standard input, looks at it, shows it and removes it', async () => {
  const rules = [{ claim: 'groups', value: 'genai-admins', role: 'admin', clearance: 'restricted' }];
  const file = settingsFile({ issuer: provider.issuer, client_id: 'genai', rules, provisions_users: true });
  const made = await genai(['sso', 'set', file, '--client-secret-stdin'], 'the secret of the client\n');
  expect(made.code, made.stderr).toBe(0);
  expect(made.stdout).toContain(`issuer          ${provider.issuer}\nclient          genai\n`);
  expect(made.stdout).toContain('groups = genai-admins: admin, restricted');
  expect(made.stdout).toContain('everybody else  no access');
  expect(made.stdout + made.stderr).not.toContain('the secret of the client');
  expect((await genai(['sso', 'test'])).stdout).toContain('nothing keeps people from signing in');
  const shown = JSON.parse((await genai(['sso', 'show', '--json'])).stdout) as Record<string, unknown>;
  expect(shown).toMatchObject({ has_client_secret: true, audience: `urn:genai:tenant:${server.acme.id}` });
  expect(await genai(['sso', 'allow-passwords', 'acme'])).toMatchObject({
    code: 0,
    stdout: 'passwords are good again for acme\n',
  });
  expect(await genai(['sso', 'remove'])).toMatchObject({ code: 0, stdout: 'removed the identity provider\n' });
  expect((await genai(['sso', 'show'])).code).toBe(2);
});

it('says what is wrong with a file', async () => {
  expect((await genai(['sso', 'set', join(directory, 'none.json')])).stderr).toContain('could not be read');
  expect((await genai(['sso', 'set', settingsFile('{')])).stderr).toContain('is not JSON');
  expect((await genai(['sso', 'set', settingsFile([])])).stderr).toContain('holds no JSON object');
  expect((await genai(['sso', 'set', settingsFile({ issuer: 'nowhere', client_id: 'x' })])).stderr).toContain(
    '/issuer',
  );
});

it('is refused to whoever may not', async () => {
  expect((await genai(['sso', 'show'], '', 'viewer')).code).toBe(4);
});
