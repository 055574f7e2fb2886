/** The command line as people use it: a server in a process of its own, and commands against it and beside it. */

import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { FirstRun } from '../src/cli/first-run-file.ts';
import { loadConfig } from '../src/config/index.ts';
import { openDatabase } from '../src/db/index.ts';
import { runCommand } from './support/command-line.ts';
import { type GenaiProcess, startGenai } from './support/genai-process.ts';

const startTimeoutMs = 120_000;
const ready = 'Stop the server with Ctrl-C.';

let directory: string;
let dataDir: string;
const running = new Set<GenaiProcess>();

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'genai-command-line-'));
  dataDir = join(directory, 'data');
});
afterAll(async () => {
  for (const one of running) one.kill('SIGKILL');
  await Promise.all([...running].map(({ ended }) => ended));
  rmSync(directory, { recursive: true, force: true });
});

function start(argv: readonly string[], environment: Readonly<Record<string, string>> = {}): GenaiProcess {
  const one = startGenai(argv, directory, { GENAI_DATA_DIR: dataDir, PORT: '0', ...environment });
  running.add(one);
  return one;
}

/** Runs a command beside the server, with the words of a line and more that may hold spaces. */
function genai(
  line: string,
  more: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
  stdin = '',
) {
  const argv = [...line.split(' '), ...more];
  return runCommand(argv, { directory, environment: { GENAI_DATA_DIR: dataDir, ...environment }, stdin });
}

async function genaiJson<T>(
  line: string,
  more: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
) {
  const { code, stdout, stderr } = await genai(`${line} --json`, more, environment);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as T;
}

const firstRun = (folder = dataDir) => JSON.parse(readFileSync(join(folder, 'first-run.json'), 'utf8')) as FirstRun;

const signIn = (tenant: string, email: string) =>
  fetch(new URL('/api/auth/login', firstRun().base_url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ tenant, email, password: 'a long enough password' }),
  });

interface Answer {
  readonly answer: string;
  readonly citations: readonly { readonly quote: string; readonly title: string }[];
}

describe('a start that cannot be', () => {
  it('names every wrong setting at once', async () => {
    const up = start(['up'], { PORT: 'x', LOG_LEVEL: 'loud' });
    expect(await up.ended).toBe(3);
    expect(up.stderr()).toMatch(/2 settings are wrong:\n {2}PORT .*\n.*\n {2}LOG_LEVEL /);
    expect(up.stderr()).not.toMatch(/^\s+at /m);
    expect(existsSync(dataDir)).toBe(false);
  });

  it('is that of a demo in production', async () => {
    const keyFile = join(directory, 'production.key');
    await genai('keys new-key-file', [keyFile]);
    const up = start(['up'], {
      APP_ENV: 'production',
      JWT_SECRET_KEY: 'a8Vq2LwRz5Xn1Tc9Kd4Hs7Jf0Gm3Bp6Y',
      API_KEY_PEPPER: 'Z1xQ9wE2rT8yU3iO7pA4sD6fG5hJ0kLm',
      METRICS_TOKEN: 'a-random-word-of-ours',
      ENCRYPTION_KEY_FILE: keyFile,
      ALLOW_EMBEDDED_DATABASE_IN_PRODUCTION: 'true',
    });
    expect(await up.ended).toBe(3);
    expect(up.stderr()).toContain('genai serve');
    expect(existsSync(dataDir)).toBe(false);
  });
});

