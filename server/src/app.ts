/**
 * The composition root: builds the modules in order, and closes them in reverse.
 *
 * The embedded and the distributed shape differ in what is built here and nowhere else.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createAuditLog, createForeignIdWatch } from './audit/index.ts';
import { createFileBlobs } from './blobs/index.ts';
import type { Config } from './config/index.ts';
import type { Logger } from './context.ts';
import { openDatabase } from './db/index.ts';
import { collectOrphans, createDocuments, createParser, type Documents } from './documents/index.ts';
import { createEgress } from './egress/index.ts';
import { componentsHealth } from './health.ts';
import { createHttpServer, type Services } from './http/index.ts';
import { createIdentity } from './identity/index.ts';
import { createIngest } from './ingest/index.ts';
import { createLedger, type Ledger, type Settlement } from './ledger/index.ts';
import {
  type CrossingEvent,
  createLimits,
  createMemoryCounters,
  createRedisCounters,
  type Limits,
  type OverrunEvent,
} from './limits/index.ts';
import { createOpenAiCompatibleProvider, createUseLiteEmbedder } from './llm/index.ts';
import { createAnswer, createChat, createModels, createRetrieve } from './query/index.ts';
import { createRedisPool, type RedisPool } from './redis/index.ts';
import {
  createCosts,
  createEmbeddedBackend,
  createRedisBackend,
  createScheduler,
  type Scheduler,
  type Served,
} from './scheduler/index.ts';
import { createSearchIndex } from './search/index.ts';
import {
  answerSettings,
  healthChecks,
  isFactorRequiredOfAdmins,
  keyFilePath,
  limitPolicy,
  modelEndpoint,
  parseLimits,
  publicUrl,
  schedulerPolicy,
} from './settings.ts';
import { createMetrics, type Metrics, startTracing } from './telemetry/index.ts';
import { createTenants, type Tenants } from './tenants/index.ts';
import { createKeyFile, createLocalKms, createVault } from './vault/index.ts';
import { createJobs, createPlacement } from './worker/index.ts';

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

/** How long after it was named a foreign id comes to the notice of operators at most. */
const foreignIdIntervalMs = 1000;

/** How often tenants are looked at that may have grown into an index of vectors of their own. */
const placementIntervalMs = 10 * 60_000;

/** How often interrupted requests are looked for. */
const orphanIntervalMs = 60_000;

/** Functions that close what was opened, in the order of opening. */
type Closers = (() => Promise<void> | void)[];

/**
 * Builds a server; nothing listens yet.
 * @throws when the settings, the database or the keys are not fit to start with; what was opened is closed again.
 */
export async function createApp(config: Config, log: Logger): Promise<App> {
  const closers: Closers = [];
  try {
    const infrastructure = await openInfrastructure(config, log, closers);
    const capabilities = openCapabilities(config, log, closers, infrastructure);
    return await openFlows(config, log, closers, infrastructure, capabilities);
  } catch (error) {
    await closeAll(closers, log);
    throw error;
  }
}

/** Tier 2: what holds data and reaches out. */
async function openInfrastructure(config: Config, log: Logger, closers: Closers) {
  const metrics = createMetrics();
  const tracing = await startTracing(config.observability);
  closers.push(tracing.close);
  const { database, kind } = await openDatabase(config, {
    onSystemTransaction: (reason) => metrics.systemTransactions.add({ reason }),
    onMigration: (name) => log.info({ name }, 'migration applied'),
    onIdleError: (error) => log.warn({ err: error }, 'database connection lost'),
  });
  closers.push(database.close);
  const redis = openRedis(config.redis, log);
  if (redis !== undefined) closers.push(redis.close);
  const vault = createVault({ database, kms: createLocalKms(keyFile(config)), ...config.encryption });
  closers.push(vault.close);
  const onSecurityEvent = (kind: string) => metrics.securityEvents.add({ kind });
  const audit = createAuditLog({ database, vault, log, onSecurityEvent });
  const { queueMax, timeoutMs } = config.embeddings;
  const embedder = createUseLiteEmbedder({ queueTextsMax: queueMax, timeoutMs });
  closers.push(embedder.close);
  const egress = createEgress({ settings: config.egress, onOutcome: metrics.egressCalls.add });
  const scheduler = openScheduler(config.scheduler, { redis, metrics, log, closers });
  const upstream = modelEndpoint(config.llm, egress, upstreamResponseBytesMax, scheduler.note);
  if (upstream !== undefined) closers.push(upstream.close);
  return {
    metrics,
    database,
    databaseKind: kind,
    /** Without Redis no second process can work on this database. */
    isOnlyProcess: redis === undefined,
    redis,
    counters: redis === undefined ? createMemoryCounters() : createRedisCounters(redis),
    vault,
    audit,
    blobs: createFileBlobs(join(config.server.dataDir, 'blobs')),
    search: createSearchIndex(),
    scheduler,
    costs: createCosts(config.scheduler),
    embedder,
    egress,
    upstream,
  };
}

