/**
 * Background jobs on pg-boss, whose tables live beside ours on either database.
 *
 * Jobs only say which document to look at; what is to be done stands in the document's row. So a lost job loses nothing:
 * `recover` enqueues every unfinished document again, at start and every minute, and a queue refuses a second live job
 * for the same document. Payloads are ids only, since the queue is shared by all tenants.
 */

import { sql } from 'drizzle-orm';
import { fromDrizzle, type JobWithMetadata, PgBoss } from 'pg-boss';
import type { Logger } from '../context.ts';
import type { Database } from '../db/index.ts';
import { unfinishedDocuments } from '../documents/index.ts';
import type { Ingest, IngestRequest } from '../ingest/index.ts';
import { createTurns } from './turns.ts';

/** The background jobs of a process. */
export interface Jobs {
  /** Asks for the ingestion of a document; does nothing when that is asked for already. */
  readonly enqueueIngest: (tenantId: string, documentId: string) => Promise<void>;
  /** Resumes what was interrupted and begins to work. */
  readonly start: (handlers: JobHandlers) => Promise<void>;
  /** Interrupts running jobs, which continue after the next start, and waits for them. */
  readonly stop: () => Promise<void>;
  /** For health checks: rejects when the queue does not answer. */
  readonly check: () => Promise<void>;
}

/** What jobs do. */
export interface JobHandlers {
  readonly ingest: Ingest;
  /** Removes bytes without a document; runs once, beside everything else. */
  readonly collectOrphans: (signal: AbortSignal) => Promise<number>;
}

/** What jobs need. */
export interface JobsOptions {
  readonly database: Database;
  readonly log: Logger;
  /** Whether no other process works on this database, so that jobs found active at start are dead. */
  readonly isOnlyProcess: boolean;
  readonly settings: {
    /** Documents ingested at once by this process. */
    readonly ingestConcurrency: number;
    readonly ingestTimeoutMs: number;
  };
  readonly recoverIntervalMs?: number;
}

const queue = 'ingest';

/** How often an idle worker looks for jobs that another process enqueued; its own wake it at once. */
const pollingIntervalSeconds = 2;

/** A worker that has not been heard of for so long is dead, and its job is given to another. */
const heartbeatSeconds = 30;

/** First and longest wait before a failed job runs again; it doubles in between. */
const retryDelaySeconds = 2;
const retryDelayMaxSeconds = 300;

/** More than a document has attempts: its row decides when to give up, not the queue. */
const retryLimit = 100;

/** The queue fails a job by itself only well after its own time limit; it accepts no more than a day. */
const expiryMarginSeconds = 120;
const expirySecondsMax = 24 * 3600 - 1;

const recoverBatch = 500;
const stopTimeoutMs = 10_000;

/** Makes the jobs; nothing runs before `start`. */
export function createJobs(options: JobsOptions): Jobs {
  const { database, log, settings, recoverIntervalMs = 60_000 } = options;
  const stopping = new AbortController();
  const workers: string[] = [];
  const turns = createTurns();
  let timer: NodeJS.Timeout | undefined;
  let recovering: Promise<void> = Promise.resolve();
  let collecting: Promise<void> = Promise.resolve();
  let queueMade: Promise<void> | undefined;

  const boss = createBoss(database, log);
  const jobOptions = {
    retryLimit,
    retryDelay: retryDelaySeconds,
    retryBackoff: true,
    retryDelayMax: retryDelayMaxSeconds,
    heartbeatSeconds,
    expireInSeconds: Math.min(Math.ceil(settings.ingestTimeoutMs / 1000) + expiryMarginSeconds, expirySecondsMax),
  };

  function makeQueue(): Promise<void> {
    queueMade ??= boss.createQueue(queue, { policy: 'exclusive' }).catch((error: unknown) => {
      queueMade = undefined;
      throw error;
    });
    return queueMade;
  }

  function wake(): void {
    for (const worker of workers) boss.notifyWorker(worker);
  }

  async function enqueue(requests: readonly IngestRequest[]): Promise<void> {
    await makeQueue();
    const jobs = requests.map((data) => {
      const { tenantId, documentId } = data;
      return { data, singletonKey: documentId, priority: -turns.next(tenantId), ...jobOptions };
    });
    await boss.insert(queue, jobs);
    wake();
  }

  async function recover(): Promise<void> {
    // Fails the jobs of workers that died, so that they are live no longer.
    await boss.supervise(queue);
    // What follows names all that waits, so turns are counted anew.
    turns.forget();
    let last = '';
    for (;;) {
      const found = await database.asSystem('ingest.recover', (tx) => unfinishedDocuments(tx, last, recoverBatch));
      if (found.length > 0) await enqueue(found.map(({ tenantId, id }) => ({ tenantId, documentId: id })));
      last = found.at(-1)?.id ?? '';
      if (found.length < recoverBatch) return;
    }
  }

  function recoverLater(): void {
    if (stopping.signal.aborted) return;
    timer = setTimeout(() => {
      recovering = recover()
        .catch((error: unknown) => log.warn({ err: error }, 'interrupted ingestions not looked for'))
        .finally(recoverLater);
    }, recoverIntervalMs);
    timer.unref();
  }

  return {
    enqueueIngest: (tenantId, documentId) => enqueue([{ tenantId, documentId }]),

    async start({ ingest, collectOrphans }) {
      await boss.start();
      await makeQueue();
      if (options.isOnlyProcess) await boss.deleteAllJobs(queue);
      await recover();

      async function work([job]: JobWithMetadata<IngestRequest>[]): Promise<void> {
        if (job === undefined) return;
        turns.started(-job.priority);
        try {
          const outcome = await ingest(job.data, AbortSignal.any([stopping.signal, job.signal]));
          if (outcome === 'again') throw new Error('To be tried again.');
        } finally {
          // There may be more to do; without this the worker would wait out its polling interval.
          wake();
        }
      }
      for (let number = 0; number < settings.ingestConcurrency; number++) {
        workers.push(await boss.work(queue, { pollingIntervalSeconds, includeMetadata: true }, work));
      }
      recoverLater();
      collecting = collectOrphans(stopping.signal).then(
        (removed) => log.info({ removed }, 'looked for bytes without a document'),
        (error: unknown) => log.warn({ err: error }, 'bytes without a document not looked for'),
      );
    },

    async stop() {
      clearTimeout(timer);
      stopping.abort(new Error('The server is stopping.'));
      await boss.stop({ graceful: true, timeout: stopTimeoutMs });
      await Promise.all([recovering, collecting]);
    },

    async check() {
      await boss.getQueue(queue);
    },
  };
}

/** The queue's library, speaking through our transactions. */
function createBoss(database: Database, log: Logger): PgBoss {
  const boss = new PgBoss({
    db: {
      executeSql: (text, values) =>
        database.asSystem('jobs.queue', (tx) => fromDrizzle(tx, sql).executeSql(text, values)),
    },
    // The role in force may change rows and nothing else, so whatever would change the schema is off.
    migrate: false,
    createSchema: false,
    reindex: false,
    monitorVacuum: false,
    // Nobody reads its registry of processes, and `recover` supervises.
    registerInstance: false,
    supervise: false,
    schedule: false,
    monitorIntervalSeconds: heartbeatSeconds,
  });
  boss.on('error', (error) => log.warn({ err: error }, 'job queue'));
  boss.on('warning', ({ message }) => log.warn({ detail: message }, 'job queue'));
  return boss;
}
