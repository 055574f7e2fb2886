/**
 * A port that takes no more connections, so that connecting to it waits until the client gives up: a process that listens,
 * accepts nobody and has as many waiting as Linux lets wait.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Listens and then sleeps for good, so that nothing is ever accepted. */
const program = `
  const server = require('node:net').createServer();
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    require('node:fs').writeSync(1, server.address().port + '\\n');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });`;

/** Connections that fill a backlog of one. */
const waitingMax = 2;

/** Starts it; `address` is host and port. */
export async function startDeafListener(): Promise<{ readonly address: string; readonly close: () => void }> {
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  const waiting: Socket[] = [];
  while (waiting.length < waitingMax) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    waiting.push(socket);
    await once(socket, 'connect');
  }
  return {
    address: `127.0.0.1:${port}`,
    close() {
      for (const socket of waiting) socket.destroy();
      child.kill('SIGKILL');
    },
  };
}
