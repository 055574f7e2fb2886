/** What the corpus of forged requests goes through: the client itself. */

import { testEgress } from '../../support/egress.ts';

const egress = testEgress({ EGRESS_HTTP_ALLOWED: 'true', EGRESS_CONNECT_TIMEOUT_MS: '3000' });

/** Resolves with the text of the answer. */
export async function call(url: string, signal: AbortSignal): Promise<string> {
  return (await egress.request(url, { signal })).text();
}
