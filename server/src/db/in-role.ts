/** Looks at the database the way a transaction of ours will see it, before there is anything to open transactions with. */

import type pg from 'pg';

/**
 * Runs `fn` in a transaction of a role and rolls it back. The server's login has no rights of its own, so even reading
 * which migrations are applied needs a role.
 */
export async function inRole<T>(
  pool: pg.Pool,
  role: 'genai_app' | 'genai_system',
  fn: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query(`begin; set local role ${role}`);
    return await fn(client);
  } finally {
    await client.query('rollback');
    client.release();
  }
}
