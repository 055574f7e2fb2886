/** Changes of the schema that are made while the server runs, as the owner of the tables. */

import pg from 'pg';

/** All our processes agree on it; not the key of migrations, nor the one by which a server claims the database. */
const advisoryLockKey = 7_368_911_204;

/** What may be done as the owner: single statements of our own making, one process at a time. */
export interface OwnerStatements {
  /** Runs the statement. Throws when it fails. */
  readonly run: (statement: string) => Promise<void>;
}

/** How to reach the database as its owner. */
export interface OwnerLogin {
  readonly url: string;
  readonly connectTimeoutMs: number;
}

/**
 * Runs `work` on a connection of the owner, outside of any transaction, so that indexes can be built beside traffic.
 * @returns what `work` returns; `undefined` without calling it while another process is at it.
 */
export async function asOwner<T>(
  { url, connectTimeoutMs }: OwnerLogin,
  work: (owner: OwnerStatements) => Promise<T>,
): Promise<T | undefined> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: connectTimeoutMs });
  // A connection that is lost fails the statement that runs on it, which is enough.
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query<{ isMine: boolean }>('select pg_try_advisory_lock($1) as "isMine"', [
      advisoryLockKey,
    ]);
    if (rows[0]?.isMine !== true) return undefined;
    await client.query('set role genai_owner');
    return await work({ run: async (statement) => void (await client.query(statement)) });
  } finally {
    await client.end();
  }
}
