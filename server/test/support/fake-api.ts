/** A FAKE server for tests of clients of the API: it answers what the test says, and remembers what it was asked. */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as it arrived. */
export interface FakeRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

/** A running FAKE server. */
export interface FakeApi {
  readonly url: string;
  readonly requests: readonly FakeRequest[];
  readonly close: () => Promise<void>;
}

/** Starts a FAKE server on a free loopback port. */
export async function startFakeApi(
  answer: (request: FakeRequest, response: ServerResponse) => void | Promise<void>,
): Promise<FakeApi> {
  const requests: FakeRequest[] = [];
  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
    const { method = '', url: path = '', headers } = incoming;
    const request = { method, path, authorization: headers.authorization, body: Buffer.concat(chunks).toString() };
    requests.push(request);
    await answer(request, response);
  }
  const server = createServer((incoming, response) => {
    handle(incoming, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Sends JSON. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** Sends an error as our server does. */
export function sendProblem(
  response: ServerResponse,
  status: number,
  code: string,
  headers: Record<string, string> = {},
) {
  const problem = {
    type: 'about:blank',
    title: 'A title.',
    status,
    code,
    detail: `Detail of ${code}.`,
    fix: 'A fix.',
    request_id: 'req_1',
  };
  sendJson(response, status, problem, headers);
}
