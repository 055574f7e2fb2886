/** A private Redis for one run of the tests: a free loopback port, a random password, nothing written to disk. */
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { findFreePort, startServer } from './programs.ts';

/** Starts a private server and returns its URL. */
export async function startRedis(command: string, cleanup: AsyncDisposableStack): Promise<string> {
  const port = await findFreePort();
  const password = randomBytes(16).toString('hex');
  const settings = [`port ${port}`, 'bind 127.0.0.1', `requirepass ${password}`, 'save ""', 'appendonly no'];
  await startServer(
    {
      command,
      args: ['-'],
      options: { cwd: tmpdir() },
      input: settings.join('\n'),
      ready: 'Ready to accept connections',
      stopSignal: 'SIGKILL',
    },
    cleanup,
  );
  return `redis://:${password}@127.0.0.1:${port}/0`;
}
