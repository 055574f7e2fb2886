/**
 * Every setting has a test that changes it and observes the behaviour: this says which. A new setting without one fails
 * here, and so does a test that no longer names the setting it is listed for.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allSettings } from '../src/config/registry.ts';

/**
 * Settings by the file that observes them, seen from `server/`. It names them by variable or key, or by the name that the
 * module has for them, which then follows here.
 */
const observedIn: Readonly<Record<string, readonly string[]>> = {
  'test/settings.test.ts': [
    ...['JWT_SECRET_KEY', 'TOKEN_ISSUER', 'ACCESS_TOKEN_TTL_SECONDS', 'REFRESH_TOKEN_TTL_DAYS'],
    ...['API_KEY_TTL_DAYS_DEFAULT', 'PASSWORD_LENGTH_MIN', 'LOGIN_FAILURES_MAX', 'ENCRYPTION_KEY_FILE'],
    ...['REQUEST_TIMEOUT_MS', 'TRUST_PROXY', 'RATE_LIMIT_ANONYMOUS_REQUESTS_PER_MINUTE', 'LLM_PROVIDER'],
    ...['QUESTION_CHARACTERS_MAX', 'SEARCH_PASSAGES_DEFAULT', 'SEARCH_PASSAGES_MAX', 'OPENSEARCH_HOSTS'],
    ...['OPENSEARCH_TIMEOUT_MS', 'CHUNK_CHARACTERS_TARGET', 'CHUNK_CHARACTERS_MAX', 'CHUNK_OVERLAP_CHARACTERS'],
    ...['ENTERPRISE', 'PROFESSIONAL', 'STARTER', 'FREE'].flatMap((tier) => [
      `RATE_LIMIT_${tier}_REQUESTS_PER_MINUTE _REQUESTS_PER_MINUTE`,
      `RATE_LIMIT_${tier}_TOKENS_PER_MINUTE _TOKENS_PER_MINUTE`,
      `BUDGET_${tier}_DOLLARS_PER_MONTH _DOLLARS_PER_MONTH`,
    ]),
  ],
  'test/settings-model.test.ts': [
    ...['OPENAI_BASE_URL', 'OPENAI_API_KEY', 'LLM_MODEL', 'LLM_TEMPERATURE', 'LLM_CONTEXT_TOKENS_MAX'],
    ...['LLM_OUTPUT_TOKENS_MAX', 'LLM_ATTEMPTS_MAX', 'LLM_FIRST_BYTE_TIMEOUT_MS', 'LLM_IDLE_TIMEOUT_MS'],
    ...['LLM_CONNECT_TIMEOUT_MS', 'LLM_CONNECTIONS_MAX', 'QUERY_TIMEOUT_MS', 'SCHEDULER_SLOTS', 'SCHEDULER_QUEUE_MAX'],
    ...['SETTLE_DELAY_MS', 'RATE_LIMIT_KEY_REQUESTS_PER_MINUTE', 'METRICS_TOKEN', 'HOST'],
    ...['REDIS_URL', 'REDIS_POOL_SIZE', 'REDIS_COMMAND_TIMEOUT_MS', 'REDIS_CONNECT_TIMEOUT_MS'],
  ],
  'test/settings-limits.test.ts': [
    ...['USER', 'MODEL'].flatMap((of) => ['REQUESTS', 'TOKENS'].map((what) => `RATE_LIMIT_${of}_${what}_PER_MINUTE`)),
    ...['RATE_LIMIT_KEY_TOKENS_PER_MINUTE', 'CONCURRENCY_LIMIT_KEY', 'LIMITS_SHADOW', 'BUDGETS_SOFT'],
    ...['ENTERPRISE', 'PROFESSIONAL', 'STARTER', 'FREE'].flatMap((tier) => [
      `CONCURRENCY_LIMIT_${tier} CONCURRENCY_LIMIT_`,
      `BUDGET_${tier}_DOLLARS_PER_DAY _DOLLARS_PER_DAY`,
    ]),
  ],
  'test/settings-database.test.ts': [
    ...['DATABASE_POOL_MAX', 'DATABASE_CONNECT_TIMEOUT_MS', 'DATABASE_STATEMENT_TIMEOUT_MS'],
    ...['DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS', 'DATABASE_IDLE_TIMEOUT_MS'],
  ],
  'test/vector-placement.test.ts': ['SEARCH_VECTOR_INDEX_FROM'],
  'test/bad-input.test.ts': ['BODY_BYTES_MAX', 'HEADER_BYTES_MAX'],
  'test/bad-documents.test.ts': ['UPLOAD_BYTES_MAX', 'DOCUMENT_PAGES_MAX', 'DOCUMENT_TEXT_CHARACTERS_MAX'],
  'test/command-line.test.ts': ['PORT', 'GENAI_DATA_DIR', 'ALLOW_EMBEDDED_DATABASE_IN_PRODUCTION'],
  'src/redis/redis.test.ts': ['REDIS_CLUSTER', 'REDIS_CLUSTER_NODES'],
  'src/db/open.test.ts': ['DATABASE_URL', 'DATABASE_OWNER_URL'],
  'src/http/headers.test.ts': ['APP_ENV', 'CORS_ORIGINS'],
  'src/http/server.test.ts': ['HTTP_CONNECTIONS_MAX', 'KEEP_ALIVE_TIMEOUT_MS'],
  'src/http/plugins/drain.test.ts': ['SHUTDOWN_TIMEOUT_MS'],
  'src/identity/break-glass/break-glass.test.ts': ['BREAK_GLASS_MINUTES_MAX', 'BREAK_GLASS_CONSENT_TIERS'],
  'test/second-factor.test.ts': ['REQUIRE_ADMIN_SECOND_FACTOR'],
  'src/http/plugins/revocation.test.ts': ['CREDENTIAL_CHECK_INTERVAL_MS'],
  'src/identity/credentials/opaque-tokens.test.ts': ['API_KEY_PEPPER pepper'],
  'src/identity/credentials/passwords.test.ts': ['PASSWORD_HASH_MEMORY_KIB memoryKib'],
  'src/vault/vault.test.ts': ['ENCRYPTION_SEAL_FROM', 'ENCRYPTION_DATA_KEY_CACHE_TTL_MS'],
  'src/search/postgres-index.test.ts': ['SEARCH_CANDIDATES'],
  'src/documents/parse.test.ts': ['PARSE_TIMEOUT_MS', 'PARSE_MEMORY_MIB memoryMiB', 'PARSE_CONCURRENCY concurrency'],
  'src/worker/jobs.test.ts': ['INGEST_CONCURRENCY'],
  'src/ingest/ingest.test.ts': ['INGEST_ATTEMPTS_MAX', 'INGEST_TIMEOUT_MS', 'EMBEDDINGS_BATCH_SIZE'],
  'src/llm/embedders/use-lite.test.ts': ['EMBEDDINGS_QUEUE_MAX queueTextsMax', 'EMBEDDINGS_TIMEOUT_MS'],
  'src/egress/egress.test.ts': [
    ...['EGRESS_TIMEOUT_MS', 'EGRESS_IDLE_TIMEOUT_MS', 'EGRESS_RESPONSE_BYTES_MAX', 'EGRESS_CONNECTIONS_MAX'],
  ],
  'src/egress/policy.test.ts': [
    ...['EGRESS_HTTP_ALLOWED', 'EGRESS_PORTS', 'EGRESS_ALLOWED_NETWORKS', 'EGRESS_DENIED_NETWORKS'],
    'EGRESS_CONNECT_TIMEOUT_MS',
  ],
  'test/settings-scheduler.test.ts': [
    ...['SCHEDULER_WEIGHT_ENTERPRISE', 'SCHEDULER_WEIGHT_PROFESSIONAL', 'SCHEDULER_WEIGHT_STARTER'],
    ...['SCHEDULER_WEIGHT_FREE', 'SCHEDULER_PRIORITY_1_OFFSET_MS', 'SCHEDULER_PRIORITY_2_OFFSET_MS'],
    'SCHEDULER_PRIORITY_3_OFFSET_MS',
  ],
  'src/scheduler/kernel/policy.test.ts': [
    ...['SCHEDULER_CAP_PERCENT capPercent', 'SCHEDULER_CAP_POLICY capPolicy', 'SCHEDULER_COST_MAX costMax'],
    ...['SCHEDULER_HEADROOM_SLOTS headroomSlots', 'SCHEDULER_INBOX_MAX inboxMax', 'SCHEDULER_LEASE_MS leaseMs'],
    ...['SCHEDULER_GHOST_MS ghostMs', 'SCHEDULER_ATTEMPTS_MAX attemptsMax', 'SCHEDULER_DEATHS_MAX deathsMax'],
    'SCHEDULER_DEAD_LETTERS_MAX deadMax',
  ],
  'src/scheduler/scheduler.test.ts': [
    'SCHEDULER_TENANT_QUEUE_MAX tenantQueueMax',
    'SCHEDULER_WORKERS workers',
    'SCHEDULER_ADAPTIVE isAdaptive',
  ],
  'src/scheduler/cost.test.ts': [
    ...['SCHEDULER_COST_INPUT costInputToken', 'SCHEDULER_COST_CACHED costCachedToken'],
    'SCHEDULER_COST_OUTPUT costOutputToken',
  ],
  'src/ledger/group-commit.test.ts': ['SETTLE_BATCH_MAX batchMax'],
  'src/telemetry/logger.test.ts': ['DEBUG', 'LOG_LEVEL'],
  'src/telemetry/tracing.test.ts': [
    ...['TRACING_ENABLED', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'TRACING_SAMPLE_RATIO', 'OTEL_SERVICE_NAME'],
  ],
  'src/cli/connection.test.ts': ['GENAI_URL', 'GENAI_API_KEY', 'GENAI_OPERATOR_KEY'],
  'src/cli/api-client.test.ts': ['GENAI_TIMEOUT_MS'],
  'src/cli/doctor/examine.test.ts': ['PUBLIC_URL'],
};

const settings = allSettings();
const listed = Object.values(observedIn).flat();
const variableOf = (entry: string) => entry.split(' ')[0] ?? '';

describe('the list of tests of settings', () => {
  it('has every setting once, and nothing else', () => {
    expect(listed.map(variableOf).toSorted()).toEqual(settings.map(({ setting }) => setting.env).toSorted());
  });

  it.each(Object.entries(observedIn))('is right about %s', (file, entries) => {
    const text = readFileSync(join(import.meta.dirname, '..', file), 'utf8');
    for (const entry of entries) {
      const [env = '', ownName] = entry.split(' ');
      const key = settings.find(({ setting }) => setting.env === env)?.key ?? env;
      const names = ownName === undefined ? [env, key] : [ownName];
      expect(
        names.some((name) => new RegExp(`(?<![A-Za-z])${name}\\b`).test(text)),
        entry,
      ).toBe(true);
    }
  });
});