type Infrastructure = Awaited<ReturnType<typeof openInfrastructure>>;

/** Tier 3, with the queue through which documents ask for their ingestion. */
function openCapabilities(config: Config, log: Logger, closers: Closers, infrastructure: Infrastructure) {
  const { database, vault, audit, blobs, search, egress, counters, isOnlyProcess } = infrastructure;
  const stores = { database, vault, audit };
  const jobs = createJobs({ database, log, isOnlyProcess, settings: config.documents });
  const { enqueueIngest } = jobs;
  const { uploadBytesMax } = config.documents;
  const documents = createDocuments({ ...stores, blobs, search, uploadBytesMax, enqueueIngest, log });
  const parser = createParser(parseLimits(config.documents));
  closers.push(parser.close);
  const ledger: Ledger = createLedger({
    ...stores,
    ...config.query,
    onOrphan: (orphan) => chargeOrphan(limits, orphan),
  });
  closers.push(ledger.close);
  const limits = createLimits({
    counters,
    policy: limitPolicy(config.limits),
    loadSpent: ledger.spentSince,
    ...limitEvents(infrastructure, log),
  });
  closers.push(limits.close);
  return {
    jobs,
    documents,
    parser,
    ledger,
    limits,
    tenants: withDefaultCollection(createTenants(stores), documents),
    identity: createIdentity({
      ...stores,
      counters,
      settings: config.security,
      isFactorRequiredOfAdmins: isFactorRequiredOfAdmins(config),
      web: { publicUrl: publicUrl(config), fetch: egress.fetch },
    }),
  };
}

type Capabilities = ReturnType<typeof openCapabilities>;

/** Tiers 4 and 5: the flows, and the edge that calls them. */
async function openFlows(
  config: Config,
  log: Logger,
  closers: Closers,
  infrastructure: Infrastructure,
  capabilities: Capabilities,
): Promise<App> {
  const { metrics, database, vault, audit, blobs, search, scheduler, costs, embedder, upstream } = infrastructure;
  const { jobs, documents, parser, ledger, limits, tenants, identity } = capabilities;
  const now = Date.now;
  const ingestSettings = { ...config.documents, batchSize: config.embeddings.batchSize };
  const ingest = createIngest({
    ...{ database, vault, blobs, search, parser, embedder, metrics, log },
    settings: ingestSettings,
  });
  const meter = { limits, ledger, metrics, now };
  const { candidates } = config.search;
  const retrieve = createRetrieve({ database, vault, documents, search, embedder, candidates });
  const provider = upstream === undefined ? undefined : createOpenAiCompatibleProvider(upstream);
  const { outputTokensMax } = config.llm;
  const foreignIds = createForeignIdWatch(database, audit);
  const services: Services = {
    identity,
    tenants,
    documents,
    answer: createAnswer({ ...meter, retrieve, scheduler, costs, provider, settings: answerSettings(config) }),
    chat: createChat({ ...meter, scheduler, costs, upstream, settings: { outputTokensMax } }),
    models: createModels(upstream, now),
    ledger,
    audit,
    scheduler,
    onNotFound: foreignIds.notice,
    limits,
    metrics: withGauges(metrics, scheduler, ledger),
    health: {
      components: () => componentsHealth(healthChecks(config, { ...infrastructure, jobs })),
    },
  };
  const http = await createHttpServer({ services, config, log });

  async function settleOrphans(before: number): Promise<void> {
    const lost = await ledger.settleOrphans(new Date(before));
    if (lost > 0) log.warn({ lost }, 'requests that a crash interrupted were charged at their bound');
  }
  /** Requests of other processes may still run until their deadline; when there are none, all are lost. */
  const lostBefore = () => now() - config.query.timeoutMs - orphanGraceMs;

  return {
    services,
    databaseKind: infrastructure.databaseKind,
    async listen() {
      await scheduler.start();
      await settleOrphans(infrastructure.isOnlyProcess ? now() : lostBefore());
      closers.push(every(orphanIntervalMs, log, () => settleOrphans(lostBefore())));
      closers.push(every(orphanIntervalMs, log, identity.breakGlass.writeOffExpired));
      closers.push(foreignIds.look, every(foreignIdIntervalMs, log, foreignIds.look));
      closers.push(every(placementIntervalMs, log, createPlacement({ database, config, log })));
      await jobs.start({ ingest, collectOrphans: (signal) => collectOrphans({ database, blobs }, signal) });
      closers.push(jobs.stop);
      const address = await http.listen();
      closers.push(http.close);
      return address;
    },
    close: () => closeAll(closers, log),
  };
}

