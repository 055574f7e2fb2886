/**
 * The composition root: builds the modules in order, and closes them in reverse.
 *
 * The embedded and the distributed shape differ in what is built here and nowhere else.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createAuditLog } from './audit/index.ts';
import { createFileBlobs } from './blobs/index.ts';
import type { Config } from './config/index.ts';
import type { Logger } from './context.ts';
import { openDatabase } from './db/index.ts';
import { collectOrphans, createDocuments, createParser, type Documents } from './documents/index.ts';
import { componentsHealth } from './health.ts';
import { createHttpServer, type Services } from './http/index.ts';
import { createIdentity } from './identity/index.ts';
import { createIngest } from './ingest/index.ts';
import { createLedger, type Ledger } from './ledger/index.ts';
import { createMemoryLimits } from './limits/index.ts';
import { createOpenAiCompatibleProvider, createUseLiteEmbedder } from './llm/index.ts';
import { createAnswer, createChat, createModels, createRetrieve } from './query/index.ts';
import { createRedisPool } from './redis/index.ts';
import { createScheduler, type Scheduler } from './scheduler/index.ts';
import { createSearchIndex } from './search/index.ts';
import { answerSettings, healthChecks, keyFilePath, modelEndpoint, parseLimits, tierLimits } from './settings.ts';
import { createMetrics, type Metrics, startTracing } from './telemetry/index.ts';
import { createTenants, type Tenants } from './tenants/index.ts';
import { createKeyFile, createLocalKms, createVault } from './vault/index.ts';
import { createJobs } from './worker/index.ts';

/** A server that is built and can listen. */
export interface App {
  readonly services: Services;
  readonly databaseKind: 'embedded' | 'postgresql';
  /** Starts to answer requests and to run jobs; resolves with the address. */
  readonly listen: () => Promise<string>;
  /** Lets running work finish, within SHUTDOWN_TIMEOUT_MS, and closes everything. */
  readonly close: () => Promise<void>;
}

/** Upstream answers beyond this size are cut off; far above any chat. */
const upstreamResponseBytesMax = 64 * 1024 * 1024;
/** How long after its deadline an attempt without settlement counts as lost to a crash. */
const orphanGraceMs = 60_000;

/**
 * Builds a server; nothing listens yet.
 * @throws when the settings, the database or the keys are not fit to start with; what was opened is closed again.
 */
export async function createApp(config: Config, log: Logger): Promise<App> {
  const closers: (() => Promise<void> | void)[] = [];
  try {
    return await build(config, log, closers);
  } catch (error) {
    await closeAll(closers, log);
    throw error;
  }
}

