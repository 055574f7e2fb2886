/**
 * Runs a command with the services that the tests need, and ends what it started: `with-services.ts COMMAND [ARGUMENT…]`.
 *
 * The command finds them in TEST_DATABASE_URL (a superuser on a PostgreSQL with pgvector), TEST_PGBOUNCER_URL (a PgBouncer
 * in transaction mode in front of it), TEST_REDIS_URL and CHROMIUM_PATH. Where one of these is set already, it is used as
 * it is. Ends with the exit code of the command.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { dockerEngineRuns, startPostgresContainers, startRedisContainer } from './services/docker.ts';
import { type Programs, providePrograms } from './services/local.ts';
import { startPgbouncer } from './services/pgbouncer.ts';
import { startPostgres } from './services/postgres.ts';
import { startRedis } from './services/redis.ts';

/** How long an interrupted command may take to end by itself. */
const endTimeoutMs = 10_000;

/** The variables through which the command finds its services. */
async function startServices(cleanup: AsyncDisposableStack): Promise<Record<string, string>> {
  const given = {
    postgres: process.env['TEST_DATABASE_URL'],
    pgbouncer: process.env['TEST_PGBOUNCER_URL'],
    redis: process.env['TEST_REDIS_URL'],
  };
  const servers = (['postgres', 'pgbouncer', 'redis'] as const).filter((name) => given[name] === undefined);
  const docker = servers.length > 0 && (await dockerEngineRuns());
  // A container of PgBouncer shares the network of that of PostgreSQL; in front of any other it runs here.
  const local = docker ? servers.filter((name) => name === 'pgbouncer' && given.postgres !== undefined) : servers;
  const programs = await providePrograms([...local, 'chromium']);
  const [postgres, redis] = await Promise.all([
    given.postgres === undefined
      ? startDatabase(docker, programs, cleanup)
      : { url: given.postgres, pgbouncerUrl: undefined },
    given.redis ?? (docker ? startRedisContainer(cleanup) : startRedis(programs.redis ?? '', cleanup)),
  ]);
  const pgbouncer =
    given.pgbouncer ?? postgres.pgbouncerUrl ?? (await startPgbouncer(programs.pgbouncer ?? '', postgres.url, cleanup));
  return {
    TEST_DATABASE_URL: postgres.url,
    TEST_PGBOUNCER_URL: pgbouncer,
    TEST_REDIS_URL: redis,
    CHROMIUM_PATH: programs.chromium ?? '',
  };
}

async function startDatabase(docker: boolean, programs: Programs, cleanup: AsyncDisposableStack) {
  if (docker) return startPostgresContainers(cleanup);
  if (programs.postgres === undefined) throw new Error('PostgreSQL was not provided.');
  return { url: await startPostgres(programs.postgres, cleanup), pgbouncerUrl: undefined };
}

/** Runs the command with this process's streams and returns its exit code, or 128 + n when signal n ended it. */
function runCommand(command: readonly string[], variables: Record<string, string>, interrupted: Promise<string>) {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...variables } });
  void interrupted.then((signal) => {
    // Ctrl-C in the terminal has reached the command itself.
    if (signal !== 'SIGINT') child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGTERM'), endTimeoutMs).unref();
    setTimeout(() => child.kill('SIGKILL'), 2 * endTimeoutMs).unref();
  });
  return new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

async function main(command: readonly string[]): Promise<number> {
  if (command.length === 0) throw new Error('Usage: with-services.ts COMMAND [ARGUMENT…]');
  const interrupted = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, resolve);
  });
  const cleanup = new AsyncDisposableStack();
  try {
    const variables = await Promise.race([startServices(cleanup), interrupted]);
    if (typeof variables === 'string') return 128 + constants.signals[variables];
    return await runCommand(command, variables, interrupted);
  } finally {
    await cleanup.disposeAsync();
  }
}

try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  console.error(`services: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
