/** Looks whether OpenSearch answers. Passages are searched in PostgreSQL; this is for /health/detailed only. */

import { request } from 'undici';

/** Resolves when one of the nodes answers; rejects with what the last one said. */
export async function probeOpenSearch(hosts: readonly string[], timeoutMs: number, signal: AbortSignal): Promise<void> {
  let failure: unknown = new Error('No OpenSearch node is configured.');
  for (const host of hosts) {
    try {
      const limits = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs, signal };
      const { statusCode, body } = await request(new URL('/_cluster/health', host), limits);
      await body.dump();
      if (statusCode < 400) return;
      failure = new Error(`OpenSearch answered with status ${statusCode}.`);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
