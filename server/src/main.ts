/**
 * The process: its role, its signals and its exit code.
 *
 *   node server/src/main.ts serve      answers requests and runs background jobs
 *   node server/src/main.ts migrate    brings PostgreSQL up to date and ends
 */

import { inspect } from 'node:util';
import { type App, createApp } from './app.ts';
import { type Config, generatedSecrets, type LoadedConfig, loadConfig } from './config/index.ts';
import type { Logger } from './context.ts';
import { migrateAsOwner } from './db/index.ts';
import { SetupError } from './errors.ts';
import { createLogger } from './telemetry/index.ts';

/** Conventional exit codes of a process that a signal ended. */
const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

/** Loads the settings, with secrets that a server outside production makes for itself. @throws {ConfigError} */
export function loadServerConfig(): LoadedConfig {
  const loaded = loadConfig();
  const { environment, dataDir } = loaded.config.server;
  return environment === 'production' ? loaded : loadConfig({ generated: generatedSecrets(dataDir) });
}

/**
 * Serves until a signal ends it, then lets running requests finish; a second signal ends the process at once.
 * @param onListening is called once the server answers; what it still does when a signal comes is left behind.
 */
export async function serve(
  config: Config,
  onListening: (app: App, address: string) => void | Promise<void> = () => {},
): Promise<void> {
  const { observability, server } = config;
  const log = createLogger(observability, { debug: server.debug });
  const app = await createApp(config, log);
  try {
    const address = await app.listen();
    log.info({ address, environment: server.environment, database: app.databaseKind }, 'listening');
    const stopped = signalled(log);
    await Promise.race([onListening(app, address), stopped]);
    await stopped;
  } finally {
    await app.close();
  }
}

/** Applies pending migrations to PostgreSQL; the embedded database migrates itself when it opens. */
export async function migrate(config: Config, onMigration: (name: string) => void): Promise<void> {
  await migrateAsOwner(config, onMigration);
}

/** Resolves on the first signal to stop; a second one ends the process where it stands. */
function signalled(log: Logger): Promise<void> {
  return new Promise((resolve) => {
    let isStopping = false;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (isStopping) process.exit(exitCodes[signal]);
        isStopping = true;
        log.info({ signal }, 'stopping; a second signal ends at once');
        resolve();
      });
    }
  });
}

async function run(role: string | undefined): Promise<void> {
  const { config } = loadServerConfig();
  if (role === 'serve') return serve(config);
  if (role === 'migrate') return migrate(config, (name) => process.stdout.write(`applied ${name}\n`));
  throw new Error(`Unknown role "${role ?? ''}"; expected serve or migrate.`);
}

if (import.meta.main) {
  run(process.argv[2]).then(
    () => process.exit(0),
    (error: unknown) => {
      process.stderr.write(`${error instanceof SetupError ? error.message : inspect(error)}\n`);
      process.exit(1);
    },
  );
}
