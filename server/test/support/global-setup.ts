/** Runs once before all tests: migrates the template databases that tests clone. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { loadConfig } from '../../src/config/index.ts';
import { migrateAsOwner, openDatabase } from '../../src/db/open.ts';
import { onServer, postgresTemplate, serverLoginUrl, withDatabase } from './database-urls.ts';

/** Makes the templates; the returned function removes them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const pgliteTemplate = mkdtempSync(join(tmpdir(), 'genai-template-'));
  const { config } = loadConfig({ environment: { GENAI_DATA_DIR: pgliteTemplate }, directory: pgliteTemplate });
  const { database } = await openDatabase(config, {
    onSystemTransaction: () => {},
    onMigration: () => {},
    onIdleError: () => {},
  });
  await database.close();
  project.provide('pgliteTemplate', pgliteTemplate);

  const postgresUrl = process.env['TEST_DATABASE_URL'];
  if (postgresUrl !== undefined) await migrateTemplate(postgresUrl);
  project.provide('postgresUrl', postgresUrl);
  project.provide('redisUrl', process.env['TEST_REDIS_URL']);

  return async () => {
    rmSync(pgliteTemplate, { recursive: true, force: true });
    if (postgresUrl !== undefined)
      await onServer(postgresUrl, (client) => client.query(`drop database if exists ${postgresTemplate.database}`));
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