async function build(config: Config, log: Logger, closers: (() => Promise<void> | void)[]): Promise<App> {
  const now = Date.now;
  const metrics = createMetrics();
  const tracing = await startTracing(config.observability);
  closers.push(tracing.close);

  const { database, kind } = await openDatabase(config, {
    onSystemTransaction: (reason) => metrics.systemTransactions.add({ reason }),
    onMigration: (name) => log.info({ name }, 'migration applied'),
    onIdleError: (error) => log.warn({ err: error }, 'database connection lost'),
  });
  closers.push(database.close);
  const { url: redisUrl, ...redisSettings } = config.redis;
  const redis =
    redisUrl === undefined
      ? undefined
      : createRedisPool({
          url: redisUrl,
          ...redisSettings,
          onError: (error) => log.warn({ err: error }, 'redis connection lost'),
        });
  if (redis !== undefined) closers.push(redis.close);

  const vault = createVault({ database, kms: createLocalKms(keyFile(config)), ...config.encryption });
  closers.push(vault.close);
  const audit = createAuditLog({
    database,
    vault,
    log,
    onSecurityEvent: (kind) => metrics.securityEvents.add({ kind }),
  });
  const blobs = createFileBlobs(join(config.server.dataDir, 'blobs'));
  const search = createSearchIndex();
  const embedder = createUseLiteEmbedder({
    queueTextsMax: config.embeddings.queueMax,
    timeoutMs: config.embeddings.timeoutMs,
  });
  closers.push(embedder.close);
  const scheduler = createScheduler(config.scheduler);

  const tenants = createTenants({ database, vault, audit });
  const identity = createIdentity({ database, vault, audit, settings: config.security });
  const ledger = createLedger({ database, vault, audit, ...config.query });
  closers.push(ledger.close);
  const limits = createMemoryLimits({
    tiers: tierLimits(config.limits),
    keyRequestsPerMinute: config.limits.keyRequestsPerMinute,
    anonymousRequestsPerMinute: config.limits.anonymousRequestsPerMinute,
    loadSpent: ledger.spentSince,
  });

  const upstream = modelEndpoint(config.llm, upstreamResponseBytesMax);
  if (upstream !== undefined) closers.push(upstream.close);
  const provider = upstream === undefined ? undefined : createOpenAiCompatibleProvider(upstream);

  const isOnlyProcess = kind === 'embedded' || redis === undefined;
  const jobs = createJobs({ database, log, isOnlyProcess, settings: config.documents });
  const documents = createDocuments({
    database,
    vault,
    audit,
    blobs,
    search,
    uploadBytesMax: config.documents.uploadBytesMax,
    enqueueIngest: jobs.enqueueIngest,
    log,
  });
  const parser = createParser(parseLimits(config.documents));
  closers.push(parser.close);
  const ingest = createIngest({
    database,
    vault,
    blobs,
    search,
    parser,
    embedder,
    metrics,
    log,
    settings: { ...config.documents, batchSize: config.embeddings.batchSize },
  });

  const meter = { limits, ledger, metrics, now };
  const retrieve = createRetrieve({
    database,
    vault,
    documents,
    search,
    embedder,
    candidates: config.search.candidates,
  });
  const services: Services = {
    identity,
    tenants: withDefaultCollection(tenants, documents),
    documents,
    answer: createAnswer({ ...meter, retrieve, scheduler, provider, settings: answerSettings(config) }),
    chat: createChat({ ...meter, scheduler, upstream, settings: { outputTokensMax: config.llm.outputTokensMax } }),
    models: createModels(upstream, now),
    ledger,
    audit,
    limits,
    metrics: withGauges(metrics, scheduler, ledger),
    health: {
      components: () => componentsHealth(healthChecks(config, { database, redis, upstream, search, embedder, jobs })),
    },
  };
  const http = await createHttpServer({ services, config, log });

  return {
    services,
    databaseKind: kind,
    async listen() {
      const lost = await ledger.settleOrphans(new Date(now() - config.query.timeoutMs - orphanGraceMs));
      if (lost > 0) log.warn({ lost }, 'requests that a crash interrupted were charged at their bound');
      await jobs.start({ ingest, collectOrphans: (signal) => collectOrphans({ database, blobs }, signal) });
      closers.push(jobs.stop);
      const address = await http.listen();
      closers.push(http.close);
      return address;
    },
    close: () => closeAll(closers, log),
  };
}

/** A new tenant has somewhere to upload to before anybody of it can sign in. */
function withDefaultCollection(tenants: Tenants, documents: Documents): Tenants {
  return {
    ...tenants,
    async create(input, by) {
      const tenant = await tenants.create(input, by);
      await documents.ensureDefaultCollection({ tenantId: tenant.id });
      return tenant;
    },
  };
}

/** Reads what goes up and down at the moment that somebody looks. */
function withGauges(metrics: Metrics, scheduler: Scheduler, ledger: Ledger): Metrics {
  return {
    ...metrics,
    exposition() {
      const { busy, waiting } = scheduler.usage();
      metrics.schedulerSlotsInUse.set(busy);
      metrics.schedulerWaiting.set(waiting);
      metrics.settleQueueDepth.set(ledger.pending());
      return metrics.exposition();
    },
  };
}

/** The key file; a development server makes its own on first start, a production server never does. */
function keyFile(config: Config): string {
  const path = keyFilePath(config);
  if (config.server.environment !== 'production' && !existsSync(path)) createKeyFile(path);
  return path;
}

async function closeAll(closers: (() => Promise<void> | void)[], log: Logger): Promise<void> {
  for (const close of closers.splice(0).reverse()) {
    try {
      await close();
    } catch (error) {
      log.error({ err: error }, 'a part did not close');
    }
  }
}
