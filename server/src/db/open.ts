/**
 * Opens the database that the settings name, migrated and checked, or refuses with the reason.
 */

import pg from 'pg';
import type { Config } from '../config/index.ts';
import { SetupError } from '../errors.ts';
import { lintCatalog } from './catalog-linter.ts';
import { createDatabase, type Database } from './database.ts';
import { type EmbeddedDatabase, openEmbeddedDatabase } from './embedded.ts';
import { assertMigrated, migrate } from './migrate.ts';
import { claimDatabase } from './sole-server.ts';
import type { SystemReason } from './system-reasons.ts';

/** An open database. */
export interface OpenDatabase {
  readonly database: Database;
  readonly kind: 'embedded' | 'postgresql';
  /** For backups of the embedded database; `undefined` on PostgreSQL, which has its own tools. */
  readonly dump: (() => Promise<Uint8Array>) | undefined;
}

/** What `openDatabase` reports while it works. */
export interface OpenDatabaseHooks {
  readonly onSystemTransaction: (reason: SystemReason) => void;
  readonly onMigration: (name: string) => void;
  /** A connection that broke while idle; the pool replaces it. */
  readonly onIdleError: (error: Error) => void;
}

const embeddedLogin = 'genai_server';

/** What for: a server migrates and must be alone where there is no Redis; a command does neither on PostgreSQL. */
export type DatabaseUse = 'server' | 'command';

/**
 * Opens the database, applies pending migrations where this process may, and checks the walls between tenants.
 * @throws when the folder is in use, migrations are pending, or the catalogue check finds a hole.
 */
export async function openDatabase(
  config: Config,
  hooks: OpenDatabaseHooks,
  use: DatabaseUse = 'server',
): Promise<OpenDatabase> {
  const { url } = config.database;
  return url === undefined ? openEmbedded(config, hooks) : openPostgres(url, config, hooks, use);
}

async function openEmbedded(config: Config, hooks: OpenDatabaseHooks): Promise<OpenDatabase> {
  const embedded = await openEmbeddedDatabase(config.server.dataDir);
  try {
    return await openOverEmbedded(embedded, config, hooks);
  } catch (error) {
    await embedded.close();
    throw error;
  }
}

/** Migrates and checks a running embedded database. Closing the result closes it too. */
export async function openOverEmbedded(
  embedded: EmbeddedDatabase,
  config: Config,
  hooks: OpenDatabaseHooks,
): Promise<OpenDatabase> {
  const connection = { user: 'postgres', database: 'postgres', stream: embedded.connect };
  const owner = new pg.Client(connection);
  await owner.connect();
  await migrate(owner, { login: { name: embeddedLogin, password: undefined }, onMigration: hooks.onMigration });
  await owner.end();
  const pool = new pg.Pool({
    ...connection,
    max: 1,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: config.database.connectTimeoutMs,
    // The session outlives connections, so a transaction of a connection that broke is still open. PGlite logs everybody
    // in as superuser; from here on the session is the unprivileged login, as on PostgreSQL.
    onConnect: async (client) => void (await client.query(`rollback; set session authorization ${embeddedLogin}`)),
  });
  pool.on('error', hooks.onIdleError);
  await assertSound(pool);
  const database = createDatabase({ pool, ...timeouts(config), onSystemTransaction: hooks.onSystemTransaction });
  const close = async () => {
    await database.close();
    await embedded.close();
  };
  return { database: { ...database, close }, kind: 'embedded', dump: embedded.dump };
}

async function openPostgres(
  url: string,
  config: Config,
  hooks: OpenDatabaseHooks,
  use: DatabaseUse,
): Promise<OpenDatabase> {
  const { ownerUrl, poolMax, connectTimeoutMs, idleTimeoutMs } = config.database;
  if (ownerUrl !== undefined && use === 'server') await migrateAsOwner(config, hooks.onMigration);
  const pool = new pg.Pool({
    connectionString: url,
    max: poolMax,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: idleTimeoutMs,
    application_name: 'genai-platform',
  });
  pool.on('error', hooks.onIdleError);
  try {
    await assertSound(pool);
    const isShared = config.redis.url !== undefined;
    const claim = { connectionString: url, connectTimeoutMs, isShared, onLost: hooks.onIdleError };
    const unclaim = use === 'server' ? await claimDatabase(claim) : async () => {};
    const database = createDatabase({ pool, ...timeouts(config), onSystemTransaction: hooks.onSystemTransaction });
    const close = async () => {
      await database.close();
      await unclaim();
    };
    return { database: { ...database, close }, kind: 'postgresql', dump: undefined };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

/**
 * Applies pending migrations to PostgreSQL as the login of DATABASE_OWNER_URL, and creates the login of DATABASE_URL
 * when it does not exist.
 */
export async function migrateAsOwner(config: Config, onMigration: (name: string) => void): Promise<void> {
  const { url, ownerUrl, connectTimeoutMs } = config.database;
  if (url === undefined || ownerUrl === undefined) {
    throw new SetupError('Migrating PostgreSQL needs DATABASE_URL and DATABASE_OWNER_URL.');
  }
  const { username, password } = new URL(url);
  if (username === '')
    throw new SetupError('DATABASE_URL must name the login of the server: postgres://LOGIN:PASSWORD@HOST/DATABASE.');
  const owner = new pg.Client({ connectionString: ownerUrl, connectionTimeoutMillis: connectTimeoutMs });
  await owner.connect();
  try {
    const login = { name: decodeURIComponent(username), password: decodeURIComponent(password) || undefined };
    await migrate(owner, { login, onMigration });
  } finally {
    await owner.end();
  }
}

/** Refuses a database that is not migrated, or that does not keep tenants apart from this login. */
async function assertSound(pool: pg.Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await assertMigrated(client);
    await lintCatalog(client);
  } finally {
    client.release();
  }
}

function timeouts(config: Config) {
  const { statementTimeoutMs, idleInTransactionTimeoutMs } = config.database;
  return { statementTimeoutMs, idleInTransactionTimeoutMs };
}
