/** What the command line does with PostgreSQL: set it up, examine it, and work beside a running server. */

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { runCommand } from './support/command-line.ts';
import { onServer, serverLoginUrl, withDatabase } from './support/database-urls.ts';
import { type GenaiProcess, startGenai } from './support/genai-process.ts';

const startTimeoutMs = 120_000;

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'genai-postgres-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const genai = (line: string, environment: Readonly<Record<string, string>> = {}) =>
  runCommand(line.split(' '), { directory, environment: { PORT: '0', ...environment } });

describe('migrate', () => {
  it('has nothing to do for the embedded database', async () => {
    expect(await genai('migrate --json')).toMatchObject({ code: 0, stdout: '{"applied":[]}\n' });
  });

  it('says which setting is missing', async () => {
    const { code, stderr } = await genai('migrate', { DATABASE_URL: 'postgres://u:p@127.0.0.1:9/x' });
    expect([code, stderr]).toEqual([3, expect.stringContaining('DATABASE_OWNER_URL')]);
  });
});

const postgresUrl = inject('postgresUrl');

describe.each(postgresUrl === undefined ? [] : [postgresUrl])('on PostgreSQL', (serverUrl) => {
  const name = `genai_test_${randomBytes(6).toString('hex')}`;
  const server = { DATABASE_URL: serverLoginUrl(serverUrl, name) };
  const owner = { ...server, DATABASE_OWNER_URL: withDatabase(serverUrl, name) };
  let up: GenaiProcess | undefined;

  beforeAll(() => onServer(serverUrl, (client) => client.query(`create database ${name}`)));
  afterAll(async () => {
    up?.kill('SIGKILL');
    await up?.ended;
    await onServer(serverUrl, (client) => client.query(`drop database if exists ${name} with (force)`));
  });

  it('a database that was never set up is found by doctor and shown by migrate --status', async () => {
    const doctor = await genai('doctor', server);
    expect([doctor.code, doctor.stdout]).toEqual([
      3,
      expect.stringMatching(/failed {3}database: migrations are pending: 0001.*\n +fix: Run `genai migrate`/),
    ]);
    expect((await genai('migrate --status', server)).stdout).toMatch(/^0001_\S+ +pending$/m);
    expect((await genai('operators create-key early', server)).code).toBe(3);
  });

  it('migrate sets it up, once', async () => {
    const { code, stderr } = await genai('migrate', owner);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^applied 0001_.*\n(applied .*\n)+$/)]);
    expect(await genai('migrate', owner)).toMatchObject({ code: 0, stdout: expect.stringContaining('Nothing to do') });
    expect((await genai('migrate --status', server)).stdout).not.toContain('pending');
  });

  it('doctor finds it sound, and a superuser in its place not', async () => {
    const key = join(directory, 'key');
    await genai(`keys new-key-file ${key}`);
    const sound = await genai('doctor', { ...server, ENCRYPTION_KEY_FILE: key });
    expect([sound.code, sound.stdout]).toEqual([
      0,
      expect.stringMatching(
        /^ok {7}database: PostgreSQL \d+\.\d+.*, pgvector [\d.]+, migrated, tenants are kept apart$/m,
      ),
    ]);
    const holed = await genai('doctor', { DATABASE_URL: withDatabase(serverUrl, name), ENCRYPTION_KEY_FILE: key });
    expect([holed.code, holed.stdout]).toEqual([3, expect.stringContaining('superuser')]);
  });

  it('up makes the demo there, and operator keys are made beside it', { timeout: startTimeoutMs }, async () => {
    const dataDir = { GENAI_DATA_DIR: join(directory, 'data') };
    up = startGenai(['up'], directory, { ...server, ...dataDir, PORT: '0' });
    await up.said('Stop the server');
    expect(up.stdout()).toContain('curl -s');
    expect(up.stdout()).not.toContain('not for production data');
    const made = await genai('operators create-key --json beside', { ...server, ...dataDir });
    expect(made.code, made.stderr).toBe(0);
    const { key } = JSON.parse(made.stdout) as { key: string };
    expect((await genai('tenants list', { ...dataDir, GENAI_OPERATOR_KEY: key })).stdout).toContain('acme');
    up.kill('SIGTERM');
    expect(await up.ended).toBe(0);
  });

  it('up makes no demo beside tenants of others', { timeout: startTimeoutMs }, async () => {
    const dataDir = {
      GENAI_DATA_DIR: join(directory, 'new'),
      ENCRYPTION_KEY_FILE: join(directory, 'data/keys/local.key'),
    };
    up = startGenai(['up'], directory, { ...server, ...dataDir, PORT: '0' });
    await up.said('Stop the server');
    expect(up.stdout()).not.toContain('curl');
    expect(up.stderr()).not.toContain('demo tenants');
    up.kill('SIGTERM');
    expect(await up.ended).toBe(0);
  });
});
