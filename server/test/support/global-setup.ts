/** Runs once before all tests: migrates the template databases that tests clone, and says what the run may use. */

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { loadConfig } from '../../src/config/index.ts';
import { migrateAsOwner, openDatabase } from '../../src/db/open.ts';
import { onServer, postgresTemplate, preparedDatabase, serverLoginUrl, withDatabase } from './database-urls.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Folder of a migrated embedded database. */
    pgliteTemplate: string;
    /** Data folder of a server after its first start; absent until a test needs it. */
    preparedFolder: string;
    /** Server to make databases on, as superuser; undefined when there is none. */
    postgresUrl: string | undefined;
    /** A PgBouncer in transaction mode in front of it; undefined when there is none. */
    pgbouncerUrl: string | undefined;
    redisUrl: string | undefined;
    /** Program of a browser. Tests that need it fail where it is missing. */
    chromiumPath: string;
    /** Replays random sequences of operations: where they begin, and how many they are. */
    isolation: { readonly seed: number | undefined; readonly sequences: number | undefined };
    /** Whether this run has time for many repetitions (`make test-long`). */
    isLong: boolean;
  }
}

/** Where Debian puts the browser that `make test` installs. */
const chromiumPathDefault = '/usr/bin/chromium';

/** Makes the templates; the returned function removes them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const templates = mkdtempSync(join(tmpdir(), 'genai-templates-'));
  const pgliteTemplate = join(templates, 'pglite');
  mkdirSync(pgliteTemplate);
  const { config } = loadConfig({ environment: { GENAI_DATA_DIR: pgliteTemplate }, directory: pgliteTemplate });
  const { database } = await openDatabase(config, {
    onSystemTransaction: () => {},
    onMigration: () => {},
    onIdleError: () => {},
  });
  await database.close();
  project.provide('pgliteTemplate', pgliteTemplate);
  project.provide('preparedFolder', join(templates, 'prepared'));

  const postgresUrl = process.env['TEST_DATABASE_URL'];
  if (postgresUrl !== undefined) await migrateTemplate(postgresUrl);
  project.provide('postgresUrl', postgresUrl);
  project.provide('pgbouncerUrl', process.env['TEST_PGBOUNCER_URL']);
  project.provide('isolation', { seed: numberIn('ISOLATION_SEED'), sequences: numberIn('ISOLATION_SEQUENCES') });
  project.provide('redisUrl', process.env['TEST_REDIS_URL']);
  project.provide('chromiumPath', process.env['CHROMIUM_PATH'] || chromiumPathDefault);
  project.provide('isLong', process.env['GENAI_TEST_LONG'] === '1');

  return async () => {
    rmSync(templates, { recursive: true, force: true });
    if (postgresUrl === undefined) return;
    await onServer(postgresUrl, async (client) => {
      for (const name of [postgresTemplate.database, preparedDatabase])
        await client.query(`drop database if exists ${name}`);
    });
  };
}

async function migrateTemplate(serverUrl: string): Promise<void> {
  await onServer(serverUrl, async (client) => {
    await client.query(`drop database if exists ${postgresTemplate.database}`);
    await client.query(`create database ${postgresTemplate.database}`);
  });
  const environment = {
    DATABASE_URL: serverLoginUrl(serverUrl, postgresTemplate.database),
    DATABASE_OWNER_URL: withDatabase(serverUrl, postgresTemplate.database),
  };
  await migrateAsOwner(loadConfig({ environment, directory: tmpdir() }).config, () => {});
}

function numberIn(variable: string): number | undefined {
  const text = process.env[variable];
  return text === undefined || text === '' ? undefined : Number(text);
}
