/**
 * Worker thread that runs the embedded PostgreSQL (PGlite), so that no query blocks the event loop.
 *
 * It answers one message at a time: raw bytes of the PostgreSQL wire protocol in, raw bytes out.
 */

import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { btree_gin } from '@electric-sql/pglite/contrib/btree_gin';
import { vector } from '@electric-sql/pglite-pgvector';

/** What the worker is asked for. */
export type WorkerRequest =
  | { readonly kind: 'protocol'; readonly bytes: Uint8Array }
  | { readonly kind: 'dump' }
  | { readonly kind: 'close' };

/** What it answers; one answer per request, in order. `ready` comes once, first. */
export type WorkerReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'failed'; readonly message: string };

const port = parentPort;
if (port === null) throw new Error('pglite-worker.ts runs as a worker thread only');

const { dataDir } = workerData as { dataDir: string | undefined };
const database = await PGlite.create({
  extensions: { vector, btree_gin },
  ...(dataDir === undefined ? {} : { dataDir }),
});

let previous = Promise.resolve();
port.on('message', (request: WorkerRequest) => {
  previous = previous
    .then(() => answer(request))
    .then(
      (reply) => port.postMessage(reply),
      (error: unknown) => port.postMessage({ kind: 'failed', message: String(error) } satisfies WorkerReply),
    );
});
port.postMessage({ kind: 'ready' } satisfies WorkerReply);

async function answer(request: WorkerRequest): Promise<WorkerReply> {
  switch (request.kind) {
    case 'protocol':
      return { kind: 'bytes', bytes: await database.execProtocolRaw(request.bytes) };
    case 'dump': {
      const file = await database.dumpDataDir('gzip');
      return { kind: 'bytes', bytes: new Uint8Array(await file.arrayBuffer()) };
    }
    case 'close':
      await database.close();
      return { kind: 'bytes', bytes: new Uint8Array() };
  }
}
