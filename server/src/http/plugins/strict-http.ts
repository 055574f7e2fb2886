/**
 * What HTTP/1.1 demands and Node leaves open, or answers without saying why: there is exactly one Host, since two
 * servers in a row could each believe another one; and what a client expects beside `100-continue` is ignored.
 */

import type { FastifyInstance } from 'fastify';
import { AppError } from '../../errors.ts';

/** Node options that leave the check to the hook. */
export const strictHttpOptions = { requireHostHeader: false } as const;

/** Installs the hook; it must come before whatever looks at the request. */
export function installStrictHttp(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ raw: { httpVersion, rawHeaders } }, reply) => {
    const hosts = rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === 'host').length;
    if (hosts === 1 || (hosts === 0 && httpVersion === '1.0')) return;
    reply.header('connection', 'close');
    throw new AppError('request_malformed', { detail: 'There must be exactly one Host header.' });
  });
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
}
