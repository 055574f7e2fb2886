import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from './load.ts';

const directory = join(tmpdir(), 'genai-no-such-folder');
const random = 'Zq3vX8mT1kYw5Rb7Nc2Hd9Lf4Gs6Jp0AeUiOxVtB';

/** A production environment with nothing to object to; each case below spoils one thing. */
const production = {
  APP_ENV: 'production',
  DATABASE_URL: `postgres://genai_server:${random}@db.internal/genai`,
  JWT_SECRET_KEY: random,
  API_KEY_PEPPER: [...random].reverse().join(''),
  METRICS_TOKEN: 'k3Vw9XqLr5Tz8YbN',
  ENCRYPTION_KEY_FILE: '/keys/local.key',
};

function problemsOf(environment: Record<string, string>): readonly { env: string; fix: string }[] {
  try {
    loadConfig({ environment, directory });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe('rules between settings', () => {
  it('have nothing against an empty environment or a well-made production one', () => {
    expect(problemsOf({})).toEqual([]);
    expect(problemsOf(production)).toEqual([]);
  });

  it.each([
    ['EGRESS_ALLOWED_NETWORKS', '10.0.0.0/33'],
    ['EGRESS_ALLOWED_NETWORKS', 'intranet'],
    ['EGRESS_ALLOWED_NETWORKS', '10.0.0.0/8/8'],
    ['EGRESS_ALLOWED_NETWORKS', '10.0.0.0/'],
    ['EGRESS_ALLOWED_NETWORKS', '010.0.0.1'],
    ['EGRESS_DENIED_NETWORKS', 'fe80::1%eth0/64'],
    ['EGRESS_DENIED_NETWORKS', 'fd00::/129'],
    ['EGRESS_PORTS', '0'],
    ['EGRESS_PORTS', '65536'],
    ['EGRESS_PORTS', '9001-9000'],
    ['EGRESS_PORTS', 'https'],
    ['REDIS_CLUSTER_NODES', 'redis-2:6379'],
  ])('refuse %s=%s, which would mean something else to everybody', (env, value) => {
    expect(problemsOf({ [env]: value }).map((problem) => problem.env)).toEqual([env]);
  });

  it('refuse a node of a cluster without its port', () => {
    const cluster = (nodes: string) => problemsOf({ REDIS_CLUSTER: 'true', REDIS_CLUSTER_NODES: nodes });
    expect(cluster('redis-2').map((problem) => problem.env)).toEqual(['REDIS_CLUSTER_NODES']);
    expect(cluster('redis-2:6379, [::1]:7000')).toEqual([]);
  });

  it.each<[what: string, env: string, spoiled: Record<string, string>]>([
    ['no signing secret', 'JWT_SECRET_KEY', { JWT_SECRET_KEY: '' }],
    ['no pepper', 'API_KEY_PEPPER', { API_KEY_PEPPER: '' }],
    ['a signing secret of 31 characters', 'JWT_SECRET_KEY', { JWT_SECRET_KEY: random.slice(0, 31) }],
    ['a pepper of 31 characters', 'API_KEY_PEPPER', { API_KEY_PEPPER: random.slice(0, 31) }],
    ['one secret for two purposes', 'API_KEY_PEPPER', { API_KEY_PEPPER: random }],
    ['the placeholder of an example', 'JWT_SECRET_KEY', { JWT_SECRET_KEY: 'your-secret-key-change-me-in-production' }],
    ['a secret of few different characters', 'JWT_SECRET_KEY', { JWT_SECRET_KEY: '0123456789'.repeat(5) }],
    ['a default database password', 'DATABASE_URL', { DATABASE_URL: 'postgres://genai:postgres@db/genai' }],
    ['a default owner password', 'DATABASE_OWNER_URL', { DATABASE_OWNER_URL: 'postgres://root:changeme@db/genai' }],
    ['a default Redis password', 'REDIS_URL', { REDIS_URL: 'redis://:password@redis' }],
    ['a known metrics token', 'METRICS_TOKEN', { METRICS_TOKEN: 'example-metrics-token' }],
    ['the embedded database', 'DATABASE_URL', { DATABASE_URL: '' }],
    ['debugging', 'DEBUG', { DEBUG: 'true' }],
    ['open metrics', 'METRICS_TOKEN', { METRICS_TOKEN: '' }],
    ['a short metrics token', 'METRICS_TOKEN', { METRICS_TOKEN: 'k3Vw9XqLr5Tz8Yb' }],
    ['no key file', 'ENCRYPTION_KEY_FILE', { ENCRYPTION_KEY_FILE: '' }],
    [
      'the key beside the data',
      'ENCRYPTION_KEY_FILE',
      { GENAI_DATA_DIR: '/var/genai', ENCRYPTION_KEY_FILE: '/var/genai/k' },
    ],
    ['every origin', 'CORS_ORIGINS', { CORS_ORIGINS: 'https://a.test,*' }],
  ])('refuse %s in production', (_what, env, spoiled) => {
    const problems = problemsOf({ ...production, ...spoiled });
    expect(problems.map((problem) => problem.env)).toEqual([env]);
    expect(problems[0]?.fix).toMatch(/\.$/);
  });

  it.each<[what: string, env: string, spoiled: Record<string, string>]>([
    ['a short secret', 'JWT_SECRET_KEY', { JWT_SECRET_KEY: 'short' }],
    ['one secret for two purposes', 'API_KEY_PEPPER', { JWT_SECRET_KEY: random, API_KEY_PEPPER: random }],
    ['passages that never close', 'CHUNK_CHARACTERS_TARGET', { CHUNK_CHARACTERS_TARGET: '1201' }],
    ['passages that mostly overlap', 'CHUNK_OVERLAP_CHARACTERS', { CHUNK_OVERLAP_CHARACTERS: '401' }],
    ['a default top_k above the largest', 'SEARCH_PASSAGES_DEFAULT', { SEARCH_PASSAGES_DEFAULT: '21' }],
    ['an OpenSearch host without scheme', 'OPENSEARCH_HOSTS', { OPENSEARCH_HOSTS: 'https://a:9200,b:9200' }],
    ['answers far longer than prompts', 'LLM_OUTPUT_TOKENS_MAX', { LLM_OUTPUT_TOKENS_MAX: '40000' }],
    ['traces without a collector', 'OTEL_EXPORTER_OTLP_ENDPOINT', { TRACING_ENABLED: 'true' }],
  ])('refuse %s everywhere', (_what, env, spoiled) => {
    expect(problemsOf(spoiled).map((problem) => problem.env)).toEqual([env]);
    expect(problemsOf({ ...production, ...spoiled }).map((problem) => problem.env)).toEqual([env]);
  });

  it('accept the values just inside each bound', () => {
    const edge = {
      CHUNK_CHARACTERS_TARGET: '1200',
      CHUNK_OVERLAP_CHARACTERS: '600',
      SEARCH_PASSAGES_DEFAULT: '20',
      OPENSEARCH_HOSTS: 'http://a:9200,https://b:9200',
      LLM_OUTPUT_TOKENS_MAX: '39999',
      TRACING_ENABLED: 'true',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
    };
    expect(problemsOf({ ...production, ...edge })).toEqual([]);
  });

  it('let production run on the embedded database only by its explicit override', () => {
    const override = { DATABASE_URL: '', ALLOW_EMBEDDED_DATABASE_IN_PRODUCTION: 'true' };
    expect(problemsOf({ ...production, ...override })).toEqual([]);
  });
});
