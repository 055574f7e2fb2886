import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CommandResult, runCommand } from '../../../test/support/command-line.ts';
import { startUpstream } from '../../../test/support/upstream/index.ts';
import { lockFolder } from '../../db/index.ts';
import type { Finding } from './finding.ts';

let directory: string;
let data: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'genai-doctor-'));
  data = join(directory, 'data');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function doctor(
  environment: Record<string, string> = {},
): Promise<CommandResult & { findings: readonly Finding[] }> {
  const result = await runCommand(['doctor', '--json'], { directory, environment: { PORT: '0', ...environment } });
  return { ...result, findings: (JSON.parse(result.stdout) as { findings: Finding[] }).findings };
}

const secret = (letter: string) => `${letter}bcdefghijklmnopqrstuvwxyz0123456789+/${letter}`;
const production = {
  APP_ENV: 'production',
  JWT_SECRET_KEY: secret('A'),
  API_KEY_PEPPER: secret('B'),
  METRICS_TOKEN: 'a-random-word-of-ours',
  ALLOW_EMBEDDED_DATABASE_IN_PRODUCTION: 'true',
};
/** Nobody listens on the port of the discard service. */
const nowhere = '127.0.0.1:9';
const allowEmbedded = 'ALLOW_EMBEDDED_DATABASE_IN_PRODUCTION';
const key = Buffer.alloc(32, 7).toString('base64');
const nothing = () => {};

/** Makes a file, or a folder when it has no content, in the working folder. */
function put(path: string, mode: number, content?: string): void {
  const target = join(directory, path);
  mkdirSync(content === undefined ? target : dirname(target), { recursive: true, mode: 0o700 });
  if (content !== undefined) writeFileSync(target, content);
  chmodSync(target, mode);
}

