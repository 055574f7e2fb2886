import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { sql } from 'drizzle-orm';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { copyPgliteTemplate } from '../../test/support/database.ts';
import { onServer, postgresTemplate, serverLoginUrl, withDatabase } from '../../test/support/database-urls.ts';
import { loadConfig } from '../config/index.ts';
import { CatalogError } from './catalog-linter.ts';
import { openEmbeddedDatabase } from './embedded.ts';
import { FolderLockedError } from './folder-lock.ts';
import { openDatabase } from './open.ts';
import { SecondServerError } from './sole-server.ts';

const hooks = { onSystemTransaction: () => {}, onMigration: () => {}, onIdleError: () => {} };
const open = (environment: Record<string, string>) =>
  openDatabase(loadConfig({ environment, directory: tmpdir() }).config, hooks);

/** Opens the database and inserts tenants one after another, writing the number of each one that is committed. */
function writerProgram(dataDir: string): string {
  return `(async () => {
    const { sql } = await import('drizzle-orm');
    const { loadConfig } = await import(${JSON.stringify(new URL('../config/index.ts', import.meta.url).href)});
    const { openDatabase } = await import(${JSON.stringify(new URL('./open.ts', import.meta.url).href)});
    const { config } = loadConfig({ environment: { GENAI_DATA_DIR: ${JSON.stringify(dataDir)} }, directory: '/' });
    const { database } = await openDatabase(config, { onSystemTransaction() {}, onMigration() {}, onIdleError() {} });
    const insert = (n) => sql\`insert into genai.tenants (tenant_id, slug, name, tier)
      values (\${'ten_' + n}, \${'slug-' + n}, 'T', 'free')\`;
    for (let n = 0; ; n++) {
      await database.asSystem('tenants.administer', (tx) => tx.execute(insert(n)));
      process.stdout.write(n + '\\n');
    }
  })()`;
}

describe('opening the embedded database', () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = copyPgliteTemplate();
  });
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

  it('is refused while another server has the folder, and loses no acknowledged row when that one is killed', async () => {
    const child = spawn(process.execPath, ['-e', writerProgram(dataDir)], {
      cwd: new URL('.', import.meta.url),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const gone = once(child, 'close');
    let acknowledged = '';
    child.stdout.on('data', (data: Buffer) => {
      acknowledged += data.toString();
    });
    while (acknowledged.split('\n').length < 10 && child.exitCode === null) {
      await Promise.race([once(child.stdout, 'data'), gone]);
    }
    await expect(open({ GENAI_DATA_DIR: dataDir })).rejects.toThrow(FolderLockedError);
    child.kill('SIGKILL');
    await gone;
    const { database } = await open({ GENAI_DATA_DIR: dataDir });
    const { rows } = await database.asSystem('tenants.administer', (tx) =>
      tx.execute(sql`select tenant_id from genai.tenants`),
    );
    const kept = new Set(rows.map((row) => row['tenant_id']));
    const lost = acknowledged
      .trimEnd()
      .split('\n')
      .filter((n) => !kept.has(`ten_${n}`));
    expect(lost).toEqual([]);
    await database.close();
  });

  it('is refused when its walls have a hole, and the folder is free afterwards', async () => {
    const embedded = await openEmbeddedDatabase(dataDir);
    const client = new pg.Client({ user: 'postgres', database: 'postgres', stream: embedded.connect });
    await client.connect();
    await client.query('alter table genai.users no force row level security');
    await client.end();
    await embedded.close();
    await expect(open({ GENAI_DATA_DIR: dataDir })).rejects.toThrow(CatalogError);
    await expect(open({ GENAI_DATA_DIR: dataDir })).rejects.toThrow(/Table users has no forced row-level security/);
  });
});

const postgresUrl = inject('postgresUrl') ?? '';
describe.runIf(postgresUrl !== '')('opening PostgreSQL', () => {
  let name: string;
  beforeEach(async () => {
    name = `genai_test_${randomBytes(6).toString('hex')}`;
    await onServer(postgresUrl, (client) => client.query(`create database ${name}`));
  });
  afterEach(() => onServer(postgresUrl, (client) => client.query(`drop database ${name} with (force)`)));

  it('migrates with the owner login, and is refused without it until that has happened', async () => {
    const DATABASE_URL = serverLoginUrl(postgresUrl, name);
    await expect(open({ DATABASE_URL })).rejects.toThrow(/The database is not set up/);
    const { database, kind } = await open({ DATABASE_URL, DATABASE_OWNER_URL: withDatabase(postgresUrl, name) });
    await database.ping();
    expect(kind).toBe('postgresql');
    await database.close();
    await (await open({ DATABASE_URL })).database.close();
  });

  it('is refused as a superuser', async () => {
    const superuser = withDatabase(postgresUrl, name);
    await expect(open({ DATABASE_URL: superuser, DATABASE_OWNER_URL: superuser })).rejects.toThrow(
      /logs in as "\w+", which is a superuser/,
    );
  });

  it('is refused to a second server unless both share their counters, until the first is gone', async () => {
    await onServer(postgresUrl, (client) => client.query(`drop database ${name}`));
    await onServer(postgresUrl, (client) =>
      client.query(`create database ${name} template ${postgresTemplate.database}`),
    );
    const DATABASE_URL = serverLoginUrl(postgresUrl, name);
    const first = await open({ DATABASE_URL });
    const sharing = { DATABASE_URL, REDIS_URL: 'redis://shared' };
    for (const second of [{ DATABASE_URL }, sharing]) await expect(open(second)).rejects.toThrow(SecondServerError);
    await first.database.close();
    const both = [await open(sharing), await open(sharing)];
    await expect(open({ DATABASE_URL })).rejects.toThrow(SecondServerError);
    for (const { database } of both) await database.close();
    await (await open({ DATABASE_URL })).database.close();
  });

  it('says that the address lacks the login', async () => {
    const { port } = new URL(postgresUrl);
    const nameless = `postgres://127.0.0.1:${port}/${name}`;
    const attempt = open({ DATABASE_URL: nameless, DATABASE_OWNER_URL: withDatabase(postgresUrl, name) });
    await expect(attempt).rejects.toThrow('DATABASE_URL must name the login of the server');
  });
});
