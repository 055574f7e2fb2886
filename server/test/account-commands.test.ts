/** What people do with their account at the command line, and what operators and tenants do about break-glass access. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret, TOTP } from 'otpauth';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from './support/app.ts';
import { runCommand } from './support/command-line.ts';
import { anyTestDatabase } from './support/database.ts';

let server: TestApp;
let directory: string;
beforeAll(async () => {
  server = await startTestApp(anyTestDatabase());
  directory = mkdtempSync(join(tmpdir(), 'genai-account-'));
}, 120_000);
afterAll(async () => {
  await server?.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Runs a command with a credential; a failure fails the test. */
async function genai(line: string, { key = '', stdin = '' } = {}): Promise<string> {
  const environment = { GENAI_URL: server.baseUrl, GENAI_OPERATOR_KEY: server.firstRun.operator_key };
  const keyed = key === '' ? environment : { ...environment, GENAI_API_KEY: key };
  const { code, stdout, stderr } = await runCommand(line.split(' '), { directory, environment: keyed, stdin });
  expect([code, stderr], line).toEqual([0, expect.any(String)]);
  return stdout;
}
const json = async (...args: Parameters<typeof genai>) => JSON.parse(await genai(...args)) as Record<string, unknown>;
const admin = () => server.user('acme', 'admin').api_key;

describe('an account', () => {
  it('signs in, takes a second factor, is asked for it from then on, and has it taken away', async () => {
    const { email, password } = server.user('acme', 'analyst');
    const token = (await genai(`login ${email} --tenant acme`, { stdin: `${password}\n` })).trim();
    expect(await genai('sessions list', { key: token })).toMatch(/genai command line \(this one\) +127\.0\.0\.0\/24/);
    expect(await genai('account second-factor', { key: token })).toBe('none, 0 recovery codes left\n');

    const { secret } = await json('account enrol-second-factor --json', { key: token, stdin: password });
    const code = new TOTP({ secret: Secret.fromBase32(String(secret)) }).generate();
    const { recovery_codes: codes } = await json(`account confirm-second-factor ${code} --json`, { key: token });
    expect(await genai('account second-factor', { key: token })).toBe('active, 10 recovery codes left\n');

    const [first = '', second = ''] = codes as string[];
    const again = (await genai(`login ${email} --tenant acme`, { stdin: `${password}\n${first}\n` })).trim();
    expect(await json('sessions end-all --json', { key: again })).toEqual({ ended: 1 });
    expect(await genai(`account remove-second-factor ${second}`, { key: again, stdin: password })).toBe('removed\n');
    const { secret: next } = await json('account enrol-second-factor --json', { key: again, stdin: password });
    const nextCode = new TOTP({ secret: Secret.fromBase32(String(next)) }).generate();
    await genai(`account confirm-second-factor ${nextCode}`, { key: again });
    const { data } = await json('users list --json', { key: admin() });
    const { id } = (data as { id: string; email: string }[]).find((user) => user.email === email) ?? { id: '' };
    expect(await genai(`sessions list --user ${id}`, { key: admin() })).toContain('genai command line');
    expect(await genai(`users reset-second-factor ${id}`, { key: admin() })).toBe(`reset ${id}\n`);
    expect(await genai(`sessions list --user ${id}`, { key: admin() })).toBe('none\n');
    await genai(`login ${email} --tenant acme`, { stdin: password });
    expect(await json(`sessions end-all --user ${id} --json`, { key: admin() })).toEqual({ ended: 1 });
  });

  it('changes its password and signs out', async () => {
    const { email, password } = server.user('acme', 'viewer');
    const token = (await genai(`login ${email}`, { stdin: password })).trim();
    const wanted = 'another one of my own';
    expect(await genai('account change-password', { key: token, stdin: `${password}\n${wanted}\n` })).toBe('changed\n');
    expect(await genai('logout', { key: token })).toBe('signed out\n');
    await genai(`login ${email}`, { stdin: wanted });
    const environment = { GENAI_URL: server.baseUrl };
    const refused = await runCommand(['login', email], { directory, environment, stdin: password });
    expect([refused.code, refused.stderr]).toEqual([4, expect.stringContaining('login_failed')]);
    const silent = await runCommand(['login', email], { directory, environment });
    expect([silent.code, silent.stderr]).toEqual([2, expect.stringContaining('Nothing was given for: Password')]);
  });
});

describe('break-glass access', () => {
  it('is consented to, opened, seen and ended', async () => {
    expect(await genai('break-glass consent', { key: admin() })).toBe('none\n');
    expect(await genai('break-glass consent --hours 2', { key: admin() })).toMatch(/^until 2/);
    const opened = await json('operators break-glass acme --reason A-document-does-not-open --minutes 5 --json');
    const token = String(opened['token']);
    expect(await json('documents list --json', { key: token })).toHaveProperty('data');
    const listed = await genai('break-glass list', { key: admin() });
    expect(listed).toMatch(new RegExp(`${opened['id']} .*A-document-does-not-open`));
    expect(await genai(`break-glass end ${opened['id']}`, { key: admin() })).toContain('ended');
    const again = await json('operators break-glass acme --reason A-document-does-not-open --json');
    expect(await genai(`operators end-break-glass ${again['id']}`)).toContain('ended');
    expect(await genai('break-glass consent --hours 0', { key: admin() })).toBe('none\n');
  });
});
