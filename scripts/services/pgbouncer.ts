/**
 * PgBouncer in transaction mode in front of a PostgreSQL, with fewer connections to it than clients use.
 *
 * In this mode each transaction may run on another connection, whose session other clients had before; so it shows
 * whatever rests on a session. It resets nothing between transactions.
 */
import { existsSync } from 'node:fs';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unprivilegedAccount } from './postgres.ts';
import { findFreePort, findOnPath, startServer } from './programs.ts';

/** Connections to PostgreSQL for each database and login. */
const serverConnections = 5;
const clientConnectionsMax = 500;

/** The program of this machine. Debian keeps it where only root looks. */
export function findPgbouncer(): string | undefined {
  const debian = '/usr/sbin/pgbouncer';
  return findOnPath('pgbouncer') ?? (existsSync(debian) ? debian : undefined);
}

/**
 * The settings, as the file that PgBouncer reads.
 *
 * Passwords are asked of the PostgreSQL behind it, as its superuser, so that every login of that server works here.
 * @param databaseUrl of a superuser.
 * @param place.folder where PgBouncer finds its file of users.
 */
export function pgbouncerSettings(
  databaseUrl: string,
  { address, port, folder }: { readonly address: string; readonly port: number; readonly folder: string },
): string {
  const { hostname, port: databasePort, username } = new URL(databaseUrl);
  const settings = {
    listen_addr: address,
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: `${folder}/users.txt`,
    auth_user: decodeURIComponent(username),
    pool_mode: 'transaction',
    default_pool_size: serverConnections,
    max_client_conn: clientConnectionsMax,
    log_connections: 0,
    log_disconnections: 0,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  return `[databases]\n* = host=${hostname} port=${databasePort || 5432}\n[pgbouncer]\n${lines.join('\n')}\n`;
}

/** The file of users: only who asks for the passwords of all others. */
export function pgbouncerUsers(databaseUrl: string): string {
  const { username, password } = new URL(databaseUrl);
  return `"${decodeURIComponent(username)}" "${decodeURIComponent(password)}"\n`;
}

/** Starts one and returns its URL, which names no login and no database. */
export async function startPgbouncer(
  command: string,
  databaseUrl: string,
  cleanup: AsyncDisposableStack,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'genai-test-pgbouncer-'));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const port = await findFreePort();
  const account = await unprivilegedAccount();
  const files = {
    'pgbouncer.ini': pgbouncerSettings(databaseUrl, { address: '127.0.0.1', port, folder }),
    'users.txt': pgbouncerUsers(databaseUrl),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text, { mode: 0o600 });
  if (account !== undefined) {
    for (const path of [folder, ...Object.keys(files).map((name) => join(folder, name))]) {
      await chown(path, account.uid, account.gid);
    }
  }
  await startServer(
    {
      command,
      args: [join(folder, 'pgbouncer.ini')],
      options: { cwd: folder, ...account },
      ready: 'process up',
      stopSignal: 'SIGKILL',
    },
    cleanup,
  );
  return `postgres://127.0.0.1:${port}`;
}
