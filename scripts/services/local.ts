/**
 * The programs of this machine that the tests stand on: found where they are installed, installed from Debian's packages
 * as root, else named in one clear message. Nothing is fetched when nothing is missing.
 */
import { findChromium } from './chromium.ts';
import { candidateVersion, canInstallPackages, installPackages, updatePackageLists } from './debian.ts';
import { findPgbouncer } from './pgbouncer.ts';
import { buildPgvector } from './pgvector.ts';
import { findPostgres, type PostgresInstallation, postgresMajorMin } from './postgres.ts';
import { findOnPath } from './programs.ts';

/** A program that the tests may need. */
export type ProgramName = 'postgres' | 'pgbouncer' | 'redis' | 'chromium';

/** The programs that were found. */
export interface Programs {
  readonly postgres: PostgresInstallation | undefined;
  /** Path of `pgbouncer`. */
  readonly pgbouncer: string | undefined;
  /** Path of `redis-server` or `valkey-server`. */
  readonly redis: string | undefined;
  /** Path of the browser. */
  readonly chromium: string | undefined;
}

const remedies: Readonly<Record<ProgramName, string>> = {
  postgres: `PostgreSQL ${postgresMajorMin} or newer with the extension pgvector (or TEST_DATABASE_URL, a superuser's URL)`,
  pgbouncer: 'PgBouncer 1.18 or newer (or TEST_PGBOUNCER_URL, in transaction mode with five connections)',
  redis: 'Redis 7 or Valkey 8, with redis-server or valkey-server on the PATH (or TEST_REDIS_URL)',
  chromium: 'Chromium or Chrome on the PATH (or CHROMIUM_PATH)',
};

/**
 * Finds the needed programs and installs the missing ones where that is possible.
 *
 * @throws Error that says what is missing and how to get it.
 */
export async function providePrograms(needed: readonly ProgramName[]): Promise<Programs> {
  const before = await findPrograms();
  const missing = needed.filter((name) => before[name] === undefined);
  if (missing.length === 0) return before;
  if (!canInstallPackages()) throw new Error(explain(missing));
  try {
    await installMissing(missing);
  } catch (error) {
    throw new Error(`${explain(missing)}\nInstalling from Debian's packages failed: ${String(error)}`, {
      cause: error,
    });
  }
  const after = await findPrograms();
  const stillMissing = needed.filter((name) => after[name] === undefined);
  if (stillMissing.length > 0) throw new Error(explain(stillMissing));
  return after;
}

async function findPrograms(): Promise<Programs> {
  const [postgres] = await findPostgres();
  return {
    postgres: postgres?.hasVector === true ? postgres : undefined,
    pgbouncer: findPgbouncer(),
    redis: findOnPath('redis-server', 'valkey-server'),
    chromium: findChromium(),
  };
}

function explain(missing: readonly ProgramName[]): string {
  const lines = missing.map((name) => `  - ${remedies[name]}`);
  const ways =
    'Install it; as root on Debian it is installed for you, and a running Docker engine stands in for the servers.';
  return `This machine lacks what the tests need:\n${lines.join('\n')}\n${ways}`;
}

async function installMissing(missing: readonly ProgramName[]): Promise<void> {
  await updatePackageLists();
  const packages: string[] = [];
  if (missing.includes('pgbouncer')) packages.push('pgbouncer');
  if (missing.includes('redis')) packages.push('redis-server');
  if (missing.includes('chromium')) packages.push('chromium');
  if (missing.includes('postgres')) packages.push(...(await postgresPackages()));
  await installPackages(packages);
  const [postgres] = await findPostgres();
  if (missing.includes('postgres') && postgres?.hasVector === false) await buildPgvector(postgres);
}

/** The packages of an installed or the current PostgreSQL, and of its pgvector where Debian has one. */
async function postgresPackages(): Promise<string[]> {
  const [installed] = await findPostgres();
  const major = installed?.major ?? Number.parseInt((await candidateVersion('postgresql')) ?? '0', 10);
  if (major < postgresMajorMin) throw new Error(`This system has PostgreSQL ${major}, which is too old.`);
  const vector = `postgresql-${major}-pgvector`;
  const hasPackage = (await candidateVersion(vector)) !== undefined;
  return [...(installed === undefined ? [`postgresql-${major}`] : []), ...(hasPackage ? [vector] : [])];
}
