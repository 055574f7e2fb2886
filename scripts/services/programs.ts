/** Finding, running and ending the programs that the tests stand on. */
import { execFile, type SpawnOptionsWithoutStdio, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

/** How long a server may take until it accepts connections. */
const startTimeoutMs = 60_000;
/** How much of a server's output is kept to explain a failed start. */
const outputCharactersMax = 4_000;

/** What a finished program wrote; rejects when it failed, with its output in the error. */
export const run = promisify(execFile);

/** The first of these programs that stands on the PATH, as a full path. */
export function findOnPath(...names: string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
}

/** A TCP port of the loopback interface that nothing listens on at this moment. */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('The loopback interface gave no port.');
  return address.port;
}

/** A server program to start, and how to tell that it accepts connections. */
export interface ServerProgram {
  readonly command: string;
  readonly args: readonly string[];
  readonly options: SpawnOptionsWithoutStdio;
  /** Given on standard input, where a secret does not show in the list of processes. */
  readonly input?: string;
  /** What the program writes once it accepts connections. */
  readonly ready: string;
  /** The signal that ends it fastest; its data is thrown away. */
  readonly stopSignal: NodeJS.Signals;
}

/**
 * Starts a server and waits until it accepts connections. The stack ends it, also when it never becomes ready.
 * The server gets a process group of its own: Ctrl-C in the terminal must not end it before the tests have ended.
 *
 * @throws Error with the server's last output when it exits, or is not ready within a minute.
 */
export async function startServer(program: ServerProgram, cleanup: AsyncDisposableStack): Promise<void> {
  if (cleanup.disposed) throw new Error('The run has ended; no server is started any more.');
  const child = spawn(program.command, program.args, { ...program.options, stdio: 'pipe', detached: true });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  cleanup.defer(async () => {
    child.kill(program.stopSignal);
    await ended;
  });
  child.stdin.end(program.input ?? '');

  let output = '';
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${program.command} ${why}:\n${output}`));
    const timer = setTimeout(() => fail('was not ready in time'), startTimeoutMs);
    const read = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-outputCharactersMax);
      if (output.includes(program.ready)) resolve();
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', (error) => fail(`could not be started (${error.message})`));
    void ended.then(() => {
      clearTimeout(timer);
      fail('ended at once');
    });
  });
}
