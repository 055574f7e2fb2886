/** What the corpus of forged requests goes through: the client as libraries of identity providers use it. */

import { testEgress } from '../../support/egress.ts';

const egress = testEgress({ EGRESS_HTTP_ALLOWED: 'true', EGRESS_CONNECT_TIMEOUT_MS: '3000' });

/** Resolves with the text of the answer. */
export async function call(url: string, signal: AbortSignal): Promise<string> {
  return (await egress.fetch(url, { signal })).text();
}
