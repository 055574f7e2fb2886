import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../../test/support/command-line.ts';
import { sendJson, sendProblem, startFakeApi } from '../../test/support/fake-api.ts';
import { createProgram } from './program.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'genai-cli-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const command = (line: string, environment: Record<string, string> = {}) =>
  runCommand(line.split(' ').filter(Boolean), { directory, environment });

function commandsBelow(parent: Command): readonly Command[] {
  return parent.commands.flatMap((child) => [child, ...commandsBelow(child)]);
}

describe('every command', () => {
  const { program } = createProgram({ stdout: new PassThrough(), stderr: new PassThrough(), stdin: Readable.from([]) });
  const commands = commandsBelow(program);

  it('says in a phrase what it does, and so do its arguments and options', () => {
    const phrases = commands.flatMap((one) => [
      one.description(),
      ...one.registeredArguments.map((a) => a.description),
    ]);
    const options = commands.flatMap((one) => one.options.map(({ description }) => description));
    expect([...phrases, ...options].filter((text) => text.length < 8 || text.endsWith('.'))).toEqual([]);
  });

  it('takes no secret on the command line, where everybody on the machine could read it', () => {
    const names = commands.flatMap((one) => one.options.filter(({ required }) => required).map(({ long }) => long));
    expect(names.filter((name) => /key|password|secret|token/.test(name ?? ''))).toEqual([]);
  });
});

describe('a wrong command', () => {
  it.each([
    'frob',
    'ask',
    'keys frob',
    'ask --frob x',
    'tenants create x',
    'ask --top-k 0 x',
    'ingest . --classification top',
    'completion csh',
  ])('"%s" exits with 2 and says why on standard error', async (line) => {
    const { code, stdout, stderr } = await command(line);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^genai: .+\n(.+\n)* {2}fix: /);
  });

  it('is told as JSON with --json', async () => {
    const { code, stderr } = await command('ask --frob x --json');
    expect(code).toBe(2);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'usage', exit_code: 2 } });
  });

  it('suggests what may have been meant', async () => {
    expect((await command('aks x')).stderr).toContain('Did you mean ask?');
  });
});

describe('help', () => {
  it('is printed to standard output when it is asked for, and exits with 0', async () => {
    const { code, stdout, stderr } = await command('ingest --help');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('--json');
  });

  it('tells the exit codes', async () => {
    expect((await command('--help')).stdout).toMatch(/^ {2}0 +done\n[\s\S]* 10 +some of the work/m);
  });

  it('of a group without a command is an error', async () => {
    const { code, stdout, stderr } = await command('keys');
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('new-key-file');
  });
});

describe('config show', () => {
  it('shows every setting with value, source and default', async () => {
    writeFileSync(join(directory, '.env'), 'LLM_MODEL=from-file\n');
    const { stdout } = await command('config show', { PORT: '9000' });
    expect(stdout).toMatch(/^PORT +9000 +environment +8000$/m);
    expect(stdout).toMatch(/^LLM_MODEL +from-file +\.env file +gpt-4-turbo$/m);
    expect(stdout).toMatch(/^HOST +127\.0\.0\.1 +default +127\.0\.0\.1$/m);
    rmSync(join(directory, '.env'));
  });

  it('never shows a secret, in any form', async () => {
    const environment = {
      JWT_SECRET_KEY: 'hidden-jwt-'.repeat(5),
      API_KEY_PEPPER: 'hidden-pepper-'.repeat(5),
      OPENAI_API_KEY: 'hidden-openai',
      DATABASE_URL: 'postgres://login:hidden-password@db.example/genai?password=hidden-parameter',
      REDIS_URL: 'redis://:hidden-redis@cache.example',
      OPENSEARCH_HOSTS: 'https://u:hidden-search@one.example,https://two.example',
      GENAI_API_KEY: 'hidden-key',
    };
    for (const line of [
      'config show',
      'config show --json',
      ...Object.keys(environment).map((name) => `config show ${name}`),
    ]) {
      const { code, stdout, stderr } = await command(line, environment);
      expect(code, line).toBe(0);
      expect(stdout + stderr, line).not.toContain('hidden');
    }
    const { stdout } = await command('config show', environment);
    expect(stdout).toMatch(/^DATABASE_URL +postgres:\/\/login:\*\*\*@db\.example\/genai\?\*\*\* /m);
    expect(stdout).toMatch(/^OPENSEARCH_HOSTS +https:\/\/u:\*\*\*@one\.example\/,https:\/\/two\.example\/ /m);
  });

  it('explains one setting, however its name is written', async () => {
    const { stdout } = await command('config show log_level');
    expect(stdout).toMatch(/^env: +LOG_LEVEL$/m);
    expect(stdout).toMatch(/^description: +\S/m);
  });

  it('still shows everything when a setting is wrong, and says what is', async () => {
    const { code, stdout, stderr } = await command('config show', { PORT: 'x', LOG_LEVEL: 'loud' });
    expect(code).toBe(0);
    expect(stdout).toContain('HOST');
    expect(stderr).toContain('2 settings are wrong');
  });

  it('refuses a name that is no setting, with similar ones', async () => {
    const { code, stderr } = await command('config show OPENAI');
    expect(code).toBe(2);
    expect(stderr).toContain('OPENAI_API_KEY, OPENAI_BASE_URL');
  });
});

