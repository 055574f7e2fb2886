/** Looks at what the server talks to: database, Redis, OpenSearch and the model endpoint. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../config/index.ts';
import { inspectPostgres, type PostgresInspection } from '../../db/index.ts';
import { createEgress } from '../../egress/index.ts';
import { createRedisPool } from '../../redis/index.ts';
import { probeOpenSearch } from '../../search/index.ts';
import { modelEndpoint } from '../../settings.ts';
import type { Check, Finding } from './finding.ts';
import { folderHolder } from './machine.ts';

const postgresMajorMin = 15;
/** Tokens and leases are judged by clocks; what differs less does not matter. */
const clockDifferenceMsMax = 5000;
const endpointTimeoutMs = 10_000;
const modelListBytesMax = 16 * 1024 * 1024;

type Result = Omit<Finding, 'check'>;

/** The checks of the services. */
export function serviceChecks(config: Config): readonly Check[] {
  return [
    {
      name: 'database',
      fix: 'Check that PostgreSQL runs at the address of DATABASE_URL and lets this machine in.',
      look: async () =>
        config.database.url === undefined
          ? [embeddedState(config.server.dataDir)]
          : postgresFindings(await inspectPostgres(config)),
    },
    {
      name: 'redis',
      fix: 'Check that Redis runs at the address of REDIS_URL and accepts its password.',
      async look() {
        const { url, ...settings } = config.redis;
        if (url === undefined) return [{ status: 'off', detail: 'REDIS_URL is empty: one server process only' }];
        await pingRedis(url, settings);
        return [{ status: 'ok', detail: 'answers' }];
      },
    },
    {
      name: 'opensearch',
      fix: 'Check that OpenSearch runs at the addresses of OPENSEARCH_HOSTS and accepts their passwords.',
      async look() {
        const { opensearchHosts: hosts, opensearchTimeoutMs: timeoutMs } = config.search;
        if (hosts.length === 0) return [{ status: 'off', detail: 'OPENSEARCH_HOSTS is empty' }];
        await probeOpenSearch(hosts, timeoutMs, AbortSignal.timeout(timeoutMs * hosts.length));
        return [{ status: 'ok', detail: 'answers' }];
      },
    },
    {
      name: 'model endpoint',
      fix: 'Check OPENAI_BASE_URL and OPENAI_API_KEY, and that this machine may reach the endpoint.',
      look: async () => [await endpointState(config)],
    },
  ];
}

function embeddedState(dataDir: string): Result {
  const holder = folderHolder(dataDir);
  if (holder !== undefined) return { status: 'ok', detail: holder };
  const isThere = existsSync(join(dataDir, 'database'));
  return { status: 'ok', detail: isThere ? 'embedded; checked at every start' : 'embedded; made by the first start' };
}

function postgresFindings({ version, vectorVersion, clockAheadMs, migrations, holes }: PostgresInspection): Result[] {
  const findings: Result[] = [];
  if (Number.parseInt(version, 10) < postgresMajorMin) {
    const fix = `Use PostgreSQL ${postgresMajorMin} or later.`;
    findings.push({ status: 'failed', detail: `PostgreSQL ${version} is too old`, fix });
  }
  const named = (wanted: string) => migrations.filter(({ state }) => state === wanted).map(({ name }) => name);
  const [pending, unknown] = [named('pending'), named('unknown')];
  if (pending.length > 0) {
    const fix = 'Run `genai migrate` with DATABASE_OWNER_URL set to a login that may create roles.';
    findings.push({ status: 'failed', detail: `migrations are pending: ${pending.join(', ')}`, fix });
  }
  if (unknown.length > 0) {
    const detail = `a later version has migrated it: ${unknown.join(', ')}`;
    findings.push({ status: 'failed', detail, fix: 'Start that version or a newer one.' });
  }
  for (const hole of holes) findings.push({ status: 'failed', detail: hole, fix: 'Mend it, or run `genai migrate`.' });
  if (Math.abs(clockAheadMs) > clockDifferenceMsMax) {
    const detail = `its clock differs from this machine's by ${Math.round(clockAheadMs / 1000)} s`;
    findings.push({ status: 'warning', detail, fix: 'Let both follow the same time server.' });
  }
  if (findings.length > 0) return findings;
  return [
    { status: 'ok', detail: `PostgreSQL ${version}, pgvector ${vectorVersion}, migrated, tenants are kept apart` },
  ];
}

async function pingRedis(url: string, settings: Omit<Config['redis'], 'url'>): Promise<void> {
  let lastError: Error | undefined;
  const pool = createRedisPool({ url, ...settings, poolSize: 1, onError: (error) => (lastError = error) });
  try {
    await pool.ready();
    await pool.ping();
  } catch (error) {
    throw lastError ?? error;
  } finally {
    await pool.close();
  }
}

async function endpointState({ llm, egress }: Config): Promise<Result> {
  const endpoint = modelEndpoint(llm, createEgress({ settings: egress }), modelListBytesMax);
  if (endpoint === undefined)
    return { status: 'off', detail: 'answers are quoted from the documents, without a model' };
  try {
    const models = await endpoint.listModels(AbortSignal.timeout(endpointTimeoutMs));
    if (models.some(({ id }) => id === llm.model)) return { status: 'ok', detail: `answers, and has ${llm.model}` };
    const detail = `answers, but does not list the model ${llm.model}`;
    return { status: 'warning', detail, fix: 'Set LLM_MODEL to a model of the endpoint.' };
  } finally {
    await endpoint.close();
  }
}
