/** Looks at PostgreSQL for `genai doctor` and `genai migrate --status`; changes nothing. */

import pg from 'pg';
import type { Config } from '../config/index.ts';
import { SetupError } from '../errors.ts';
import { CatalogError, lintCatalog } from './catalog-linter.ts';
import { type MigrationState, migrationStates } from './migrate.ts';

/** What the server's login sees. */
export interface PostgresInspection {
  /** For example `15.14`. */
  readonly version: string;
  /** Version of pgvector; `undefined` before it is installed. */
  readonly vectorVersion: string | undefined;
  /** How far the database's clock is ahead of ours, in milliseconds, give or take half a round trip. */
  readonly clockAheadMs: number;
  readonly migrations: readonly MigrationState[];
  /** Holes in the walls between tenants; empty until the migrations are applied, when there is nothing to look at. */
  readonly holes: readonly string[];
}

/** Looks at the database of DATABASE_URL. @throws what the driver does when there is none. */
export async function inspectPostgres(config: Config, now: () => number = Date.now): Promise<PostgresInspection> {
  const { url, connectTimeoutMs, statementTimeoutMs } = config.database;
  if (url === undefined) throw new SetupError('DATABASE_URL is empty: the embedded database is in use.');
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
  });
  // A connection that breaks fails its query too; the event alone would end the process.
  client.on('error', () => {});
  await client.connect();
  try {
    const askedMs = now();
    const { rows } = await client.query<{ version: string; vector: string | null; ms: number }>(`
      select current_setting('server_version') as version, extract(epoch from clock_timestamp())::float8 * 1000 as ms,
        (select extversion from pg_extension where extname = 'vector') as vector`);
    const { version = '', vector = null, ms = 0 } = rows[0] ?? {};
    const clockAheadMs = Math.round(ms - (askedMs + now()) / 2);
    const migrations = await migrationStates(client);
    const isMigrated = migrations.every(({ state }) => state === 'applied');
    const holes = isMigrated ? await lintCatalog(client).then(() => [], holesOf) : [];
    return { version, vectorVersion: vector ?? undefined, clockAheadMs, migrations, holes };
  } finally {
    await client.end();
  }
}

function holesOf(error: unknown): readonly string[] {
  if (error instanceof CatalogError) return error.findings;
  throw error;
}
