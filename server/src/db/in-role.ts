/** Looks at the database the way a transaction of ours will see it, before there is anything to open transactions with. */

import type pg from 'pg';

/** A connection of the server's login. */
export type Connection = Pick<pg.ClientBase, 'query'>;

/**
 * Runs `fn` in a transaction of a role and rolls it back. The server's login has no rights of its own, so even reading
 * which migrations are applied needs a role.
 */
export async function inRole<T>(
  connection: Connection,
  role: 'genai_app' | 'genai_system',
  fn: () => Promise<T>,
): Promise<T> {
  try {
    await connection.query(`begin; set local role ${role}`);
    return await fn();
  } finally {
    await connection.query('rollback');
  }
}
