/** Listeners on every address of a network namespace in which all addresses are this machine's, and the public servers among them. */

import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type Socket } from 'node:net';
import { createSecureContext, getCACertificates, setDefaultCACertificates, TLSSocket } from 'node:tls';
import { type Certified, newAuthority } from '../support/certificates.ts';
import { certifiedNames, expiredName, plainPath, publicAddresses, unknownName } from './vectors.ts';

/** A connection that somebody made. */
export interface Caught {
  readonly address: string;
  readonly port: number;
}

const ports = [22, 80, 443, 6379, 8080];

/**
 * Listens; gives what will be caught. Ports 80 and 443 of the public addresses answer, and redirect where they are told to;
 * everything else is a trap. From now on this process trusts the authority that certified the public names.
 */
export async function setTraps(): Promise<readonly Caught[]> {
  const caught: Caught[] = [];
  const web = { 80: createHttpServer(answer), 443: createSecureServer() };
  for (const port of ports) {
    const server = createServer((socket: Socket) => {
      const address = socket.localAddress?.replace(/^::ffff:(?=\d+\.)/, '') ?? '';
      if (port in web && (publicAddresses as readonly string[]).includes(address)) {
        web[port as keyof typeof web].emit('connection', socket);
        return;
      }
      caught.push({ address, port });
      socket.on('error', () => {}).end('HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ntrapped');
    });
    server.listen(port, '::');
    await once(server, 'listening');
  }
  return caught;
}

/** What the public servers say: `public` where it may be believed. */
const answer: RequestListener = (request, response) => {
  const { hostname, pathname, searchParams } = new URL(request.url ?? '/', `http://${request.headers.host}`);
  const to = searchParams.get('to');
  const isCertified = !(request.socket instanceof TLSSocket) || certifiedNames.includes(hostname);
  // Bytes that no header may hold are left out; the rest arrives as it was meant.
  if (pathname === '/redirect' && to !== null)
    response.writeHead(Number(searchParams.get('status')), { location: encodedAsHeader(to) }).end();
  else if (!isCertified) response.end('not certified');
  else response.end(pathname === plainPath ? 'said in plain' : 'public');
};

/** Each host has its own certificate; some have one that nobody should believe. */
function createSecureServer() {
  const trusted = newAuthority();
  setDefaultCACertificates([...getCACertificates('default'), trusted.cert]);
  const certified = trusted.issue({ names: certifiedNames });
  const others: Readonly<Record<string, Certified>> = {
    [expiredName]: trusted.issue({ names: [expiredName], expiresAt: new Date(Date.now() - 60_000) }),
    [unknownName]: newAuthority().issue({ names: [unknownName] }),
  };
  const SNICallback = (host: string, done: (error: null, context: ReturnType<typeof createSecureContext>) => void) =>
    done(null, createSecureContext(others[host] ?? certified));
  return createHttpsServer({ ...certified, SNICallback }, answer).on('tlsClientError', () => {});
}

function encodedAsHeader(text: string): string {
  return Buffer.from(text.replaceAll(/[\r\n\0]/g, ''), 'utf8').toString('latin1');
}
