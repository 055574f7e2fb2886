/**
 * Makes sure that a server without Redis is the only one on its database.
 *
 * Rates and budgets are then counted in the process, and a second process, with Redis or without, would double them. So
 * servers with Redis share a claim, and one without takes it for itself. The claim is an advisory lock of a connection of
 * its own, so PostgreSQL gives it up when the process dies. It needs a session: behind PgBouncer in transaction mode it
 * does not hold, so there nothing but the guide keeps a server without Redis away.
 */

import pg from 'pg';
import { SetupError } from '../errors.ts';

/** Another server uses the database, and the two would not share their counters. */
export class SecondServerError extends SetupError {
  override readonly name = 'SecondServerError';
}

const lockKey = 7_368_911_203;

/** How a database is claimed. */
export interface Claim {
  readonly connectionString: string;
  readonly connectTimeoutMs: number;
  /** Whether others that say so may claim it too. */
  readonly isShared: boolean;
  /** Told when the connection broke, and with it the claim. */
  readonly onLost: (error: Error) => void;
}

/** Claims the database; the returned function gives it back. @throws {SecondServerError} when it is claimed already. */
export async function claimDatabase(claim: Claim): Promise<() => Promise<void>> {
  const client = new pg.Client({
    connectionString: claim.connectionString,
    connectionTimeoutMillis: claim.connectTimeoutMs,
    application_name: 'genai-platform claim',
    keepAlive: true,
  });
  client.on('error', claim.onLost);
  await client.connect();
  const lock = claim.isShared ? 'pg_try_advisory_lock_shared' : 'pg_try_advisory_lock';
  const { rows } = await client.query<{ claimed: boolean }>(`select ${lock}(${lockKey}) as claimed`);
  if (rows[0]?.claimed === true) return () => client.end();
  await client.end();
  throw new SecondServerError(
    'Another server uses this database, and unless both have REDIS_URL each would count limits for itself. Stop it, or set REDIS_URL for both.',
  );
}
