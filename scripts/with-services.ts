/**
 * Runs a command with the services that the tests need, and ends what it started: `with-services.ts COMMAND [ARGUMENT…]`.
 *
 * The command finds them in TEST_DATABASE_URL (a superuser on a PostgreSQL with pgvector), TEST_REDIS_URL and
 * CHROMIUM_PATH. Where one of these is set already, it is used as it is. Ends with the exit code of the command.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { dockerEngineRuns, startPostgresContainer, startRedisContainer } from './services/docker.ts';
import { type ProgramName, type Programs, providePrograms } from './services/local.ts';
import { startPostgres } from './services/postgres.ts';
import { startRedis } from './services/redis.ts';

/** How long an interrupted command may take to end by itself. */
const endTimeoutMs = 10_000;

/** The variables through which the command finds its services. */
async function startServices(cleanup: AsyncDisposableStack): Promise<Record<string, string>> {
  const { TEST_DATABASE_URL: databaseUrl, TEST_REDIS_URL: redisUrl } = process.env;
  const servers: ProgramName[] = [
    ...(databaseUrl === undefined ? ['postgres' as const] : []),
    ...(redisUrl === undefined ? ['redis' as const] : []),
  ];
  const docker = servers.length > 0 && (await dockerEngineRuns());
  const programs = await providePrograms(docker ? ['chromium'] : [...servers, 'chromium']);
  const [database, redis] = await Promise.all([
    databaseUrl ?? startDatabase(docker, programs, cleanup),
    redisUrl ?? (docker ? startRedisContainer(cleanup) : startRedis(programs.redis ?? '', cleanup)),
  ]);
  return { TEST_DATABASE_URL: database, TEST_REDIS_URL: redis, CHROMIUM_PATH: programs.chromium ?? '' };
}

function startDatabase(docker: boolean, programs: Programs, cleanup: AsyncDisposableStack): Promise<string> {
  if (docker) return startPostgresContainer(cleanup);
  if (programs.postgres === undefined) throw new Error('PostgreSQL was not provided.');
  return startPostgres(programs.postgres, cleanup);
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
