import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../test/support/database.ts';
import { documentsOn, type TestDocuments } from '../../test/support/documents.ts';
import type { Ingest, IngestOutcome, IngestRequest } from '../ingest/index.ts';
import { createJobs, type Jobs, type JobsOptions } from './index.ts';

const log = pino({ level: 'silent' });
const collectOrphans = async () => 0;

/** A handler that records what it is called with and ends each call when told to, or when its signal aborts. */
function recordingIngest() {
  const calls: { request: IngestRequest; signal: AbortSignal; end: (outcome: IngestOutcome) => void }[] = [];
  let notify: (() => void) | undefined;
  const ingest: Ingest = (request, signal) =>
    new Promise((end) => {
      calls.push({ request, signal, end });
      signal.addEventListener('abort', () => end('again'));
      notify?.();
    });
  return {
    ingest,
    calls,
    /** Resolves with a call once there have been so many. */
    async call(number: number) {
      while (calls.length < number) await new Promise<void>((resolve) => (notify = resolve));
      const call = calls[number - 1];
      if (call === undefined) throw new Error('The call was made.');
      return call;
    },
  };
}

describe.each(testDatabases)('jobs on $name', ({ open }) => {
  let database: TestDatabase;
  let on: TestDocuments;
  let tenantId: string;
  const started: Jobs[] = [];

  beforeAll(async () => {
    database = await open();
    on = documentsOn(database);
  });
  beforeEach(async () => {
    await database.superuser('delete from genai.documents');
    await database.superuser('delete from pgboss.job');
    tenantId = await on.addTenant();
  });
  afterEach(async () => {
    for (const jobs of started.splice(0)) await jobs.stop();
  });
  afterAll(async () => {
    on.close();
    await database.close();
  });

  function newJobs(options: Partial<JobsOptions> = {}): Jobs {
    const settings = { ingestConcurrency: 1, ingestTimeoutMs: 60_000 };
    const jobs = createJobs({ database: database.database, log, isOnlyProcess: true, settings, ...options });
    started.push(jobs);
    return jobs;
  }
  const upload = async (text: string) => (await on.documents.upload(on.as(tenantId), on.textFile(text))).id;
  const queued = () =>
    database.superuser(`select state, data from pgboss.job where name = 'ingest' order by created_on`);

  it('run what is enqueued, one after the other without waiting for a poll', async () => {
    const { ingest, call } = recordingIngest();
    const jobs = newJobs();
    await jobs.start({ ingest, collectOrphans });
    const startedMs = Date.now();
    const numbers = [1, 2, 3, 4, 5];
    for (const number of numbers) await jobs.enqueueIngest(tenantId, `doc_${number}`);
    for (const number of numbers) {
      const { request, end } = await call(number);
      expect(request).toEqual({ tenantId, documentId: `doc_${number}` });
      end('done');
    }
    // Waiting out the polling interval between them would take 8 s.
    expect(Date.now() - startedMs).toBeLessThan(6000);
  });

  it('hold ids and nothing else', async () => {
    const jobs = newJobs();
    await jobs.enqueueIngest(tenantId, 'doc_1');
    expect(await queued()).toEqual([{ state: 'created', data: { tenantId, documentId: 'doc_1' } }]);
  });

  it('are not doubled for a document that has a live one', async () => {
    const { ingest, call, calls } = recordingIngest();
    const jobs = newJobs();
    await jobs.start({ ingest, collectOrphans });
    await jobs.enqueueIngest(tenantId, 'doc_1');
    const { end } = await call(1);
    await jobs.enqueueIngest(tenantId, 'doc_1');
    await jobs.enqueueIngest(tenantId, 'doc_2');
    end('done');
    (await call(2)).end('done');
    expect(calls.map(({ request }) => request.documentId)).toEqual(['doc_1', 'doc_2']);
    await jobs.enqueueIngest(tenantId, 'doc_1');
    expect((await call(3)).request.documentId).toBe('doc_1');
  });

  it('let tenants take turns, whoever came first with how much', async () => {
    const { ingest, call, calls } = recordingIngest();
    const patient = tenantId;
    for (const text of ['1', '2', '3', '4', '5']) await upload(text);
    tenantId = await on.addTenant();
    const busy = tenantId;
    await upload('first');
    await upload('second');
    const jobs = newJobs();
    await jobs.start({ ingest, collectOrphans });
    for (let number = 1; number <= 10; number++) {
      const { request, end } = await call(number);
      await database.superuser(`update genai.documents set status = 'indexed' where id = $1`, [request.documentId]);
      // The busy tenant always has something more to do.
      if (request.tenantId === busy) await jobs.enqueueIngest(busy, await upload(`next ${number}`));
      end('done');
    }
    const turns = calls.slice(0, 10).map(({ request }) => (request.tenantId === patient ? 'patient' : 'busy'));
    expect(turns.filter((turn) => turn === 'patient')).toHaveLength(5);
    expect(turns.slice(0, 2).sort()).toEqual(['busy', 'patient']);
  });

  it('run side by side as far as allowed', async () => {
    const { ingest, call, calls } = recordingIngest();
    const jobs = newJobs({ settings: { ingestConcurrency: 2, ingestTimeoutMs: 60_000 } });
    await jobs.start({ ingest, collectOrphans });
    for (const documentId of ['doc_1', 'doc_2', 'doc_3']) await jobs.enqueueIngest(tenantId, documentId);
    const { end } = await call(2);
    expect(await queued()).toMatchObject([{ state: 'active' }, { state: 'active' }, { state: 'created' }]);
    end('done');
    await call(3);
    for (const { end } of calls) end('done');
  });

  it('come again when another attempt has to follow', async () => {
    const { ingest, call } = recordingIngest();
    const jobs = newJobs();
    await jobs.start({ ingest, collectOrphans });
    await jobs.enqueueIngest(tenantId, 'doc_1');
    (await call(1)).end('again');
    expect((await call(2)).request.documentId).toBe('doc_1');
  });

  it('are made at start for every unfinished document of every tenant, and for no other', async () => {
    const waiting = await upload('waiting');
    tenantId = await on.addTenant();
    const interrupted = await upload('interrupted');
    const indexed = await upload('indexed');
    const failed = await upload('failed');
    for (const [id, status] of [
      [interrupted, 'embedding'],
      [indexed, 'indexed'],
      [failed, 'failed'],
    ]) {
      await database.superuser('update genai.documents set status = $2::genai.document_status where id = $1', [
        id,
        status,
      ]);
    }
    const { ingest, call, calls } = recordingIngest();
    await newJobs().start({ ingest, collectOrphans });
    (await call(1)).end('done');
    (await call(2)).end('done');
    expect(calls.map(({ request }) => request.documentId)).toEqual([waiting, interrupted]);
    expect(await queued()).toHaveLength(2);
  });

  it('are made later for documents whose enqueueing was lost', async () => {
    const { ingest, call } = recordingIngest();
    await newJobs({ recoverIntervalMs: 20 }).start({ ingest, collectOrphans });
    const id = await upload('lost');
    expect((await call(1)).request.documentId).toBe(id);
  });

  it('of a killed process are taken up at once by its successor', async () => {
    const id = await upload('x');
    const killed = recordingIngest();
    const first = newJobs();
    await first.start({ ingest: killed.ingest, collectOrphans });
    await killed.call(1);
    // The first is not stopped: like a killed process it leaves its job active.
    const successor = recordingIngest();
    await newJobs({ isOnlyProcess: true }).start({ ingest: successor.ingest, collectOrphans });
    expect((await successor.call(1)).request.documentId).toBe(id);
    killed.calls[0]?.end('done');
  });

  it('of a living process stay with it', async () => {
    await upload('x');
    const first = recordingIngest();
    await newJobs().start({ ingest: first.ingest, collectOrphans });
    const { end } = await first.call(1);
    const second = recordingIngest();
    await newJobs({ isOnlyProcess: false }).start({ ingest: second.ingest, collectOrphans });
    expect(second.calls).toEqual([]);
    expect(await queued()).toMatchObject([{ state: 'active' }]);
    end('done');
  });

  it('of a process that has fallen silent go to another', async () => {
    const id = await upload('x');
    const silent = recordingIngest();
    await newJobs().start({ ingest: silent.ingest, collectOrphans });
    await silent.call(1);
    // As if the last sign of life, and the last look at the queue, were a minute ago.
    await database.superuser(`update pgboss.job set heartbeat_on = now() - interval '1 minute'`);
    await database.superuser(`update pgboss.queue set monitor_claim_on = now() - interval '1 minute'`);
    const { ingest, call } = recordingIngest();
    await newJobs({ isOnlyProcess: false }).start({ ingest, collectOrphans });
    // Both processes look for work, and either may take it.
    const taken = await Promise.race([call(1), silent.call(2)]);
    expect(taken.request.documentId).toBe(id);
  });

  it('are told to stop, waited for, and continued by the next start', async () => {
    const id = await upload('x');
    const { ingest, call } = recordingIngest();
    const jobs = newJobs();
    await jobs.start({ ingest, collectOrphans });
    const { signal } = await call(1);
    await jobs.stop();
    expect(signal.aborted).toBe(true);
    expect(await queued()).toMatchObject([{ state: 'retry' }]);
    const next = recordingIngest();
    await newJobs().start({ ingest: next.ingest, collectOrphans });
    expect((await next.call(1)).request.documentId).toBe(id);
  });

  it('look for bytes without a document once, and survive a failure of that', async () => {
    let looked = 0;
    const { ingest, call } = recordingIngest();
    const jobs = newJobs();
    await jobs.start({ ingest, collectOrphans: async () => Promise.reject(new Error(`planted ${++looked}`)) });
    await jobs.enqueueIngest(tenantId, 'doc_1');
    (await call(1)).end('done');
    expect(looked).toBe(1);
  });
});
