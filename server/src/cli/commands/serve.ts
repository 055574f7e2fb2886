/** `genai serve` and `genai migrate`: what a deployment runs. */

import type { Command } from 'commander';
import { tableText } from '../output.ts';
import type { Shell } from '../shell.ts';

/** Adds `serve`. */
export function addServe(program: Command, { serverConfig }: Shell): void {
  program
    .command('serve')
    .description('start a server for production: as the settings say, nothing made up, logs as JSON lines')
    .action(async () => {
      // Wrong settings are told at once; the program itself takes a second to load.
      serverConfig();
      const { loadServerConfig, serve } = await import('../../main.ts');
      await serve(loadServerConfig().config);
    });
}

/** Adds `migrate`. */
export function addMigrate(program: Command, { output, serverConfig }: Shell): void {
  program
    .command('migrate')
    .description('bring PostgreSQL up to date, as the login of DATABASE_OWNER_URL')
    .option('--status', 'only show which migrations are applied')
    .action(async ({ status }: { status?: true }) => {
      const config = serverConfig();
      if (config.database.url === undefined) {
        output.result({ applied: [] }, () => '');
        output.note('The embedded database migrates itself whenever it is opened; there is nothing to do.');
        return;
      }
      const { inspectPostgres, migrateAsOwner } = await import('../../db/index.ts');
      if (status === true) {
        const { migrations } = await inspectPostgres(config);
        const cells = migrations.map(({ name, state }) => [name, state]);
        return output.result({ data: migrations }, () => tableText(['MIGRATION', 'STATE'], cells));
      }
      const applied: string[] = [];
      await migrateAsOwner(config, (name) => {
        applied.push(name);
        output.note(`applied ${name}`);
      });
      output.result({ applied }, () => (applied.length === 0 ? 'Nothing to do: all migrations are applied.\n' : ''));
    });
}
