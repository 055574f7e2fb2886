/**
 * The embedded database: PGlite in a worker thread, reached by the same `pg` driver as PostgreSQL.
 *
 * The driver speaks the PostgreSQL wire protocol into a Duplex whose other end is the worker. There is one session, so
 * the pool above must have one connection; transactions wait for each other. PGlite never calls fsync: data survives a
 * killed process, not a power cut.
 */

import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { Worker } from 'node:worker_threads';
import { lockFolder } from './folder-lock.ts';
import type { WorkerReply, WorkerRequest } from './pglite-worker.ts';

/** A running embedded database. */
export interface EmbeddedDatabase {
  /** For `pg`: a new stream to the one session. */
  readonly connect: () => Duplex;
  /** A consistent gzipped tar of the database folder. */
  readonly dump: () => Promise<Uint8Array>;
  readonly close: () => Promise<void>;
}

/**
 * Opens (and on first use creates) the database in a folder.
 * @param dataDir absolute path, or `undefined` for a database in memory.
 * @throws {FolderLockedError} when another process uses the folder.
 */
export async function openEmbeddedDatabase(dataDir: string | undefined): Promise<EmbeddedDatabase> {
  process.umask(0o077);
  const unlock = dataDir === undefined ? () => {} : lockFolder(dataDir);
  try {
    const worker = await startWorker(dataDir === undefined ? undefined : join(dataDir, 'database'));
    return {
      connect: () => protocolStream(worker),
      dump: () => worker.ask({ kind: 'dump' }),
      async close() {
        try {
          await worker.close();
        } finally {
          unlock();
        }
      },
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

interface DatabaseWorker {
  ask(request: WorkerRequest): Promise<Uint8Array>;
  close(): Promise<void>;
}

async function startWorker(dataDir: string | undefined): Promise<DatabaseWorker> {
  const worker = new Worker(new URL('./pglite-worker.ts', import.meta.url), { workerData: { dataDir } });
  const ready = Promise.withResolvers<void>();
  const waiting: PromiseWithResolvers<Uint8Array>[] = [];
  let failure: Error | undefined;
  function fail(error: Error): void {
    failure ??= error;
    ready.reject(failure);
    for (const { reject } of waiting.splice(0)) reject(failure);
  }
  worker.on('message', (reply: WorkerReply) => {
    if (reply.kind === 'ready') return ready.resolve();
    const next = waiting.shift();
    if (reply.kind === 'bytes') next?.resolve(reply.bytes);
    else next?.reject(new Error(`The embedded database failed: ${reply.message}`));
  });
  worker.on('error', (error) => fail(error instanceof Error ? error : new Error(String(error))));
  worker.on('exit', () => fail(new Error('The embedded database has stopped.')));
  await ready.promise;

  function ask(request: WorkerRequest): Promise<Uint8Array> {
    const answer = Promise.withResolvers<Uint8Array>();
    if (failure !== undefined) answer.reject(failure);
    else {
      waiting.push(answer);
      worker.postMessage(request);
    }
    return answer.promise;
  }
  return {
    ask,
    async close() {
      try {
        if (failure === undefined) await ask({ kind: 'close' });
      } finally {
        await worker.terminate();
      }
    },
  };
}

/** Frontend messages after which the server answers: Query, Sync, Flush, password. Others can wait for one of them. */
const flushingMessages = new Set('QSHp');

/**
 * A socket look-alike for `pg`. Messages are collected until one that asks for an answer, so that an extended query
 * costs one trip to the worker instead of five.
 */
function protocolStream(worker: DatabaseWorker): Duplex {
  const pending: Buffer[] = [];
  let isStarted = false;
  const stream = new Duplex({
    read() {},
    write(message: Buffer, _encoding, done) {
      const type = String.fromCharCode(message[0] ?? 0);
      // The session outlives its connections, so Terminate goes nowhere.
      if (isStarted && type === 'X') return done();
      pending.push(message);
      if (isStarted && !flushingMessages.has(type)) return done();
      isStarted = true;
      const bytes = Buffer.concat(pending.splice(0));
      worker.ask({ kind: 'protocol', bytes }).then((reply) => {
        stream.push(Buffer.from(reply.buffer, reply.byteOffset, reply.byteLength));
        done();
      }, done);
    },
    final(done) {
      stream.push(null);
      done();
    },
  });
  const socket = {
    connect: () => queueMicrotask(() => stream.emit('connect')),
    setNoDelay: () => stream,
    setKeepAlive: () => stream,
    ref: () => stream,
    unref: () => stream,
  };
  return Object.assign(stream, socket);
}
