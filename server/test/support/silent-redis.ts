/** A FAKE Redis that lets clients in and then answers nothing that they ask, as one that hangs. */

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

const info = 'redis_version:7.0.0\r\nloading:0\r\n';
/** What it says to who introduces themselves. */
const welcome: Readonly<Record<string, string>> = {
  hello: '-NOPROTO unsupported protocol version\r\n',
  client: '+OK\r\n',
  info: `$${info.length}\r\n${info}\r\n`,
};

/** Starts it on a free port. */
export async function startSilentRedis() {
  const clients = new Set<Socket>();
  const server = createServer((socket) => {
    clients.add(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      const commands = bytes.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g);
      for (const [, command = ''] of commands) socket.write(welcome[command.toLowerCase()] ?? '');
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => clients.size,
    close: () => {
      server.close();
      for (const client of clients) client.destroy();
    },
  };
}
