/** PostgreSQL with pgvector and Redis as containers, on machines where a Docker engine runs. */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { fastSettingFlags } from './postgres.ts';
import { run } from './programs.ts';

const postgresImage = 'pgvector/pgvector:0.8.0-pg16';
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

/** Starts PostgreSQL with pgvector and returns the URL of its maintenance database, as superuser. */
export async function startPostgresContainer(cleanup: AsyncDisposableStack): Promise<string> {
  const password = randomBytes(16).toString('hex');
  const container = {
    image: postgresImage,
    port: 5432,
    options: ['--env', `POSTGRES_PASSWORD=${password}`],
    args: fastSettingFlags,
    // While the image prepares its data it listens on a Unix socket only, so the check goes over TCP.
    readyCheck: ['pg_isready', '--host', '127.0.0.1'],
  };
  return `postgres://postgres:${password}@${await startContainer(container, cleanup)}/postgres`;
}

/** Starts Redis and returns its URL. */
export async function startRedisContainer(cleanup: AsyncDisposableStack): Promise<string> {
  const password = randomBytes(16).toString('hex');
  const container = {
    image: redisImage,
    port: 6379,
    options: [],
    args: ['--requirepass', password, '--save', '', '--appendonly', 'no'],
    readyCheck: ['redis-cli', '--no-auth-warning', '-a', password, '-e', 'ping'],
  };
  return `redis://:${password}@${await startContainer(container, cleanup)}/0`;
}

interface Container {
  readonly image: string;
  readonly port: number;
  readonly options: readonly string[];
  readonly args: readonly string[];
  /** A command inside the container that succeeds once it accepts connections. */
  readonly readyCheck: readonly string[];
}

/** Starts a container on a free loopback port and returns its address once it accepts connections. */
async function startContainer(container: Container, cleanup: AsyncDisposableStack): Promise<string> {
  const name = `genai-test-${randomBytes(6).toString('hex')}`;
  cleanup.defer(async () => void (await run('docker', ['rm', '--force', '--volumes', name]).catch(() => undefined)));
  const publish = ['--publish', `127.0.0.1::${container.port}`];
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
    const ready = await run('docker', ['exec', name, ...container.readyCheck]).then(
      () => true,
      () => false,
    );
    if (ready) return (await run('docker', ['port', name, String(container.port)])).stdout.trim();
    await delay(readyPollMs);
  }
  throw new Error(`${container.image} was not ready in time:\n${(await run('docker', ['logs', name])).stderr}`);
}
