/** Listeners on every address of a network namespace in which all addresses are this machine's, and the public servers among them. */

import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { publicAddresses } from './vectors.ts';

/** A connection that somebody made. */
export interface Caught {
  readonly address: string;
  readonly port: number;
}

/** What was caught, and what the public servers were asked. */
export interface Traps {
  readonly caught: Caught[];
  readonly answered: { count: number };
}

const ports = [22, 80, 443, 6379, 8080];

/** Listens. Port 80 of the public addresses answers, and redirects where it is told to; everything else is a trap. */
export async function setTraps(): Promise<Traps> {
  const caught: Caught[] = [];
  const answered = { count: 0 };
  const web = createHttpServer((request, response) => {
    answered.count += 1;
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://public.example');
    const to = searchParams.get('to');
    if (pathname !== '/redirect' || to === null) response.end('public');
    // Bytes that no header may hold are left out; the rest arrives as it was meant.
    else response.writeHead(Number(searchParams.get('status')), { location: encodedAsHeader(to) }).end();
  });
  for (const port of ports) {
    const server = createServer((socket: Socket) => {
      const address = socket.localAddress?.replace(/^::ffff:(?=\d+\.)/, '') ?? '';
      if (port === 80 && (publicAddresses as readonly string[]).includes(address)) {
        web.emit('connection', socket);
        return;
      }
      caught.push({ address, port });
      socket.on('error', () => {}).end('HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ntrapped');
    });
    server.listen(port, '::');
    await once(server, 'listening');
  }
  return { caught, answered };
}

function encodedAsHeader(text: string): string {
  return Buffer.from(text.replaceAll(/[\r\n\0]/g, ''), 'utf8').toString('latin1');
}
