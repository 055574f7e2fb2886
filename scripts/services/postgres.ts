/**
 * A private PostgreSQL for one run of the tests.
 *
 * It lives in a temporary folder on a free loopback port, with a random password, and leaves nothing behind. It never
 * touches a database server of the machine. It gives up durability for speed.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findFreePort, findOnPath, run, startServer } from './programs.ts';

/** The oldest PostgreSQL that the product supports. */
export const postgresMajorMin = 15;

/** An installed PostgreSQL server. */
export interface PostgresInstallation {
  /** The folder of `postgres`, `initdb` and `pg_config`. */
  readonly programs: string;
  readonly major: number;
  /** Whether the extension pgvector is installed beside it. */
  readonly hasVector: boolean;
}

/** The installed servers that the tests can use, best first: with pgvector before without, then the newest. */
export async function findPostgres(): Promise<PostgresInstallation[]> {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? await readdir(debian) : [];
  const onPath = findOnPath('postgres');
  const folders = versions.map((version) => join(debian, version, 'bin'));
  if (onPath !== undefined) folders.push(dirname(onPath));
  const usable = folders.filter(
    (folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'pg_config')),
  );
  const found = await Promise.all(usable.map(inspect));
  return found
    .filter((installation) => installation.major >= postgresMajorMin)
    .sort((a, b) => Number(b.hasVector) - Number(a.hasVector) || b.major - a.major);
}

async function inspect(programs: string): Promise<PostgresInstallation> {
  const { stdout } = await run(join(programs, 'pg_config'), ['--version', '--sharedir']);
  const [version = '', share = ''] = stdout.trim().split('\n');
  const major = Number.parseInt(version.replace(/^\D+/, ''), 10);
  return { programs, major, hasVector: existsSync(join(share, 'extension', 'vector.control')) };
}

/** Starts a private server and returns the URL of its maintenance database, as superuser. */
export async function startPostgres(
  { programs }: PostgresInstallation,
  cleanup: AsyncDisposableStack,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'genai-test-postgres-'));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const account = await unprivilegedAccount();
  if (account !== undefined) await chown(folder, account.uid, account.gid);
  const options = { cwd: folder, ...account };

  const password = randomBytes(16).toString('hex');
  const data = join(folder, 'data');
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, password);
  if (account !== undefined) await chown(passwordFile, account.uid, account.gid);
  const locale = process.platform === 'darwin' ? 'en_US.UTF-8' : 'C.UTF-8';
  await run(
    join(programs, 'initdb'),
    ['--pgdata', data, '--username', 'postgres', '--pwfile', passwordFile, '--auth', 'scram-sha-256'].concat([
      '--encoding',
      'UTF8',
      '--locale',
      locale,
      '--lc-messages',
      'C',
      '--no-sync',
    ]),
    options,
  );

  const port = await findFreePort();
  const settings = { ...fastSettings, port, listen_addresses: '127.0.0.1', unix_socket_directories: '' };
  await startServer(
    {
      command: join(programs, 'postgres'),
      args: ['-D', data, ...settingFlags(settings)],
      options,
      ready: 'database system is ready to accept connections',
      stopSignal: 'SIGQUIT',
    },
    cleanup,
  );
  return `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
}

/** Settings for data that nobody will miss. The planner compiles nothing: that pays off for long queries only. */
const fastSettings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: 200,
  jit: 'off',
};

/** The flags that give PostgreSQL these settings. */
function settingFlags(settings: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** The flags of `fastSettings`, for a server that is started elsewhere. */
export const fastSettingFlags: readonly string[] = settingFlags(fastSettings);

/** PostgreSQL and PgBouncer refuse to run as root; then they run as the account that their packages made. */
export async function unprivilegedAccount(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const id = async (flag: string) => Number((await run('id', [flag, 'postgres'])).stdout);
  return { uid: await id('-u'), gid: await id('-g') };
}
