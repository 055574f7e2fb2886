/** Runs commands in this process, as `bin/genai.mjs` would in its own, with an environment that the test chooses. */

import { PassThrough, Readable } from 'node:stream';
import { run } from '../../src/cli/program.ts';

/** What a command left behind. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a command finds. */
export interface CommandEnvironment {
  /** Working folder, where `.env` is looked for. */
  readonly directory: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

/** Runs one command to its end. */
export async function runCommand(
  argv: readonly string[],
  { directory, environment = {}, stdin = '' }: CommandEnvironment,
): Promise<CommandResult> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const [out, err]: [string[], string[]] = [[], []];
  stdout.setEncoding('utf8').on('data', (text: string) => out.push(text));
  stderr.setEncoding('utf8').on('data', (text: string) => err.push(text));
  const code = await run(argv, { stdout, stderr, stdin: Readable.from([stdin]), settings: { environment, directory } });
  // What was written last arrives with the next turn of the event loop.
  await new Promise(setImmediate);
  return { code, stdout: out.join(''), stderr: err.join('') };
}
