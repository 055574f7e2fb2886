/** A database for a whole server: a copied data folder, or a database of its own on the PostgreSQL test server. */

import { randomBytes } from 'node:crypto';
import { cpSync } from 'node:fs';
import pg from 'pg';
import { inject } from 'vitest';
import type { TestDatabaseKind } from './database.ts';
import { onServer, postgresTemplate, serverLoginUrl, withDatabase } from './database-urls.ts';

/** What a server needs to use it. */
export interface ServerDatabase {
  /** Settings that name the database. */
  readonly environment: Readonly<Record<string, string>>;
  /** Runs SQL as a superuser; absent when embedded, since the server alone has that database open. */
  readonly sql: ((text: string) => Promise<Record<string, unknown>[]>) | undefined;
  readonly remove: () => Promise<void>;
}

/** Makes a migrated, empty database of a kind for a server with this data folder. */
export async function makeServerDatabase(kind: TestDatabaseKind['name'], dataDir: string): Promise<ServerDatabase> {
  if (kind === 'postgresql') return clonePostgres(postgresTemplate.database);
  cpSync(inject('pgliteTemplate'), dataDir, { recursive: true });
  return { environment: {}, sql: undefined, remove: async () => {} };
}

/** Makes a database on the PostgreSQL test server from one to which nobody is connected. */
export async function clonePostgres(template: string): Promise<ServerDatabase> {
  const serverUrl = inject('postgresUrl');
  if (serverUrl === undefined) throw new Error('TEST_DATABASE_URL is not set.');
  const name = `genai_test_${randomBytes(6).toString('hex')}`;
  await onServer(serverUrl, (client) => client.query(`create database ${name} template ${template}`));
  const client = new pg.Client(withDatabase(serverUrl, name));
  await client.connect();
  return {
    environment: { DATABASE_URL: serverLoginUrl(serverUrl, name) },
    sql: async (text) => (await client.query<Record<string, unknown>>(text)).rows,
    async remove() {
      await client.end();
      await onServer(serverUrl, (admin) => admin.query(`drop database if exists ${name} with (force)`));
    },
  };
}
