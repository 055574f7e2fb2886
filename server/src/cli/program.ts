/** The tree of commands. */

import { Command, CommanderError } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { addAccount } from './commands/account.ts';
import { addAsk } from './commands/ask.ts';
import { addBackup } from './commands/backup.ts';
import { addBreakGlass } from './commands/break-glass.ts';
import { addCompletion } from './commands/completion.ts';
import { addConfig } from './commands/config.ts';
import { addDev } from './commands/dev.ts';
import { addDoctor } from './commands/doctor.ts';
import { addCollections, addDocuments } from './commands/documents.ts';
import { addIngest } from './commands/ingest.ts';
import { addIsolation } from './commands/isolation.ts';
import { addKeys } from './commands/keys.ts';
import { addLogin } from './commands/login.ts';
import { addOperators } from './commands/operators.ts';
import { addPolicy } from './commands/policy.ts';
import { addQueue } from './commands/queue.ts';
import { addRoles } from './commands/roles.ts';
import { addMigrate, addServe } from './commands/serve.ts';
import { addSessions } from './commands/sessions.ts';
import { addSso } from './commands/sso.ts';
import { addTeams } from './commands/teams.ts';
import { addTenants } from './commands/tenants.ts';
import { addUp } from './commands/up.ts';
import { addUsers } from './commands/users.ts';
import { CommandError, type ExitName, exitCodes, exitMeanings, failureFrom } from './failures.ts';
import { createShell, type Shell, type Surroundings } from './shell.ts';

/** What stands below the help of the program. */
function helpFooter(): string {
  const codes = (Object.keys(exitCodes) as ExitName[]).map(
    (name) => `  ${exitCodes[name]}`.padEnd(6) + exitMeanings[name],
  );
  return [
    '',
    'Exit codes:',
    ...codes,
    '',
    'Settings come from the environment and .env; `genai config show` lists them.',
  ].join('\n');
}

/** Makes the program and its shell. Actions run when its arguments are parsed. */
export function createProgram(surroundings: Surroundings): { readonly program: Command; readonly shell: Shell } {
  const program = new Command('genai');
  program
    .description('Self-hosted multi-tenant question answering and an OpenAI-compatible gateway.')
    .version(packageJson.version)
    .option('--json', 'print results and errors as JSON')
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => surroundings.stdout.write(text),
      writeErr: (text) => surroundings.stderr.write(text),
      // Said by `run`, in the form of all other failures.
      outputError: () => {},
    })
    .addHelpText('after', helpFooter());
  const shell = createShell(program, surroundings);

  program.commandsGroup('Use a server:');
  addAsk(program, shell);
  addIngest(program, shell);
  addDocuments(program, shell);
  addCollections(program, shell);
  addKeys(program, shell);
  addUsers(program, shell);
  addQueue(program, shell);
  addTeams(program, shell);
  addSso(program, shell);
  addRoles(program, shell);
  addPolicy(program, shell);
  addLogin(program, shell);
  addAccount(program, shell);
  addSessions(program, shell);
  addBreakGlass(program, shell);
  addTenants(program, shell);
  program.commandsGroup('Run a server:');
  addUp(program, shell);
  addServe(program, shell);
  addMigrate(program, shell);
  addDoctor(program, shell);
  addIsolation(program, shell);
  addConfig(program, shell);
  addOperators(program, shell);
  addBackup(program, shell);
  program.commandsGroup('Other:');
  addCompletion(program, shell);
  addDev(program, shell);
  for (const command of program.commands) command.helpCommand(false);
  return { program, shell };
}

/** Runs the command that the arguments name, without the names of node and script. Resolves with the exit code. */
export async function run(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { program, shell } = createProgram(surroundings);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCodes.success;
  } catch (error) {
    // Help and version that were asked for; help that was not is on standard error by now.
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.success;
    if (error instanceof CommanderError && error.code === 'commander.help') return exitCodes.usage;
    const failure = failureFrom(error instanceof CommanderError ? usageError(error) : error);
    shell.output.failure(failure);
    return exitCodes[failure.exit];
  }
}

function usageError({ message }: CommanderError): CommandError {
  return new CommandError('usage', message.replace(/^error: /, ''), {
    fix: '`genai --help` and `genai COMMAND --help` tell how.',
  });
}
