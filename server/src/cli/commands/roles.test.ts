import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCommand } from '../../../test/support/command-line.ts';
import { openTestServer, type TestServer } from '../../../test/support/http.ts';

let server: TestServer;
let url: string;
let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'genai-cli-'));
  server = await openTestServer();
  url = await server.listen();
});
afterAll(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const genai = (role: 'admin' | 'viewer', ...args: string[]) =>
  runCommand(args, { directory, environment: { GENAI_URL: url, GENAI_API_KEY: server.acme[role].apiKey } });

it('makes, changes and removes roles', async () => {
  const made = await genai('admin', 'roles', 'create', 'auditor', '--permission', 'audit:read', '--json');
  expect(made).toMatchObject({ code: 0 });
  expect(JSON.parse(made.stdout)).toMatchObject({ name: 'auditor', permissions: ['audit:read'] });
  const permissions = ['--permission', 'audit:read', '--permission', 'usage:read'];
  await genai('admin', 'roles', 'update', 'auditor', ...permissions, '--description', 'Reads the log.');
  expect((await genai('admin', 'roles', 'list')).stdout).toMatch(
    /auditor +own +audit:read,usage:read +Reads the log\./,
  );
  expect(await genai('admin', 'roles', 'delete', 'auditor')).toMatchObject({ code: 0, stdout: 'deleted auditor\n' });
  expect((await genai('admin', 'roles', 'delete', 'auditor')).code).toBe(2);
  expect((await genai('admin', 'roles', 'update', 'auditor')).stderr).toContain('Nothing to change');
});

it('explains a decision, for people and for programs', async () => {
  const { email } = server.acme.viewer;
  expect(await genai('admin', 'policy', 'explain', email, 'documents:write')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^denied: The role viewer does not hold documents:write\.\n\nRULE .*\nrole +denies /),
  });
  const asked = await genai('admin', 'policy', 'explain', email, 'documents:read', '--json');
  expect(JSON.parse(asked.stdout)).toMatchObject({ allowed: true, rule: 'role' });
});

it('lets in whom the server lets in', async () => {
  expect((await genai('viewer', 'roles', 'list')).code).toBe(4);
  expect((await genai('viewer', 'policy', 'explain', 'me@acme.example', 'users:write')).code).toBe(4);
});
