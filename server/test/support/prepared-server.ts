/**
 * A server after its first start, on PostgreSQL: a database and a data folder, made by whichever test of a run needs them
 * first, and copied by all others. A first start of their own would hash the same passwords and read the same samples.
 */

import { cpSync, existsSync, mkdtempSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inject } from 'vitest';
import { onServer, postgresTemplate, preparedDatabase, serverLoginUrl } from './database-urls.ts';
import { clonePostgres, type ServerDatabase } from './server-database.ts';

/** Makes a first start on a database, with what it keeps in a folder, and stops. */
export type FirstStart = (environment: Readonly<Record<string, string>>, dataDir: string) => Promise<void>;

/** Any number that nobody else locks. */
const lockKey = 20_260_301;

/** Copies the server into a data folder and a database of its own. */
export async function copyPreparedServer(dataDir: string, firstStart: FirstStart): Promise<ServerDatabase> {
  const serverUrl = inject('postgresUrl');
  if (serverUrl === undefined) throw new Error('TEST_DATABASE_URL is not set.');
  const folder = inject('preparedFolder');
  await onServer(serverUrl, async (client) => {
    await client.query('select pg_advisory_lock($1)', [lockKey]);
    if (existsSync(folder)) return;
    await client.query(`drop database if exists ${preparedDatabase} with (force)`);
    await client.query(`create database ${preparedDatabase} template ${postgresTemplate.database}`);
    const unfinished = mkdtempSync(join(dirname(folder), 'unfinished-'));
    await firstStart({ DATABASE_URL: serverLoginUrl(serverUrl, preparedDatabase) }, unfinished);
    renameSync(unfinished, folder);
  });
  cpSync(folder, dataDir, { recursive: true });
  return clonePostgres(preparedDatabase);
}
