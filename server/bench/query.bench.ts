/**
 * The main job as a newcomer has it: embedded, quoted answers, the sample corpus.
 *
 * Server and load share the machine, so figures are lower bounds of what the server alone would do.
 */

import autocannon from 'autocannon';
import type { Benchmark } from './benchmark.ts';
import { type ServerProcess, startServer, temporaryDataDir } from './support/server-process.ts';

const questions = [
  'How many days of annual leave does an employee have?',
  'How long does the battery of the Aurora sensor last?',
  'Within which time is an incident reported?',
  'How many days a week may employees work remotely?',
];

/** Questions per second and their latency, start-up time and memory. */
export const benchmark: Benchmark = {
  name: 'query',
  title: 'Questions over documents, embedded, answers quoted',
  goals: [
    { id: 'first-start', figure: 'first_start_s', reach: { atMost: 20 } },
    { id: 'first-answer', figure: 'restart_to_first_answer_s', reach: { atMost: 10 } },
  ],
  async run({ quick, progress }) {
    const dataDir = temporaryDataDir();
    try {
      progress('first start');
      const first = await startServer(dataDir.path);
      await first.stop();
      progress('second start');
      const startedMs = performance.now();
      const server = await startServer(dataDir.path, {
        RATE_LIMIT_ENTERPRISE_REQUESTS_PER_MINUTE: '10000000',
        RATE_LIMIT_KEY_REQUESTS_PER_MINUTE: '10000000',
        LOG_LEVEL: 'warn',
      });
      try {
        await ask(server, questions[0] ?? '');
        const firstAnswerMs = performance.now() - startedMs;
        progress('load');
        const load = await measure(server, quick ? 8 : 30);
        return {
          first_start_s: seconds(first.startMs),
          restart_s: seconds(server.startMs),
          restart_to_first_answer_s: seconds(firstAnswerMs),
          questions_per_s: load.requests.average,
          latency_p50_ms: load.latency.p50,
          latency_p99_ms: load.latency.p99,
          failed_requests: load.non2xx + load.errors,
          memory_mib: server.memoryMib(),
        };
      } finally {
        await server.stop();
      }
    } finally {
      dataDir.remove();
    }
  },
};

function requestOf(server: ServerProcess, question: string) {
  const key = server.firstRun.tenants[0]?.users.find(({ role }) => role === 'analyst')?.api_key ?? '';
  return {
    method: 'POST' as const,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ question }),
  };
}

async function ask(server: ServerProcess, question: string): Promise<void> {
  const response = await fetch(new URL('/api/query', server.firstRun.base_url), requestOf(server, question));
  const { citations } = (await response.json()) as { citations?: unknown[] };
  if (!response.ok || citations === undefined || citations.length === 0)
    throw new Error(`No cited answer: ${response.status}.`);
}

function measure(server: ServerProcess, durationSeconds: number) {
  return autocannon({
    url: new URL('/api/query', server.firstRun.base_url).href,
    connections: 8,
    duration: durationSeconds,
    requests: questions.map((question) => requestOf(server, question)),
  });
}

function seconds(ms: number): number {
  return Math.round(ms / 10) / 100;
}