describe('a first start', () => {
  let up: GenaiProcess;

  it('that was killed midway is finished by the next one', { timeout: startTimeoutMs }, async () => {
    const killed = start(['up']);
    await killed.said('making two demo tenants');
    killed.kill('SIGKILL');
    expect(await killed.ended).toBe('SIGKILL');
    up = start(['up'], { RATE_LIMIT_FREE_REQUESTS_PER_MINUTE: '5' });
    await up.said(ready);
    const { tenants, operator_key } = firstRun();
    expect(tenants.map(({ slug, tier }) => [slug, tier])).toEqual([
      ['acme', 'enterprise'],
      ['globex', 'free'],
    ]);
    expect(tenants.map(({ users }) => users.map(({ role }) => role))).toEqual([
      ['admin', 'analyst', 'viewer'],
      ['admin', 'analyst', 'viewer'],
    ]);
    expect(operator_key).toMatch(/^op-gen-/);
  });

  it('says what goes on, where to go and what the database is not for, and prints no password', () => {
    expect(up.stderr()).toContain('genai: starting');
    const { base_url, tenants } = firstRun();
    for (const text of [base_url, 'admin@acme.example', 'viewer@globex.example', 'not for production data']) {
      expect(up.stdout()).toContain(text);
    }
    for (const { users } of tenants) for (const { password } of users) expect(up.stdout()).not.toContain(password);
    expect(up.stdout()).not.toMatch(/^\{/m);
  });

  it('keeps its facts and secrets from other users of the machine', () => {
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    for (const name of ['first-run.json', 'secrets.env', 'keys/local.key']) {
      expect(statSync(join(dataDir, name)).mode & 0o777, name).toBe(0o600);
    }
  });

  it('prints a command on one line that works as it is printed', async () => {
    const [curl = ''] = /^ *curl .*$/m.exec(up.stdout()) ?? [];
    const { stdout } = await promisify(execFile)('sh', ['-c', curl]);
    const answer = JSON.parse(stdout) as Answer;
    expect(answer.answer).toContain('28 days');
    expect(answer.citations[0]?.title).toBe('Acme employee handbook');
  });

  it('keeps a second server, a backup and a new operator key off its data folder, naming the process', async () => {
    const second = start(['up']);
    expect(await second.ended).toBe(3);
    const inUse = /is in use by another server \(process \d+\)/;
    expect(second.stderr()).toMatch(inUse);
    for (const line of ['backup ../b.tar.gz', 'operators create-key late', 'restore b.tar.gz']) {
      writeFileSync(join(directory, 'b.tar.gz'), '');
      const { code, stderr } = await genai(
        line.replace('b.tar.gz', join(directory, line.startsWith('r') ? 'b.tar.gz' : 'c.tar.gz')),
      );
      expect([line, code, stderr]).toEqual([line, 3, expect.stringMatching(inUse)]);
    }
  });

  it('keeps a server off its port, naming PORT', { timeout: startTimeoutMs }, async () => {
    const { port } = new URL(firstRun().base_url);
    const other = join(directory, 'other');
    cpSync(inject('pgliteTemplate'), other, { recursive: true });
    const second = start(['up'], { GENAI_DATA_DIR: other, PORT: port });
    expect(await second.ended).toBe(3);
    expect(second.stderr()).toMatch(new RegExp(`Port ${port} is taken.*\\n.*set PORT`));
  });

  it('can be asked: the answer as it is written, then numbered sources', async () => {
    const { code, stdout, stderr } = await genai('ask', ['How many days of annual leave do employees get?']);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(
      /28 days of paid annual leave per calendar year\. \[1\][\s\S]*\n\n\[1\] Acme employee handbook \(internal\)\n {4}“/,
    );
    expect(stderr).toMatch(/as analyst@acme\.example of the demo\n\nquoted from the documents, no model .* req_/);
    const whole = await genai('ask --no-stream', ['How many days of annual leave do employees get?']);
    expect(whole.stdout).toBe(stdout);
  });

  it('answers within the collections and the tenant of who asks', async () => {
    const other = await genaiJson<Answer>('ask --as viewer@globex.example', ['How many days of annual leave?']);
    expect(JSON.stringify(other)).not.toContain('Acme');
    const { code, stderr } = await genai('ask --collection nowhere', ['leave']);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/fix: /)]);
  });

  it('takes in a folder, tells what failed, and does nothing twice', { timeout: startTimeoutMs }, async () => {
    const docs = join(directory, 'docs');
    mkdirSync(join(docs, 'sub'), { recursive: true });
    writeFileSync(join(docs, 'moon.md'), '# Moon\n\nThe lunar canteen opens at seven in the morning.\n');
    writeFileSync(join(docs, 'sub/REPORT.TXT'), 'The lunar report is due every Friday.\n');
    writeFileSync(join(docs, 'blank.md'), ' \n');
    writeFileSync(join(docs, 'image.png'), 'no document');
    const dry = await genai('ingest --dry-run', [docs], { GENAI_URL: 'http://127.0.0.1:9', GENAI_API_KEY: 'k' });
    expect(dry).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^FILE +BYTES\nblank\.md +2\nmoon\.md +\d+\nsub\/REPORT\.TXT +\d+\n$/),
    });

    const first = await genai('ingest --classification public', [docs]);
    expect(first.code).toBe(10);
    expect(first.stdout).toMatch(
      /^3 files: 2 indexed, 0 unchanged, 1 failed\n\nFAILED +CODE +WHY\nblank\.md +document_empty /,
    );
    const again = await genai('ingest --classification public --exclude blank.md --json', [docs]);
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ summary: { files: 2, indexed: 0, unchanged: 2, failed: 0 } });
    expect((await genaiJson<Answer>('ask', ['When does the lunar canteen open?'])).answer).toContain('seven');
  });

  it('lists and deletes documents and makes collections', async () => {
    const { data } = await genaiJson<{ data: { id: string; title: string }[] }>('documents list');
    const moon = data.find(({ title }) => title === 'Moon' || title === 'moon');
    expect(await genai('documents delete', [moon?.id ?? ''])).toMatchObject({ code: 0 });
    expect((await genai('documents list')).stdout).not.toContain(moon?.id);
    expect((await genai('documents delete', [moon?.id ?? ''])).code).toBe(2);
    const limited = await genai('documents list --limit 1');
    expect([limited.stdout.split('\n').length, limited.stderr]).toEqual([3, expect.stringContaining('There is more')]);

    await genai('collections create --everyone --classification public', ['press releases']);
    expect((await genai('collections list')).stdout).toMatch(/press releases +public +(everyone|-)/);
  });

  it('adds and changes users, with a password from standard input only', async () => {
    const made = await genai(
      'users create nora@acme.example --name Nora --role analyst --json --password-stdin',
      [],
      {},
      'a long enough password\n',
    );
    expect(made.code, made.stderr).toBe(0);
    const { id } = JSON.parse(made.stdout) as { id: string };
    const login = () => signIn('acme', 'nora@acme.example');
    expect((await login()).status).toBe(200);
    await genai(`users update ${id} --status suspended`);
    expect((await login()).status).toBe(401);
    expect((await genai('users list')).stdout).toMatch(/nora@acme\.example +Nora +analyst +internal +suspended/);
    expect((await genai('users create x@acme.example --name X --password-stdin')).code).toBe(2);
    expect(await genai(`users update ${id}`)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Nothing to change'),
    });
    expect((await genai('users list --as viewer@acme.example')).code).toBe(4);
  });

  it('makes keys that work as they are printed, until they are revoked', async () => {
    const { code, stdout, stderr } = await genai('keys create --scope query:ask --expires-in-days 1 script');
    expect(code, stderr).toBe(0);
    const environment = { GENAI_API_KEY: stdout.trim() };
    expect((await genai('ask leave', [], environment)).code).toBe(0);
    expect(await genai('documents list', [], environment)).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('permission_denied'),
    });
    const { data } = await genaiJson<{ data: { id: string; name: string }[] }>('keys list');
    await genai('keys revoke', [data.find(({ name }) => name === 'script')?.id ?? '']);
    expect(await genai('ask leave', [], environment)).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('authentication_required'),
    });
  });

  it('makes tenants with their first admin for operators, and changes them', { timeout: startTimeoutMs }, async () => {
    const tenant = await genaiJson<{ id: string; tier: string }>('tenants create initech --name Initech');
    expect(tenant.tier).toBe('starter');
    expect((await genai('tenants create initech --name Again')).code).toBe(2);

    const boss =
      'users create boss@initech.example --name Boss --role admin --clearance restricted --password-stdin --tenant';
    expect((await genai(boss, ['initech'], {}, 'a long enough password')).code).toBe(0);
    expect((await genai(boss, ['nowhere'], {}, 'a long enough password')).code).toBe(2);
    expect((await genai(boss, [`ten_${'0'.repeat(32)}`], {}, 'a long enough password')).code).toBe(2);
    const login = await signIn('initech', 'boss@initech.example');
    const asBoss = { GENAI_API_KEY: ((await login.json()) as { access_token: string }).access_token };
    const memo = join(directory, 'memos');
    mkdirSync(memo);
    writeFileSync(join(memo, 'memo.md'), 'The red stapler belongs to the basement office.');
    expect((await genai('ingest', [memo], asBoss)).code).toBe(0);
    expect((await genai('ask', ['Where does the red stapler belong?'], asBoss)).stdout).toContain('basement');

    await genai('tenants update initech --tier professional --status suspended');
    expect((await genai('tenants list')).stdout).toMatch(/initech +Initech +professional +suspended/);
    expect((await genai('ask leave', [], asBoss)).code).toBe(4);
    expect((await genai('tenants list', [], { GENAI_OPERATOR_KEY: 'op-gen-wrong' })).code).toBe(4);
  });

  it('tells a limit from other errors', async () => {
    const codes: number[] = [];
    for (let call = 0; call < 7; call += 1) codes.push((await genai('documents list --as viewer@globex.example')).code);
    expect(new Set(codes)).toEqual(new Set([0, 6]));
  });

  it('is examined as it runs', async () => {
    const { code, stdout } = await genai('doctor');
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/database: a server uses this data folder \(process \d+\)/),
    ]);
  });

  it('ends with exit code 0 on SIGTERM, and commands say that nobody answers', async () => {
    up.kill('SIGTERM');
    expect(await up.ended).toBe(0);
    expect(up.stdout().match(/^\{.*"level":"(error|fatal)".*$/m)).toBeNull();
    expect(await genai('ask leave')).toMatchObject({
      code: 5,
      stdout: '',
      stderr: expect.stringContaining(firstRun().base_url),
    });
  });
});

