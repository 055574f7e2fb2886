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

it('makes, renames and removes teams, and says who is in them', async () => {
  const made = await genai('admin', 'teams', 'create', 'Research', '--json');
  expect(made.code, made.stderr).toBe(0);
  const { id } = JSON.parse(made.stdout) as { id: string };
  const { userId } = server.acme.viewer;
  expect(await genai('admin', 'teams', 'add', id, userId)).toMatchObject({ code: 0, stdout: `added ${userId}\n` });
  expect((await genai('admin', 'teams', 'members', id)).stdout).toContain('viewer@acme.example');
  expect(await genai('admin', 'teams', 'remove', id, userId)).toMatchObject({ code: 0 });
  expect((await genai('admin', 'teams', 'members', id)).stdout).not.toContain(userId);
  await genai('admin', 'teams', 'rename', id, 'Archive');
  expect((await genai('admin', 'teams', 'list')).stdout).toMatch(new RegExp(`${id} +Archive`));
  expect(await genai('admin', 'teams', 'delete', id)).toMatchObject({ code: 0, stdout: `deleted ${id}\n` });
  expect((await genai('admin', 'teams', 'delete', id)).code).toBe(2);
});

it('is refused to whoever may not', async () => {
  expect((await genai('viewer', 'teams', 'list')).code).toBe(4);
});
