/** A port that nobody listens on, for servers that must know their address before they listen. */

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** A free port of this machine's own address; somebody else may take it meanwhile, which no test has seen yet. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