describe('a stopped server', () => {
  let archive: string;
  let restored: string;
  let operatorKey: string;

  beforeAll(() => {
    archive = join(directory, 'backup.tar.gz');
    restored = join(directory, 'restored/data');
  });

  it('gets new operator keys through its database', { timeout: startTimeoutMs }, async () => {
    const { code, stdout, stderr } = await genai('operators create-key', ['on call']);
    expect(code, stderr).toBe(0);
    operatorKey = stdout.trim();
    expect(await genai('operators create-key', ['on call'])).toMatchObject({ code: 2 });
  });

  it('is saved as one file for its owner alone, outside of its folder, once', { timeout: startTimeoutMs }, async () => {
    const { code, stdout, stderr } = await genai('backup', [archive]);
    expect([code, stdout], stderr).toEqual([0, `${archive}\n`]);
    expect(stderr).toContain('keep it like a password');
    expect(statSync(archive).mode & 0o777).toBe(0o600);
    expect(await genai('backup', [archive])).toMatchObject({ code: 2, stderr: expect.stringContaining('exists') });
    expect(await genai('backup', [join(dataDir, 'b')])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('lies in the data folder'),
    });
    expect(await genai('backup x', [], { GENAI_DATA_DIR: join(directory, 'no') })).toMatchObject({ code: 3 });
    expect(await genai('backup x', [], { DATABASE_URL: 'postgres://u:p@127.0.0.1:9/x' })).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/pg_dump[\s\S]*blobs[\s\S]*key file/),
    });
    expect(readdirSync(directory).filter((name) => name.includes('.part'))).toEqual([]);
  });

  it('comes back in a new folder, and in no other', { timeout: startTimeoutMs }, async () => {
    expect(await genai('restore', [archive])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is not empty'),
    });
    const { code, stderr } = await genai('restore', [archive], { GENAI_DATA_DIR: restored });
    expect(code, stderr).toBe(0);
    expect(readdirSync(join(restored, '..'))).toEqual(['data']);
    expect(firstRun(restored).tenants).toEqual(firstRun().tenants);
  });

  it('leaves nothing behind when the file is damaged', { timeout: startTimeoutMs }, async () => {
    const damaged = join(directory, 'damaged.tar.gz');
    const bytes = readFileSync(archive);
    writeFileSync(damaged, bytes.subarray(0, bytes.length - 1000));
    const folder = join(directory, 'empty/data');
    expect(await genai('restore', [damaged], { GENAI_DATA_DIR: folder })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('not a whole backup'),
    });
    expect(readdirSync(join(folder, '..'))).toEqual([]);
  });

  it('answers from the restored folder, to the keys of before', { timeout: startTimeoutMs }, async () => {
    const serve = start(['serve'], { GENAI_DATA_DIR: restored, APP_ENV: 'development' });
    await serve.said('"listening"');
    const [, url = ''] = /"address":"([^"]+)"/.exec(serve.stdout()) ?? [];
    const environment = { GENAI_URL: url, GENAI_API_KEY: firstRun(restored).tenants[0]?.users[0]?.api_key ?? '' };
    const answer = await genaiJson<Answer>('ask', ['When is the lunar report due?'], environment);
    expect(answer.answer).toContain('Friday');
    const tenants = await genai('tenants list', [], { GENAI_URL: url, GENAI_OPERATOR_KEY: operatorKey });
    expect([tenants.code, tenants.stdout]).toEqual([0, expect.stringContaining('initech')]);
    serve.kill('SIGINT');
    expect(await serve.ended).toBe(0);
  });

  it('starts again as it was, at its new address', { timeout: startTimeoutMs }, async () => {
    const before = firstRun(restored);
    const up = start(['up', '--json'], { GENAI_DATA_DIR: restored });
    await up.said('"curl"');
    const facts = JSON.parse(up.stdout()) as { base_url: string; first_run_file: string };
    expect(up.stderr()).not.toContain('demo tenants');
    expect(facts.base_url).not.toBe(before.base_url);
    expect(JSON.parse(readFileSync(facts.first_run_file, 'utf8'))).toEqual({ ...before, base_url: facts.base_url });
    const { data } = await genaiJson<{ data: { title: string }[] }>('documents list', [], { GENAI_DATA_DIR: restored });
    expect(data.filter(({ title }) => title === 'Acme employee handbook')).toHaveLength(1);
    up.kill('SIGTERM');
    expect(await up.ended).toBe(0);
  });

  it('has every act at the command line in the operators\u2019 audit log', { timeout: startTimeoutMs }, async () => {
    const actionsIn = async (folder: string) => {
      const { config } = loadConfig({ environment: { GENAI_DATA_DIR: folder }, directory: folder });
      const hooks = { onSystemTransaction: () => {}, onMigration: () => {}, onIdleError: () => {} };
      const { database } = await openDatabase(config, hooks, 'command');
      const { rows } = await database.asSystem('operators.record', (tx) =>
        tx.execute<{ action: string }>(
          sql`select action from genai.audit_events where tenant_id = 'platform' order by occurred_at`,
        ),
      );
      await database.close();
      return rows.map(({ action }) => action);
    };
    expect((await actionsIn(dataDir)).slice(-2)).toEqual(['operator_key.created', 'backup.created']);
    expect((await actionsIn(restored)).slice(-2)).toEqual(['operator_key.created', 'backup.restored']);
  });
});

describe('the test upstream', () => {
  it('is started for developers, says what it is, and is the endpoint that its output names', async () => {
    const upstream = start(['dev', 'upstream', '--json']);
    await upstream.said('TEST server');
    const { base_url } = JSON.parse(upstream.stdout()) as { base_url: string };
    const models = (await (await fetch(`${base_url}/models`)).json()) as { data: { id: string }[] };
    expect(models.data.map(({ id }) => id)).toContain('test-answer');
    upstream.kill('SIGTERM');
    expect(await upstream.ended).toBe(0);
  });
});
