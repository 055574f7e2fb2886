/** Turns settings into what modules take; only the composition root and the command line use it. */

import { join } from 'node:path';
import { type Config, limitNames } from './config/index.ts';
import type { TenantTier } from './context.ts';
import type { Database } from './db/index.ts';
import type { Egress } from './egress/index.ts';
import type { ComponentCheck } from './health.ts';
import type { LimitPolicy, TierLimits } from './limits/index.ts';
import { createOpenAiUpstream, type Embedder, type OpenAiUpstream, type UpstreamSign } from './llm/index.ts';
import type { RedisPool } from './redis/index.ts';
import type { Policy } from './scheduler/index.ts';
import { probeOpenSearch, type SearchIndex } from './search/index.ts';

/** Where the key encryption key is. */
export function keyFilePath({ encryption, server }: Config): string {
  return encryption.keyFile ?? join(server.dataDir, 'keys', 'local.key');
}

/** Whether admins who sign in with a password must have a second factor. */
export function isFactorRequiredOfAdmins({ security, server }: Config): boolean {
  const { requireAdminSecondFactor: setting } = security;
  return setting === 'auto' ? server.environment === 'production' : setting === 'true';
}

/** Address under which browsers reach this server. */
export function publicUrl({ server }: Config): string {
  return server.publicUrl ?? `http://${server.host}:${server.port}`;
}

/** Every limit, and what happens at it. */
export function limitPolicy(limits: Config['limits']): LimitPolicy {
  const nanoOf = (dollars: number) => Math.round(dollars * 1e6) * 1000;
  const ofTier = (tier: TenantTier): TierLimits => ({
    requestsPerMinute: limits[`${tier}RequestsPerMinute`],
    tokensPerMinute: limits[`${tier}TokensPerMinute`],
    concurrency: limits[`${tier}Concurrency`],
    budgetNanoPerDay: nanoOf(limits[`${tier}BudgetDollarsPerDay`]),
    budgetNanoPerMonth: nanoOf(limits[`${tier}BudgetDollarsPerMonth`]),
  });
  const named = (names: readonly string[]) => new Set(limitNames.filter((name) => names.includes(name)));
  return {
    tiers: {
      enterprise: ofTier('enterprise'),
      professional: ofTier('professional'),
      starter: ofTier('starter'),
      free: ofTier('free'),
    },
    user: { requestsPerMinute: limits.userRequestsPerMinute, tokensPerMinute: limits.userTokensPerMinute },
    key: {
      requestsPerMinute: limits.keyRequestsPerMinute,
      tokensPerMinute: limits.keyTokensPerMinute,
      concurrency: limits.keyConcurrency,
    },
    model: { requestsPerMinute: limits.modelRequestsPerMinute, tokensPerMinute: limits.modelTokensPerMinute },
    anonymousRequestsPerMinute: limits.anonymousRequestsPerMinute,
    shadow: named(limits.shadow),
    soft: named(limits.soft),
  };
}

/** How tenants share the model. */
export function schedulerPolicy(settings: Config['scheduler']): Policy {
  const { weightEnterprise: enterprise, weightProfessional: professional, weightStarter: starter } = settings;
  const { priority1OffsetMs, priority2OffsetMs, priority3OffsetMs, ...rest } = settings;
  return {
    ...rest,
    tierWeights: { enterprise, professional, starter, free: settings.weightFree },
    bandOffsetsMs: [0, priority1OffsetMs, priority2OffsetMs, priority3OffsetMs],
    queuedMax: settings.queueMax,
  };
}

const publicEndpoint = 'https://api.openai.com/v1';

/** The endpoint that chats and answers go to; `undefined` when answers are quoted from the documents only. */
export function modelEndpoint(
  llm: Config['llm'],
  egress: Pick<Egress, 'pool'>,
  responseBytesMax: number,
  onSign?: (sign: UpstreamSign) => void,
): OpenAiUpstream | undefined {
  const isConfigured = llm.apiKey !== undefined || llm.baseUrl !== publicEndpoint;
  if (llm.provider === 'extractive' || (llm.provider === 'auto' && !isConfigured)) return undefined;
  const { baseUrl, apiKey, connectionsMax, connectTimeoutMs, firstByteTimeoutMs, idleTimeoutMs, attemptsMax } = llm;
  return createOpenAiUpstream({
    baseUrl,
    egress,
    apiKey,
    connectionsMax,
    connectTimeoutMs,
    firstByteTimeoutMs,
    idleTimeoutMs,
    attemptsMax,
    responseBytesMax,
    ...(onSign === undefined ? {} : { onSign }),
  });
}

/** Settings of answers. */
export function answerSettings({ llm, search, query }: Config) {
  return {
    model: llm.model,
    temperature: llm.temperature,
    contextTokensMax: llm.contextTokensMax,
    outputTokensMax: llm.outputTokensMax,
    passagesDefault: search.passagesDefault,
    passagesMax: search.passagesMax,
    questionCharactersMax: query.questionCharactersMax,
  };
}

/** Limits of parsing. */
export function parseLimits(documents: Config['documents']) {
  return {
    timeoutMs: documents.parseTimeoutMs,
    memoryMiB: documents.parseMemoryMib,
    pagesMax: documents.pagesMax,
    textCharactersMax: documents.textCharactersMax,
    concurrency: documents.parseConcurrency,
  };
}

/** A tenant without rows, to look at tables without looking at anybody's. */
const nobody = { tenantId: 'ten_nobody' };

/** The parts whose state is looked at. */
export interface Watched {
  readonly database: Database;
  readonly redis: RedisPool | undefined;
  readonly upstream: OpenAiUpstream | undefined;
  readonly search: SearchIndex;
  readonly embedder: Embedder;
  readonly jobs: { readonly check: () => Promise<void> };
}

/** How to look at each part. Without model the server still answers, from search results. */
export function healthChecks(
  config: Config,
  { database, redis, upstream, search, embedder, jobs }: Watched,
): readonly ComponentCheck[] {
  const { opensearchHosts, opensearchTimeoutMs } = config.search;
  const quiet = (look: (signal: AbortSignal) => Promise<unknown>) => async (signal: AbortSignal) =>
    void (await look(signal));
  return [
    { name: 'database', required: true, check: quiet(() => database.ping()) },
    { name: 'redis', required: true, check: redis === undefined ? undefined : quiet(() => redis.ping()) },
    {
      name: 'opensearch',
      required: false,
      check:
        opensearchHosts.length === 0
          ? undefined
          : quiet((signal) => probeOpenSearch(opensearchHosts, opensearchTimeoutMs, signal)),
    },
    { name: 'vector_index', required: true, check: quiet(() => database.withTenant(nobody, search.check)) },
    { name: 'embedder', required: true, check: quiet((signal) => embedder.embed(['health'], signal)) },
    {
      name: 'upstream',
      required: false,
      check: upstream === undefined ? undefined : quiet((signal) => upstream.listModels(signal)),
    },
    { name: 'jobs', required: false, check: quiet(() => jobs.check()) },
  ];
}
