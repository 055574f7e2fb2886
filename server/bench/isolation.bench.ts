/** Whether `genai isolation verify` covers all that a server does, and finds nothing, on a server as `make up` starts it. */

import { verifyIsolation } from '../src/cli/isolation/verify.ts';
import type { Benchmark } from './benchmark.ts';
import { startServer, temporaryDataDir } from './support/server-process.ts';

const [timeoutMs, totalMs] = [60_000, 600_000];

/** Counts of one verification. */
export const benchmark: Benchmark = {
  name: 'isolation',
  title: 'Operations that a server has, those that were covered, and leaks between two tenants',
  goals: [
    { id: 'no-leaks', figure: 'leaks', reach: { atMost: 0 } },
    { id: 'all-covered', figure: 'operations_not_covered', reach: { atMost: 0 } },
  ],
  async run({ progress }) {
    const dataDir = temporaryDataDir();
    const server = await startServer(dataDir.path);
    try {
      const { base_url: url, operator_key: operatorKey } = server.firstRun;
      const { signal } = new AbortController();
      const options = { url, operatorKey, timeoutMs, totalMs, signal, keep: false, only: [], logs: [], note: progress };
      const { operations, covered, checks, leaks, covered_by_refusal, canaries, requests, seconds, findings } =
        await verifyIsolation(options);
      for (const { kind, operation, message } of findings) progress(`${kind} ${operation}: ${message}`);
      return {
        ...{ operations, covered, operations_not_covered: operations - covered, checks, leaks, canaries, requests },
        ...{ covered_by_refusal: covered_by_refusal.length, seconds: Number(seconds.toFixed(1)) },
      };
    } finally {
      await server.stop();
      dataDir.remove();
    }
  },
};
