/**
 * The server against its own description: Schemathesis makes requests from `/openapi.json`, valid ones and others, and
 * holds every answer against it. As an admin, as a viewer, and the operators' operations as an operator.
 */

import { startUpstream } from '../test/support/upstream/index.ts';
import type { Benchmark } from './benchmark.ts';
import { type FuzzReport, fuzz, provideSchemathesis } from './support/schemathesis.ts';
import { type ServerProcess, startServer, temporaryDataDir } from './support/server-process.ts';

/** Each names what a wrong answer is; what they find is counted under the figure. */
const checks = {
  server_errors: ['not_a_server_error'],
  undocumented_statuses: ['status_code_conformance', 'unsupported_method'],
  schema_mismatches: ['response_schema_conformance', 'content_type_conformance', 'response_headers_conformance'],
  wrong_acceptances: ['negative_data_rejection', 'missing_required_header', 'use_after_free'],
} as const;

const unlimited = '10000000';
const requestsMin = 20_000;
/** Signing out would end the run; nothing else is left out. */
const leftOut = ['--exclude-operation-id', 'logout'];

/** Requests sent and wrong answers by kind. */
export const benchmark: Benchmark = {
  name: 'contract',
  title: 'Answers that differ from the published description',
  goals: [
    { id: 'requests', figure: 'requests', reach: { atLeast: requestsMin } },
    ...Object.keys(checks).map((figure) => ({ id: figure, figure, reach: { atMost: 0 } })),
  ],
  async run({ quick, progress }) {
    provideSchemathesis(progress);
    const dataDir = temporaryDataDir();
    const upstream = await startUpstream();
    const server = await startServer(dataDir.path, {
      OPENAI_BASE_URL: upstream.baseUrl,
      LLM_MODEL: 'test-answer',
      RATE_LIMIT_ENTERPRISE_REQUESTS_PER_MINUTE: unlimited,
      RATE_LIMIT_KEY_REQUESTS_PER_MINUTE: unlimited,
      RATE_LIMIT_ANONYMOUS_REQUESTS_PER_MINUTE: unlimited,
      LOG_LEVEL: 'warn',
    });
    try {
      return summed(await fuzzAll(server, quick, progress));
    } finally {
      await server.stop();
      await upstream.close();
      dataDir.remove();
    }
  },
};

async function fuzzAll(
  server: ServerProcess,
  quick: boolean,
  progress: (line: string) => void,
): Promise<readonly FuzzReport[]> {
  const documentUrl = new URL('/openapi.json', server.firstRun.base_url).href;
  const keyOf = (role: string) => server.firstRun.tenants[0]?.users.find((user) => user.role === role)?.api_key ?? '';
  const tenantOnly = [...leftOut, '--exclude-path-regex', '^/api/operator/'];
  const rounds = [
    {
      as: 'operator',
      credential: server.firstRun.operator_key,
      selection: ['--include-path-regex', '^/api/operator/'],
    },
    { as: 'viewer', credential: keyOf('viewer'), selection: tenantOnly },
    { as: 'admin', credential: keyOf('admin'), selection: tenantOnly },
  ];
  const reports: FuzzReport[] = [];
  for (let seed = 1; sent(reports) < (quick ? 1 : requestsMin); seed += 1) {
    for (const { as, credential, selection } of rounds) {
      const examplesMax = quick ? 5 : 100;
      const report = await fuzz({ documentUrl, credential, selection, seed, examplesMax, checks: allChecks });
      progress(`${as}, seed ${seed}: ${report.test_cases.generated} requests, ${report.failures.length} findings`);
      reports.push(report);
    }
  }
  return reports;
}

const allChecks = Object.values(checks).flat();

const sent = (reports: readonly FuzzReport[]) => reports.reduce((sum, { test_cases }) => sum + test_cases.generated, 0);

function summed(reports: readonly FuzzReport[]): Record<string, number> {
  const failures = reports.flatMap(({ failures }) => failures);
  const errors = reports.flatMap(({ errors }) => errors);
  if (errors.length > 0) throw new Error(`Schemathesis could not test everything: ${JSON.stringify(errors)}`);
  const counted = Object.keys(checks).map((figure) => {
    const found = failures.filter(({ type }) => figureOf(type) === figure);
    return [figure, found.reduce((sum, { count }) => sum + count, 0)] as const;
  });
  return { requests: sent(reports), ...Object.fromEntries(counted) };
}

/** What the tool calls a finding, by figure; anything that it may call otherwise counts as a mismatch. */
function figureOf(type: string): keyof typeof checks {
  if (type === 'ServerError') return 'server_errors';
  if (type === 'UndefinedStatusCode' || type === 'UnsupportedMethodResponse') return 'undocumented_statuses';
  if (['AcceptedNegativeData', 'MissingHeaderNotRejected', 'UseAfterFree'].includes(type)) return 'wrong_acceptances';
  return 'schema_mismatches';
}