describe('the doctor', () => {
  it('finds nothing wrong on a machine before its first start, and changes nothing', async () => {
    const { code, findings, stderr } = await doctor();
    expect(findings.filter(({ status }) => status !== 'ok' && status !== 'off')).toEqual([]);
    expect([code, stderr]).toEqual([0, '']);
  });

  /** Misconfigurations: what they are, what is set, what is made in the folder, and what must be found. */
  const seeded: readonly (readonly [string, Record<string, string>, () => void, string, RegExp])[] = [
    ['a port that is no number', { PORT: 'http' }, nothing, 'settings', /PORT/],
    ['a level that does not exist', { LOG_LEVEL: 'loud' }, nothing, 'settings', /LOG_LEVEL/],
    ['a database address of another kind', { DATABASE_URL: 'mysql://x' }, nothing, 'settings', /DATABASE_URL/],
    ['a short secret', { JWT_SECRET_KEY: 'short' }, nothing, 'settings', /JWT_SECRET_KEY/],
    [
      'one secret for two purposes',
      { ...production, API_KEY_PEPPER: secret('A') },
      nothing,
      'settings',
      /API_KEY_PEPPER/,
    ],
    ['production without secrets', { APP_ENV: 'production' }, nothing, 'settings', /JWT_SECRET_KEY/],
    [
      'production on the embedded database',
      { ...production, [allowEmbedded]: '' },
      nothing,
      'settings',
      /DATABASE_URL/,
    ],
    ['production with debugging', { ...production, DEBUG: 'true' }, nothing, 'settings', /DEBUG/],
    ['production with open metrics', { ...production, METRICS_TOKEN: '' }, nothing, 'settings', /METRICS_TOKEN/],
    ['production with the key beside the data', production, nothing, 'settings', /ENCRYPTION_KEY_FILE/],
    [
      'production without its key',
      { ...production, ENCRYPTION_KEY_FILE: 'no.key' },
      nothing,
      'key file',
      /cannot be read/,
    ],
    ['every origin allowed', { CORS_ORIGINS: '*' }, nothing, 'exposure', /CORS_ORIGINS/],
    ['a development server for everybody', { HOST: '0.0.0.0' }, nothing, 'exposure', /HOST=0\.0\.0\.0/],
    ['passwords sent unencrypted', { PUBLIC_URL: 'http://genai.example.com' }, nothing, 'exposure', /PUBLIC_URL/],
    ['an address that is not of this machine', { HOST: '192.0.2.1' }, nothing, 'port', /192\.0\.2\.1/],
    ['a data folder in a file', { GENAI_DATA_DIR: 'file/data' }, () => put('file', 0o600, ''), 'data folder', /file/],
    ['a data folder open to others', {}, () => put('data', 0o755), 'data folder', /open to other users/],
    ['secrets open to others', {}, () => put('data/first-run.json', 0o644, '{}'), 'secret files', /first-run\.json/],
    ['a key open to others', {}, () => put('data/keys/local.key', 0o640, key), 'key file', /readable by others/],
    ['something else for a key', {}, () => put('data/keys/local.key', 0o600, 'x'), 'key file', /base64/],
    ['a database whose key is gone', {}, () => put('data/database', 0o700), 'key file', /cannot be read/],
    ['no PostgreSQL', { DATABASE_URL: `postgres://u:p@${nowhere}/x` }, nothing, 'database', /ECONNREFUSED/],
    [
      'no Redis',
      { REDIS_URL: `redis://${nowhere}`, REDIS_CONNECT_TIMEOUT_MS: '200' },
      nothing,
      'redis',
      /ECONNREFUSED/,
    ],
    ['no OpenSearch', { OPENSEARCH_HOSTS: `http://${nowhere}` }, nothing, 'opensearch', /ECONNREFUSED/],
    ['no model endpoint', { OPENAI_BASE_URL: `http://${nowhere}/v1` }, nothing, 'model endpoint', /ECONNREFUSED/],
  ];

  it.each(seeded)('finds %s and says how to mend it', async (_what, environment, arrange, check, detail) => {
    arrange();
    const { findings, code } = await doctor(environment);
    const found = findings.filter((finding) => finding.status === 'failed' || finding.status === 'warning');
    const match = found.find((finding) => finding.check === check && detail.test(finding.detail));
    expect(match, JSON.stringify(found)).toBeDefined();
    expect(found.filter(({ fix = '' }) => fix.length < 10)).toEqual([]);
    expect(code).toBe(found.some(({ status }) => status === 'failed') ? 3 : 0);
  });

  it('finds a port that is taken', async () => {
    const server: Server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const { findings, code } = await doctor({ PORT: String(port) });
    expect(findings).toContainEqual(
      expect.objectContaining({ check: 'port', status: 'failed', fix: expect.stringContaining('PORT') }),
    );
    expect(code).toBe(3);
    server.close();
  });

  it('finds a model that the endpoint does not have, and accepts one that it has', async () => {
    const upstream = await startUpstream();
    const stateOf = async (model: string) =>
      (await doctor({ OPENAI_BASE_URL: upstream.baseUrl, LLM_MODEL: model })).findings.find(
        ({ check }) => check === 'model endpoint',
      )?.status;
    expect([await stateOf('test-answer'), await stateOf('gpt-nine')]).toEqual(['ok', 'warning']);
    await upstream.close();
  });

  it('is at ease beside a running server', async () => {
    const unlock = lockFolder(data);
    const { findings, code } = await doctor();
    expect(findings).toContainEqual(
      expect.objectContaining({
        check: 'database',
        status: 'ok',
        detail: expect.stringContaining(`process ${process.pid}`),
      }),
    );
    expect(code).toBe(0);
    unlock();
  });

  it('prints one line per finding and its fix below for people', async () => {
    const { stdout, stderr, code } = await runCommand(['doctor'], { directory, environment: { PORT: 'x' } });
    expect(stdout).toContain('failed   settings: PORT does not accept "x"\n         fix: Expects a whole number');
    expect([code, stderr]).toEqual([3, expect.stringContaining('1 check failed.')]);
  });
});
