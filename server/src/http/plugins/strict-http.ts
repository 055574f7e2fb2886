/**
 * What HTTP/1.1 demands and Node leaves open, or answers without saying why: there is exactly one Host, and at most one of
 * every header by which two servers in a row could each believe something else; and what a client expects beside
 * `100-continue` is ignored.
 */

import type { FastifyInstance } from 'fastify';
import { AppError } from '../../errors.ts';

/** Node options that leave the check to the hook. */
export const strictHttpOptions = { requireHostHeader: false } as const;

/** Node would take the first of each and say nothing. */
const single = new Set(['host', 'authorization', 'content-type']);

/** Installs the hook; it must come before whatever looks at the request. */
export function installStrictHttp(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ raw: { httpVersion, rawHeaders, headers } }, reply) => {
    const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    const repeated = names.find((name, index) => single.has(name) && names.indexOf(name) !== index);
    const lacksHost = headers.host === undefined && httpVersion !== '1.0';
    if (repeated === undefined && !lacksHost) return;
    reply.header('connection', 'close');
    const detail = lacksHost ? 'There must be a Host header.' : `There must be no more than one header ${repeated}.`;
    throw new AppError('request_malformed', { detail });
  });
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
}
