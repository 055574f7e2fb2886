/**
 * Rules that concern more than one setting, or the environment it runs in.
 *
 * Each rule looks at the parsed configuration and names the variable, what is wrong and how to mend it. Rules never
 * repeat what a setting's own range already says.
 */

import { isIP } from 'node:net';
import { sep } from 'node:path';
import { tenantTiers } from '../context.ts';
import { limitNames } from './categories/limits.ts';
import type { Config } from './registry.ts';

/** Something wrong with the configuration. */
export interface ConfigProblem {
  readonly env: string;
  readonly problem: string;
  readonly fix: string;
}

const secretLengthMin = 32;

/** Words that no production secret may hold: the placeholders of examples and tutorials. */
const knownDefaults =
  /change.?me|secret.?key|your.?(secret|key|password)|example|default|password|insecure|test.?key|^(postgres|admin|genai)$/i;

type Rule = (config: Config) => ConfigProblem | undefined;

const rules: readonly Rule[] = [
  (config) => strongSecret(config, 'JWT_SECRET_KEY', config.security.jwtSecretKey),
  (config) => strongSecret(config, 'API_KEY_PEPPER', config.security.apiKeyPepper),
  ({ security }) =>
    security.jwtSecretKey !== undefined && security.jwtSecretKey === security.apiKeyPepper
      ? { env: 'API_KEY_PEPPER', problem: 'is the same as JWT_SECRET_KEY', fix: 'Use two independent secrets.' }
      : undefined,
  ({ server, database }) =>
    isProduction(server) && database.url === undefined && !database.allowEmbeddedInProduction
      ? {
          env: 'DATABASE_URL',
          problem: 'is empty, and the embedded database is not for production',
          fix: 'Point it at PostgreSQL 15 or later, or accept the risk with ALLOW_EMBEDDED_DATABASE_IN_PRODUCTION=true.',
        }
      : undefined,
  (config) => guardedService(config, 'DATABASE_URL', passwordIn(config.database.url)),
  (config) => guardedService(config, 'DATABASE_OWNER_URL', passwordIn(config.database.ownerUrl)),
  (config) => guardedService(config, 'REDIS_URL', passwordIn(config.redis.url)),
  (config) => guardedService(config, 'METRICS_TOKEN', config.observability.metricsToken),
  ({ server }) =>
    isProduction(server) && server.debug
      ? { env: 'DEBUG', problem: 'is on in production', fix: 'Unset it; LOG_LEVEL=debug is allowed.' }
      : undefined,
  ({ server, observability }) =>
    isProduction(server) && observability.metricsToken === undefined
      ? {
          env: 'METRICS_TOKEN',
          problem: 'is empty, so anybody could read metrics and component states',
          fix: 'Set it to a random word of 16 or more characters and give it to Prometheus.',
        }
      : undefined,
  ({ server, encryption }) =>
    isProduction(server) && encryption.keyFile === undefined
      ? {
          env: 'ENCRYPTION_KEY_FILE',
          problem: 'is empty, so the key would lie beside the data it protects',
          fix: `Create a key with \`genai keys new-key-file PATH\` outside GENAI_DATA_DIR and name it here.`,
        }
      : undefined,
  ({ server, encryption }) =>
    isProduction(server) && encryption.keyFile?.startsWith(server.dataDir + sep) === true
      ? {
          env: 'ENCRYPTION_KEY_FILE',
          problem: 'lies in GENAI_DATA_DIR, beside the data it protects',
          fix: 'Keep the key on another volume.',
        }
      : undefined,
  ({ server }) =>
    isProduction(server) && server.corsOrigins.includes('*')
      ? { env: 'CORS_ORIGINS', problem: 'allows every origin', fix: 'Name the origins of your own pages.' }
      : undefined,
  ({ security }) =>
    security.breakGlassConsentTiers !== 'none' &&
    security.breakGlassConsentTiers.split(',').some((tier) => !tenantTiers.some((known) => known === tier.trim()))
      ? {
          env: 'BREAK_GLASS_CONSENT_TIERS',
          problem: 'names a tier that does not exist',
          fix: `Name some of ${tenantTiers.join(', ')}, separated by commas, or none.`,
        }
      : undefined,
  ({ documents }) =>
    documents.chunkCharactersTarget > documents.chunkCharactersMax
      ? {
          env: 'CHUNK_CHARACTERS_TARGET',
          problem: 'is larger than CHUNK_CHARACTERS_MAX',
          fix: 'Lower it, or raise CHUNK_CHARACTERS_MAX.',
        }
      : undefined,
  ({ documents }) =>
    documents.chunkOverlapCharacters * 2 > documents.chunkCharactersTarget
      ? {
          env: 'CHUNK_OVERLAP_CHARACTERS',
          problem: 'is more than half of CHUNK_CHARACTERS_TARGET',
          fix: 'Lower it, or raise CHUNK_CHARACTERS_TARGET.',
        }
      : undefined,
  ({ embeddings }) =>
    embeddings.batchSize > embeddings.queueMax
      ? { env: 'EMBEDDINGS_BATCH_SIZE', problem: 'is larger than EMBEDDINGS_QUEUE_MAX', fix: 'Lower it.' }
      : undefined,
  ({ search }) =>
    search.passagesDefault > search.passagesMax
      ? { env: 'SEARCH_PASSAGES_DEFAULT', problem: 'is larger than SEARCH_PASSAGES_MAX', fix: 'Lower it.' }
      : undefined,
  ({ search }) =>
    search.opensearchHosts.some((host) => !/^https?:\/\//.test(host))
      ? {
          env: 'OPENSEARCH_HOSTS',
          problem: 'names a host without scheme',
          fix: 'Write each host as http://… or https://….',
        }
      : undefined,
  ({ egress }) => onlyNetworks('EGRESS_ALLOWED_NETWORKS', egress.allowedNetworks),
  ({ egress }) => onlyNetworks('EGRESS_DENIED_NETWORKS', egress.deniedNetworks),
  ({ egress }) => {
    const wrong = egress.ports.find((range) => !isPortRange(range));
    return wrong === undefined
      ? undefined
      : {
          env: 'EGRESS_PORTS',
          problem: `names \`${wrong}\`, which is neither a port nor a range of ports`,
          fix: 'Write ports from 1 to 65535, and ranges as 9000-9099.',
        };
  },
  ({ redis }) =>
    redis.clusterNodes.length > 0 && !redis.isCluster
      ? { env: 'REDIS_CLUSTER_NODES', problem: 'is set although REDIS_CLUSTER is off', fix: 'Set REDIS_CLUSTER=true.' }
      : undefined,
  ({ redis }) => {
    const wrong = redis.clusterNodes.find((node) => !/^(\[[0-9a-f:]+\]|[^:]+):\d{1,5}$/i.test(node));
    return wrong === undefined
      ? undefined
      : { env: 'REDIS_CLUSTER_NODES', problem: `names \`${wrong}\`, without a port`, fix: 'Write each as host:port.' };
  },
  ({ limits }) => onlyNames('LIMITS_SHADOW', limits.shadow, limitNames),
  ({ limits }) => onlyNames('BUDGETS_SOFT', limits.soft, ['daily_budget', 'monthly_budget']),
  ({ llm }) =>
    llm.outputTokensMax >= llm.contextTokensMax * 10
      ? {
          env: 'LLM_OUTPUT_TOKENS_MAX',
          problem: 'is ten times LLM_CONTEXT_TOKENS_MAX or more',
          fix: 'Check both; an answer is seldom longer than its prompt.',
        }
      : undefined,
  ({ observability }) =>
    observability.tracingEnabled && observability.tracingEndpoint === undefined
      ? {
          env: 'OTEL_EXPORTER_OTLP_ENDPOINT',
          problem: 'is empty although TRACING_ENABLED is on',
          fix: 'Name the OTLP/HTTP collector, for example http://127.0.0.1:4318.',
        }
      : undefined,
];

/** All problems of a configuration whose settings parsed. */
export function problemsOf(config: Config): ConfigProblem[] {
  return rules.map((rule) => rule(config)).filter((problem) => problem !== undefined);
}

function isProduction(server: Config['server']): boolean {
  return server.environment === 'production';
}

/** A password that others choose, of any length: only the known ones are refused. */
function guardedService(config: Config, env: string, password: string | undefined): ConfigProblem | undefined {
  return isProduction(config.server) && knownDefaults.test(password ?? '')
    ? { env, problem: 'holds a known default password', fix: 'Change the password there and here.' }
    : undefined;
}

function onlyNetworks(env: string, networks: readonly string[]): ConfigProblem | undefined {
  const wrong = networks.find((network) => !isNetwork(network));
  return wrong === undefined
    ? undefined
    : {
        env,
        problem: `names \`${wrong}\`, which is not a network`,
        fix: 'Write each as an address and the length of its prefix: 10.20.0.0/16, 127.0.0.1/32, fd12:3456::/32.',
      };
}

function onlyNames(env: string, named: readonly string[], known: readonly string[]): ConfigProblem | undefined {
  const wrong = named.find((name) => !known.includes(name));
  return wrong === undefined
    ? undefined
    : { env, problem: `names \`${wrong}\`, which is none`, fix: `Name some of ${known.join(', ')}.` };
}

function isNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const family = address.includes('%') ? 0 : isIP(address);
  if (family === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

function isPortRange(text: string): boolean {
  const [from = 0, to = from, ...more] = /^\d+(-\d+)?$/.test(text) ? text.split('-').map(Number) : [];
  return more.length === 0 && from >= 1 && from <= to && to <= 65_535;
}

function passwordIn(url: string | undefined): string | undefined {
  return url === undefined ? undefined : new URL(url).password;
}

function strongSecret(config: Config, env: string, value: string | undefined): ConfigProblem | undefined {
  const fix = 'Set it to the output of `openssl rand -base64 48`.';
  if (value === undefined) {
    return isProduction(config.server) ? { env, problem: 'is required in production', fix } : undefined;
  }
  if (value.length < secretLengthMin) return { env, problem: `has fewer than ${secretLengthMin} characters`, fix };
  if (!isProduction(config.server)) return undefined;
  if (knownDefaults.test(value) || new Set(value).size < 12) {
    return { env, problem: 'is a known default or easy to guess', fix };
  }
  return undefined;
}
