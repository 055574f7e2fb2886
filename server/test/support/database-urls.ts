/** Addresses of databases on the PostgreSQL test server. */

import pg from 'pg';

/** Name and password of the server's login on the PostgreSQL test server, and the migrated database to clone. */
export const postgresTemplate = {
  database: 'genai_test_template',
  login: 'genai_server',
  password: 'for-tests-on-loopback',
};

/** A database after a first start, to clone. */
export const preparedDatabase = 'genai_test_prepared';

/** Runs statements on the maintenance database of a server. */
export async function onServer(serverUrl: string, fn: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client(serverUrl);
  await client.connect();
  try {
    await fn(client);
  } finally {
    await client.end();
  }
}

/** The URL by which the product's own login reaches a database of the test server. */
export function serverLoginUrl(serverUrl: string, database: string): string {
  const url = new URL(withDatabase(serverUrl, database));
  url.username = postgresTemplate.login;
  url.password = postgresTemplate.password;
  return url.href;
}

/** The same server, another database. */
export function withDatabase(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}
