/**
 * Real databases for tests: PGlite always, PostgreSQL where TEST_DATABASE_URL names a server.
 *
 * Each call gives a database of its own, cloned from a template that is migrated once per run. On PostgreSQL the server's
 * login is a role of its own, as in production.
 */

import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { inject } from 'vitest';
import { loadConfig } from '../../src/config/index.ts';
import { openEmbeddedDatabase } from '../../src/db/embedded.ts';
import type { Database } from '../../src/db/index.ts';
import { openDatabase, openOverEmbedded } from '../../src/db/open.ts';
import { onServer, postgresTemplate, serverLoginUrl, withDatabase } from './database-urls.ts';

/** A database to test on. */
export interface TestDatabase {
  readonly database: Database;
  /** Runs SQL as a superuser, to arrange or observe what the product itself cannot. Not while a transaction is open. */
  readonly superuser: (sql: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;
  /** Gives a superuser's connection for several statements; what `fn` leaves open is rolled back. */
  readonly asSuperuser: <T>(fn: (client: pg.Client) => Promise<T>) => Promise<T>;
  readonly close: () => Promise<void>;
}

/** A kind of database, for `describe.each`. */
export interface TestDatabaseKind {
  readonly name: 'pglite' | 'postgresql';
  readonly open: () => Promise<TestDatabase>;
}

const hooks = { onSystemTransaction: () => {}, onMigration: () => {}, onIdleError: () => {} };

/** All databases that this run can test on; every one of them must be tested. */
export const testDatabases: readonly TestDatabaseKind[] = [
  { name: 'pglite', open: openTestPglite },
  ...(inject('postgresUrl') === undefined ? [] : [{ name: 'postgresql' as const, open: () => openTestPostgres() }]),
];

/** PostgreSQL when there is a server, else PGlite: for servers whose database is not the subject of the test. */
export function anyTestDatabase(): TestDatabaseKind {
  const [pglite, postgresql] = testDatabases;
  if (pglite === undefined) throw new Error('There is always PGlite.');
  return postgresql ?? pglite;
}

/** PostgreSQL when there is a server, else PGlite: for tests whose subject is not the database. */
export async function openTestDatabase(): Promise<TestDatabase> {
  return inject('postgresUrl') === undefined ? openTestPglite() : openTestPostgres();
}

/** A fresh copy of a migrated embedded data folder; the caller removes it. */
export function copyPgliteTemplate(): string {
  const dataDir = mkdtempSync(join(tmpdir(), 'genai-test-'));
  cpSync(inject('pgliteTemplate'), dataDir, { recursive: true });
  return dataDir;
}

async function openTestPglite(): Promise<TestDatabase> {
  const dataDir = copyPgliteTemplate();
  const embedded = await openEmbeddedDatabase(dataDir);
  const { config } = loadConfig({ environment: { GENAI_DATA_DIR: dataDir }, directory: dataDir });
  const { database } = await openOverEmbedded(embedded, config, hooks);
  const asSuperuser = async <T>(fn: (client: pg.Client) => Promise<T>): Promise<T> => {
    // There is one session, so privileges are taken for the statements and given back.
    const client = new pg.Client({ user: 'postgres', database: 'postgres', stream: embedded.connect });
    await client.connect();
    await client.query('set session authorization postgres');
    try {
      return await fn(client);
    } finally {
      await client.query('rollback; set session authorization genai_server');
      await client.end();
    }
  };
  return {
    database,
    asSuperuser,
    superuser: (sql, values) => asSuperuser((client) => rowsOf(client, sql, values)),
    async close() {
      await database.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** How a test reaches a database on PostgreSQL. */
export interface PostgresOptions {
  /** Of a PgBouncer in front of the server; straight when left out. */
  readonly throughUrl?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Opens a database of its own on the PostgreSQL test server; `url` is that of the product's login. */
export async function openTestPostgres({
  throughUrl,
  environment,
}: PostgresOptions = {}): Promise<TestDatabase & { readonly url: string }> {
  const serverUrl = inject('postgresUrl');
  if (serverUrl === undefined) throw new Error('TEST_DATABASE_URL is not set.');
  const name = `genai_test_${randomBytes(6).toString('hex')}`;
  await onServer(serverUrl, (client) => client.query(`create database ${name} template ${postgresTemplate.database}`));
  const url = serverLoginUrl(throughUrl ?? serverUrl, name);
  const { config } = loadConfig({
    environment: {
      DATABASE_URL: url,
      DATABASE_POOL_MAX: '5',
      ...environment,
    },
    directory: tmpdir(),
  });
  // A server alone on its database claims it, which takes a session; behind PgBouncer there is none.
  const { database } = await openDatabase(config, hooks, throughUrl === undefined ? 'server' : 'command');
  const client = new pg.Client(withDatabase(serverUrl, name));
  await client.connect();
  return {
    database,
    url,
    async asSuperuser(fn) {
      try {
        return await fn(client);
      } finally {
        await client.query('rollback; reset session authorization');
      }
    },
    superuser: (sql, values) => rowsOf(client, sql, values),
    async close() {
      await client.end();
      await database.close();
      await onServer(serverUrl, (client) => client.query(`drop database if exists ${name} with (force)`));
    },
  };
}

async function rowsOf(client: pg.Client, sql: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
  return (await client.query<Record<string, unknown>>(sql, values)).rows;
}
