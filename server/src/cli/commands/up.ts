/** `genai up`: from nothing to a cited answer: embedded storage, demo tenants, a server in the foreground. */

import type { Command } from 'commander';
import type { Config, LoadedConfig } from '../../config/index.ts';
import { CommandError } from '../failures.ts';
import { type FirstRun, firstRunFile } from '../first-run-file.ts';
import type { Shell } from '../shell.ts';

/** The sample documents of the first demo tenant answer it. */
const firstQuestion = 'How many days of annual leave do employees get?';

/** Adds `up`. */
export function addUp(program: Command, { output, serverConfig }: Shell): void {
  program
    .command('up')
    .description('start a server to try things out: it makes its own secrets, database, demo tenants and documents')
    .action(async () => {
      // Wrong settings are told at once; the program itself takes a second to load.
      if (serverConfig().server.environment === 'production') {
        throw new CommandError('notConfigured', '`genai up` makes demo users, which production must not have.', {
          fix: 'Run `genai serve`, or unset APP_ENV.',
        });
      }
      const { loadServerConfig, serve } = await import('../../main.ts');
      const { prepareFirstRun } = await import('../first-run.ts');
      const { createLogger } = await import('../../telemetry/index.ts');
      const loaded = loadServerConfig();
      const { dataDir, debug } = loaded.config.server;
      const config = withQuietLog(loaded);
      output.note('genai: starting; the first start makes the database, which takes some seconds');
      await serve(config, async (app, address) => {
        const baseUrl = localAddress(address);
        const log = createLogger(config.observability, { debug });
        const firstRun = await prepareFirstRun(app, dataDir, baseUrl, log, () =>
          output.note('genai: making two demo tenants and reading their sample documents'),
        );
        const welcome = { baseUrl, firstRun, dataDir, isEmbedded: app.databaseKind === 'embedded' };
        output.result(welcomeFacts(welcome), () => welcomeText(welcome));
      });
    });
}

interface Welcome {
  readonly baseUrl: string;
  readonly firstRun: FirstRun | undefined;
  readonly dataDir: string;
  readonly isEmbedded: boolean;
}

/** People who try things out want to see what they asked for; what is wrong they still see. */
function withQuietLog({ config, sources }: LoadedConfig): Config {
  const isChosen = sources.get('LOG_LEVEL') !== 'default' || config.server.debug;
  return isChosen ? config : { ...config, observability: { ...config.observability, logLevel: 'warn' } };
}

/** Where this machine reaches a server that listens on an address, which may be all of them. */
function localAddress(address: string): string {
  return address.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
}

function welcomeFacts({ baseUrl, firstRun, dataDir, isEmbedded }: Welcome) {
  return {
    base_url: baseUrl,
    embedded: isEmbedded,
    first_run_file: firstRun === undefined ? null : firstRunFile(dataDir),
    curl: firstRun === undefined ? null : firstCurl(firstRun),
  };
}

function welcomeText({ baseUrl, firstRun, dataDir, isEmbedded }: Welcome): string {
  const lines = ['', `genai-platform is running at ${baseUrl}`, ''];
  lines.push(`  Web page    ${baseUrl}/`, `  Reference   ${baseUrl}/docs`);
  if (firstRun !== undefined) {
    for (const { slug, tier, users } of firstRun.tenants) {
      lines.push(`  ${`Demo users`.padEnd(11)} ${users.map(({ email }) => email).join('  ')}  (${slug}, ${tier})`);
    }
    lines.push(`  Passwords   ${firstRunFile(dataDir)}`);
    lines.push('', 'Ask your first question, in another terminal:', '', `  ${firstCurl(firstRun)}`);
  }
  if (isEmbedded) {
    lines.push(
      '',
      'The embedded database is not for production data: it survives a killed process, but not a power cut.',
    );
  }
  return `${lines.join('\n')}\n\nStop the server with Ctrl-C.\n`;
}

/** One line that works as it is printed, in any POSIX shell. */
function firstCurl({ base_url, tenants }: FirstRun): string {
  const key = tenants[0]?.users.find(({ role }) => role === 'analyst')?.api_key ?? '';
  const headers = `-H 'Authorization: Bearer ${key}' -H 'Content-Type: application/json'`;
  return `curl -s ${base_url}/api/query ${headers} -d '${JSON.stringify({ question: firstQuestion })}'`;
}
