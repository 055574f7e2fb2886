/** PostgreSQL with pgvector, PgBouncer and Redis as containers, on machines where a Docker engine runs. */
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pgbouncerSettings, pgbouncerUsers } from './pgbouncer.ts';
import { fastSettingFlags } from './postgres.ts';
import { run } from './programs.ts';

const postgresImage = 'pgvector/pgvector:0.8.0-pg16';
const pgbouncerImage = 'edoburu/pgbouncer:v1.24.1-p1';
const redisImage = 'redis:7.2.5';

const answerTimeoutMs = 5_000;
const readyPollsMax = 300;
const readyPollMs = 200;

/** Whether a Docker engine answers; the client alone is not enough. */
export async function dockerEngineRuns(): Promise<boolean> {
  try {
    const { stdout } = await run('docker', ['info', '--format', '{{.ServerVersion}}'], { timeout: answerTimeoutMs });
    return stdout.trim() !== '';
  } catch {
    return false;
  }
}

/** Ports within the containers. */
const postgresPort = 5432;
const pgbouncerPort = 6432;

/** Starts PostgreSQL with pgvector, and PgBouncer before it; returns their URLs, the first as superuser. */
export async function startPostgresContainers(cleanup: AsyncDisposableStack) {
  const password = randomBytes(16).toString('hex');
  const postgres = await startContainer(
    {
      image: postgresImage,
      // The second belongs to PgBouncer, which shares this container's network.
      ports: [postgresPort, pgbouncerPort],
      options: ['--env', `POSTGRES_PASSWORD=${password}`],
      args: fastSettingFlags,
      // While the image prepares its data it listens on a Unix socket only, so the check goes over TCP.
      readyCheck: (name) => [name, 'pg_isready', '--host', '127.0.0.1'],
    },
    cleanup,
  );
  const superuser = `postgres://postgres:${password}`;
  const folder = await mkdtemp(join(tmpdir(), 'genai-test-pgbouncer-'));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  // The account inside the container is another than ours.
  await chmod(folder, 0o755);
  const place = { address: '0.0.0.0', port: pgbouncerPort, folder: '/etc/pgbouncer' };
  const behindUrl = `${superuser}@127.0.0.1:${postgresPort}`;
  await writeFile(join(folder, 'pgbouncer.ini'), pgbouncerSettings(behindUrl, place));
  await writeFile(join(folder, 'users.txt'), pgbouncerUsers(behindUrl));
  await startContainer(
    {
      image: pgbouncerImage,
      ports: [],
      options: ['--network', `container:${postgres.name}`, '--volume', `${folder}:${place.folder}:ro`],
      args: [],
      readyCheck: () => [postgres.name, 'pg_isready', '--host', '127.0.0.1', '--port', String(pgbouncerPort)],
    },
    cleanup,
  );
  return {
    url: `${superuser}@${await postgres.address(postgresPort)}/postgres`,
    pgbouncerUrl: `postgres://${await postgres.address(pgbouncerPort)}`,
  };
}

/** Starts Redis and returns its URL. */
export async function startRedisContainer(cleanup: AsyncDisposableStack): Promise<string> {
  const password = randomBytes(16).toString('hex');
  const container = {
    image: redisImage,
    ports: [6379],
    options: [],
    args: ['--requirepass', password, '--save', '', '--appendonly', 'no'],
    readyCheck: (name: string) => [name, 'redis-cli', '--no-auth-warning', '-a', password, '-e', 'ping'],
  };
  const { address } = await startContainer(container, cleanup);
  return `redis://:${password}@${await address(6379)}/0`;
}

interface Container {
  readonly image: string;
  /** Published on free loopback ports. */
  readonly ports: readonly number[];
  readonly options: readonly string[];
  readonly args: readonly string[];
  /** The arguments of `docker exec` that succeed once it accepts connections. */
  readonly readyCheck: (name: string) => readonly string[];
}

/** Starts a container; resolves once it accepts connections, with what finds the address of a published port. */
async function startContainer(container: Container, cleanup: AsyncDisposableStack) {
  const name = `genai-test-${randomBytes(6).toString('hex')}`;
  cleanup.defer(async () => void (await run('docker', ['rm', '--force', '--volumes', name]).catch(() => undefined)));
  const publish = container.ports.flatMap((port) => ['--publish', `127.0.0.1::${port}`]);
  await run('docker', [
    'run',
    '--detach',
    '--name',
    name,
    ...publish,
    ...container.options,
    container.image,
    ...container.args,
  ]);
  for (let poll = 0; poll < readyPollsMax; poll += 1) {
    const ready = await run('docker', ['exec', ...container.readyCheck(name)]).then(
      () => true,
      () => false,
    );
    if (ready) {
      const address = async (port: number) => (await run('docker', ['port', name, String(port)])).stdout.trim();
      return { name, address };
    }
    await delay(readyPollMs);
  }
  throw new Error(`${container.image} was not ready in time:\n${(await run('docker', ['logs', name])).stderr}`);
}