describe('config check', () => {
  it('accepts the defaults and refuses everything wrong at once', async () => {
    expect(await command('config check')).toMatchObject({ code: 0, stdout: 'All settings are in order.\n' });
    const { code, stderr } = await command('config check', { PORT: 'x', APP_ENV: 'production' });
    expect(code).toBe(3);
    for (const name of ['PORT', 'DATABASE_URL', 'JWT_SECRET_KEY', 'METRICS_TOKEN']) expect(stderr).toContain(name);
  });
});

describe('keys new-key-file', () => {
  it('makes a key for the owner alone, another each time, and never replaces one', async () => {
    const [a, b] = [join(directory, 'new/a.key'), join(directory, 'new/b.key')];
    expect(await command(`keys new-key-file ${a}`)).toMatchObject({ code: 0, stdout: `${a}\n` });
    await command(`keys new-key-file ${b}`);
    expect(statSync(a).mode & 0o777).toBe(0o600);
    const before = readFileSync(a, 'utf8');
    expect(before).not.toBe(readFileSync(b, 'utf8'));
    expect(await command(`keys new-key-file ${a}`)).toMatchObject({ code: 2 });
    expect(readFileSync(a, 'utf8')).toBe(before);
  });
});

describe('a command that needs a server', () => {
  it('minds its own settings only', async () => {
    const wrong = { GENAI_URL: 'http://127.0.0.1:9', GENAI_API_KEY: 'k', PORT: 'wrong', APP_ENV: 'production' };
    expect((await command('ask hello', wrong)).code).toBe(5);
    expect((await command('ask hello', { ...wrong, GENAI_URL: 'wrong' })).stderr).toContain('GENAI_URL');
  });

  it('says what to do when there is none', async () => {
    const { code, stderr } = await command('ask hello');
    expect(code).toBe(3);
    expect(stderr).toContain('genai up');
  });
});

describe('what a server answers', () => {
  it.each([
    ['authentication_required', 401, 4],
    ['permission_denied', 403, 4],
    ['resource_not_found', 404, 2],
    ['rate_limit_exceeded', 429, 6],
    ['request_timeout', 504, 7],
    ['internal_error', 500, 8],
    ['dependency_unavailable', 503, 8],
  ])('with %s ends a command with its exit code, and is told with fix and request', async (code, status, exit) => {
    const fake = await startFakeApi((_request, response) => sendProblem(response, status, code));
    const environment = { GENAI_URL: fake.url, GENAI_API_KEY: 'k', GENAI_OPERATOR_KEY: 'o' };
    for (const line of ['ask hello', 'keys list', 'tenants list', 'documents delete x']) {
      const result = await command(line, environment);
      expect(result, line).toEqual({
        code: exit,
        stdout: '',
        stderr: `genai: ${code}: Detail of ${code}.\n  fix: A fix.\n  request: req_1\n`,
      });
    }
    await fake.close();
  });

  it('carries the key of the setting: of a tenant, or of operators', async () => {
    const fake = await startFakeApi((_request, response) => sendJson(response, 200, { data: [], next_cursor: null }));
    const environment = { GENAI_URL: fake.url, GENAI_API_KEY: 'tenant-key', GENAI_OPERATOR_KEY: 'operator-key' };
    for (const line of ['keys list', 'tenants list']) expect((await command(line, environment)).stdout).toBe('none\n');
    expect(fake.requests.map(({ authorization }) => authorization)).toEqual([
      'Bearer tenant-key',
      'Bearer operator-key',
    ]);
    await fake.close();
  });

  it('is waited for as long as GENAI_TIMEOUT_MS says', async () => {
    const fake = await startFakeApi(() => {});
    const environment = { GENAI_URL: fake.url, GENAI_API_KEY: 'k', GENAI_TIMEOUT_MS: '100' };
    expect(await command('keys list', environment)).toMatchObject({
      code: 7,
      stderr: expect.stringContaining('100 ms'),
    });
    expect((await command('ask hello', environment)).code).toBe(7);
    await fake.close();
  });

  it('breaking off in the middle of an answer is an error, not an end', async () => {
    const fake = await startFakeApi(
      (_request, response) => void response.writeHead(200).end('event: token\ndata: {"text":"Half"}\n\n'),
    );
    const result = await command('ask hello', { GENAI_URL: fake.url, GENAI_API_KEY: 'k' });
    expect(result).toMatchObject({ code: 8, stdout: 'Half', stderr: expect.stringContaining('broke off') });
    await fake.close();
  });
});
