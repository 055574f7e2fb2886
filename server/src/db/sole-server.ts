/**
 * Makes sure that a server without Redis is the only one on its database.
 *
 * Rates and budgets are then counted in the process, and a second process would double them. The claim is an advisory
 * lock of a connection of its own, so PostgreSQL gives it up when the process dies. It needs a session: behind PgBouncer in
 * transaction mode it cannot hold, and Redis is needed anyway.
 */

import pg from 'pg';
import { SetupError } from '../errors.ts';

/** Another server without Redis uses the database. */
export class SecondServerError extends SetupError {
  override readonly name = 'SecondServerError';
}

const lockKey = 7_368_911_203;

/** Claims the database; the returned function gives it back. @throws {SecondServerError} when it is claimed already. */
export async function claimDatabase(
  connectionString: string,
  connectTimeoutMs: number,
  onLost: (error: Error) => void,
): Promise<() => Promise<void>> {
  const client = new pg.Client({
    connectionString,
    connectionTimeoutMillis: connectTimeoutMs,
    application_name: 'genai-platform claim',
    keepAlive: true,
  });
  client.on('error', onLost);
  await client.connect();
  const { rows } = await client.query<{ claimed: boolean }>(`select pg_try_advisory_lock(${lockKey}) as claimed`);
  if (rows[0]?.claimed === true) return () => client.end();
  await client.end();
  throw new SecondServerError(
    'Another server uses this database, and without Redis each would count limits for itself. Stop it, or set REDIS_URL for both.',
  );
}
