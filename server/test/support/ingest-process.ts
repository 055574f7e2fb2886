/**
 * A process that takes in and ingests documents on the embedded database until it is killed. For tests of crashes.
 *
 *   node ingest-process.ts DATA_DIR upload    uploads without end; writes `ready`, then `stored ID` for each acknowledged document
 *   node ingest-process.ts DATA_DIR finish    waits until no document is unfinished and writes one JSON object per document
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { pino } from 'pino';
import { permissionNames } from '../../src/access/index.ts';
import { createAuditLog } from '../../src/audit/index.ts';
import { createFileBlobs } from '../../src/blobs/index.ts';
import { loadConfig } from '../../src/config/index.ts';
import type { RequestContext } from '../../src/context.ts';
import { openDatabase } from '../../src/db/index.ts';
import { collectOrphans, createDocuments } from '../../src/documents/index.ts';
import { createIngest } from '../../src/ingest/index.ts';
import { createSearchIndex } from '../../src/search/index.ts';
import { createMetrics } from '../../src/telemetry/index.ts';
import { createKeyFile, createLocalKms, createVault } from '../../src/vault/index.ts';
import { createJobs } from '../../src/worker/index.ts';
import { ingestSettings, ingestTools } from './ingest.ts';

const [, , dataDir = '', mode = ''] = process.argv;
const tenantId = 'ten_crash';
const log = pino({ level: 'silent' });
const { config } = loadConfig({ environment: { GENAI_DATA_DIR: dataDir }, directory: dataDir });
const { database } = await openDatabase(config, {
  onSystemTransaction: () => {},
  onMigration: () => {},
  onIdleError: () => {},
});
await database.asSystem('tenants.administer', (tx) =>
  tx.execute(
    sql`insert into genai.tenants (tenant_id, slug, name, tier) values (${tenantId}, 'crash', 'Crash', 'free') on conflict do nothing`,
  ),
);

const keyFile = join(dataDir, 'key');
if (!existsSync(keyFile)) createKeyFile(keyFile);
const vault = createVault({ database, kms: createLocalKms(keyFile), ...config.encryption });
const audit = createAuditLog({ database, vault, log, onSecurityEvent: () => {} });
const blobs = createFileBlobs(join(dataDir, 'blobs'));
const search = createSearchIndex();
const jobs = createJobs({ database, log, isOnlyProcess: true, settings: config.documents });
const documents = createDocuments({
  database,
  vault,
  audit,
  blobs,
  search,
  uploadBytesMax: 1_000_000,
  enqueueIngest: jobs.enqueueIngest,
  log,
});
await documents.ensureDefaultCollection({ tenantId });
const { parser, embedder } = ingestTools();
const metrics = createMetrics();
const ingest = createIngest({
  database,
  vault,
  blobs,
  search,
  parser,
  embedder,
  metrics,
  log,
  settings: ingestSettings,
});
await jobs.start({ ingest, collectOrphans: (signal) => collectOrphans({ database, blobs }, signal) });

const ctx: RequestContext = {
  tenantId,
  requestId: 'req_crash',
  tier: 'free',
  principal: {
    tenantId,
    userId: 'usr_crash',
    role: 'admin',
    permissions: new Set(permissionNames),
    teamIds: [],
    clearance: 'restricted',
    credential: { kind: 'session', id: 'ses_crash' },
    scopes: undefined,
  },
  deadlineMs: Number.POSITIVE_INFINITY,
  signal: new AbortController().signal,
  log,
};
const say = (line: string) => process.stdout.write(`${line}\n`);

if (mode === 'upload') await uploadForever();
await finish();

async function uploadForever(): Promise<never> {
  say('ready');
  for (let number = 0; ; number++) {
    // Each one is new, so that none is taken for a repetition; every other is restricted and skips the embedder.
    const text =
      `# Document ${process.pid} ${number}\n\n${`Paragraph about budgets ${number}. `.repeat(60)}\n\n`.repeat(3);
    const classification = number % 2 === 0 ? 'internal' : 'restricted';
    const upload = {
      filename: `${number}.md`,
      mediaType: 'text/markdown',
      bytes: Buffer.from(text),
      classification,
    } as const;
    const { id } = await documents.upload(ctx, upload);
    say(`stored ${id}`);
    while (await hasBacklog(3)) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function hasBacklog(size: number): Promise<boolean> {
  const { data } = await documents.list(ctx, { limit: size, cursor: undefined });
  return data.length === size && data.every(({ status }) => status !== 'indexed' && status !== 'failed');
}

async function finish(): Promise<void> {
  while (await unfinished()) await new Promise((resolve) => setTimeout(resolve, 50));
  let cursor: string | undefined;
  do {
    const page = await documents.list(ctx, { limit: 100, cursor });
    for (const { id, status, error, chunkCount } of page.data) {
      const { bytes } = await documents.content(ctx, id);
      const text = status === 'indexed' ? (await documents.text(ctx, id)).text : '';
      const isWhole = status !== 'indexed' || Buffer.from(bytes).toString() === text;
      const chunks = await database.withTenant(ctx, (tx) =>
        tx.execute<{ count: number }>(sql`select count(*)::int as count from genai.chunks where document_id = ${id}`),
      );
      say(JSON.stringify({ id, status, error, isWhole, chunkCount, chunks: chunks.rows[0]?.count }));
    }
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  await jobs.stop();
  await parser.close();
  await embedder.close();
  await database.close();
}

async function unfinished(): Promise<boolean> {
  const found = await database.withTenant(ctx, (tx) =>
    tx.execute(sql`select 1 from genai.documents where status not in ('indexed', 'failed') limit 1`),
  );
  return found.rows.length > 0;
}