/** Repeats a step until the returned function is called; a failure is logged and the step tried again next time. */
function every(intervalMs: number, log: Logger, step: () => Promise<void>): () => Promise<void> {
  let running = Promise.resolve();
  const timer = setInterval(() => {
    running = step().catch((error: unknown) => log.warn({ err: error }, 'a repeated step failed'));
  }, intervalMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}

function openRedis({ url, ...settings }: Config['redis'], log: Logger): RedisPool | undefined {
  if (url === undefined) return undefined;
  const onError = (error: Error) => log.warn({ err: error }, 'redis connection lost');
  return createRedisPool({ url, ...settings, onError });
}

interface SchedulerParts {
  readonly redis: RedisPool | undefined;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly closers: Closers;
}

/** With Redis all servers share one pool, and one that cannot reach it shares out its own part. */
function openScheduler(settings: Config['scheduler'], { redis, metrics, log, closers }: SchedulerParts): Scheduler {
  const pool = { policy: schedulerPolicy(settings), upstreamSlots: settings.slots };
  const local = createEmbeddedBackend(pool);
  const backends =
    redis === undefined
      ? { backend: local }
      : { backend: createRedisBackend({ redis, pool: 'models', ...pool }), fallback: local };
  const onServed = ({ tier, waitedMs, cost }: Served) => {
    metrics.schedulerWait.record({ tier }, waitedMs / 1000);
    metrics.schedulerServedCost.add({ tier }, cost);
  };
  const scheduler = createScheduler({ ...settings, ...backends, log, onServed });
  closers.push(scheduler.close);
  return scheduler;
}

/** What a crash interrupted counts towards the budget, as it does in the ledger. */
function chargeOrphan(limits: Limits, { tenantId, requestId, startedAt, actual }: Settlement): void {
  const { inputTokens, outputTokens, costNano } = actual;
  limits.charge({
    tenantId,
    id: requestId,
    startedMs: startedAt.getTime(),
    tokens: inputTokens + outputTokens,
    costNano,
  });
}

/** Who learns of what happens at limits. */
function limitEvents({ metrics, audit }: Pick<Infrastructure, 'metrics' | 'audit'>, log: Logger) {
  return {
    onOverrun({ limit, isShadow, tenantId, tier }: OverrunEvent): void {
      metrics.limitOverruns.add({ limit, mode: isShadow ? 'shadow' : 'enforced', tier });
      if (isShadow) log.info({ limit, tenantId, tier }, 'a limit in shadow mode would have refused a request');
    },
    onCrossing({ tenantId, budget, level }: CrossingEvent): void {
      const period = budget.startsWith('day') ? 'day' : 'month';
      metrics.budgetCrossings.add({ period, level: String(level) });
      log.warn({ tenantId, budget, level }, 'a budget is spent up to a level');
      const event = { tenantId, kind: 'budget.spent', severity: 'low', details: { budget, level } } as const;
      void audit.recordSecurityEvent(event);
    },
    onUncounted(error: unknown, tenantId: string): void {
      log.error({ err: error, tenantId }, 'what a request used could not be counted; it is in the ledger');
    },
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
