/** Documents over a real database, with bytes in a folder of their own and ingestion requests that are only recorded. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { permissionNames, roleHolds } from '../../src/access/index.ts';
import { createAuditLog } from '../../src/audit/index.ts';
import { createFileBlobs } from '../../src/blobs/index.ts';
import type { BuiltInRole, Classification, RequestContext } from '../../src/context.ts';
import { newId } from '../../src/db/index.ts';
import { createDocuments, type Upload } from '../../src/documents/index.ts';
import { createSearchIndex } from '../../src/search/index.ts';
import { createKeyFile, createLocalKms, createVault } from '../../src/vault/index.ts';
import type { TestDatabase } from './database.ts';

const log = pino({ level: 'silent' });

/** Who asks; an admin with the highest clearance unless said otherwise. */
export interface TestPrincipal {
  readonly userId?: string;
  readonly role?: BuiltInRole;
  readonly teamIds?: readonly string[];
  readonly clearance?: Classification;
  readonly scopes?: readonly string[];
}

/** Builds documents on a test database, which the caller closes. */
export function documentsOn({ database, superuser }: TestDatabase) {
  const folder = mkdtempSync(join(tmpdir(), 'genai-documents-'));
  createKeyFile(join(folder, 'key'));
  const kms = createLocalKms(join(folder, 'key'));
  const vault = createVault({ database, kms, sealFrom: 'confidential', dataKeyCacheTtlMs: 300_000 });
  const audit = createAuditLog({ database, vault, log, onSecurityEvent: () => {} });
  const blobs = createFileBlobs(join(folder, 'blobs'));
  const search = createSearchIndex();
  const enqueued: string[] = [];
  const documents = createDocuments({
    database,
    vault,
    audit,
    blobs,
    search,
    uploadBytesMax: 1_000_000,
    enqueueIngest: async (_tenantId, documentId) => void enqueued.push(documentId),
    log,
  });

  return {
    database,
    vault,
    audit,
    blobs,
    search,
    documents,
    log,
    /** Ids of documents whose ingestion was asked for. */
    enqueued,
    close: () => rmSync(folder, { recursive: true, force: true }),

    /** A new tenant with its default collection; returns its id. */
    async addTenant(): Promise<string> {
      const tenantId = newId('tenant');
      const slug = `t-${tenantId.slice(-32)}`;
      await superuser(`insert into genai.tenants (tenant_id, slug, name, tier) values ($1, $2, $2, 'free')`, [
        tenantId,
        slug,
      ]);
      await documents.ensureDefaultCollection({ tenantId });
      return tenantId;
    },

    /** A new user of a tenant, perhaps in a team; returns the id. */
    async addUser(tenantId: string, teamId?: string): Promise<string> {
      const userId = newId('user');
      if (teamId !== undefined) {
        await superuser('insert into genai.teams (tenant_id, id, name) values ($1, $2, $2) on conflict do nothing', [
          tenantId,
          teamId,
        ]);
      }
      await superuser(
        `insert into genai.users (tenant_id, id, email, name, role, clearance) values ($1, $2, $2, 'x', 'viewer', 'public')`,
        [tenantId, userId],
      );
      if (teamId !== undefined) {
        await superuser('insert into genai.team_members (tenant_id, team_id, user_id) values ($1, $2, $3)', [
          tenantId,
          teamId,
          userId,
        ]);
      }
      return userId;
    },

    /** A request of somebody of a tenant. */
    as(tenantId: string, principal: TestPrincipal = {}): RequestContext {
      const { userId = 'usr_nobody', role = 'admin', teamIds = [], clearance = 'restricted', scopes } = principal;
      const permissions = new Set(permissionNames.filter((name) => roleHolds(role, name)));
      return {
        tenantId,
        requestId: newId('request'),
        tier: 'free',
        principal: {
          tenantId,
          userId,
          role,
          permissions,
          teamIds,
          clearance,
          credential: { kind: 'session', id: 'ses_test' },
          scopes,
        },
        deadlineMs: Date.now() + 60_000,
        signal: new AbortController().signal,
        log,
      };
    },

    /** A text file to upload. */
    textFile(text: string, overrides: Partial<Upload> = {}): Upload {
      return { filename: 'notes.txt', mediaType: 'text/plain', bytes: Buffer.from(text), ...overrides };
    },
  };
}

/** What `documentsOn` builds. */
export type TestDocuments = ReturnType<typeof documentsOn>;
