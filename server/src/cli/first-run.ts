/**
 * What a first start prepares: two demo tenants with users, keys and a small corpus, and a file that says so.
 *
 * An interrupted preparation is done again by the next start; a finished one never is, not even when its file was removed.
 */

import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { App } from '../app.ts';
import type { Classification, Logger, RequestContext } from '../context.ts';
import { newId } from '../db/index.ts';
import {
  type FirstRun,
  type FirstRunTenant,
  type FirstRunUser,
  readFirstRun,
  writeFirstRun,
} from './first-run-file.ts';

const demoTenants = [
  { slug: 'acme', name: 'Acme', tier: 'enterprise' },
  { slug: 'globex', name: 'Globex', tier: 'free' },
] as const;

const demoUsers = [
  { name: 'Ada Admin', role: 'admin', clearance: 'restricted' },
  { name: 'Ana Analyst', role: 'analyst', clearance: 'confidential' },
  { name: 'Vic Viewer', role: 'viewer', clearance: 'internal' },
] as const;

/** Files of the sample corpus whose classification is not `internal`. */
const sampleClassifications: Readonly<Record<string, Classification>> = {
  'aurora-faq.html': 'public',
  'price-list.md': 'public',
  'security-policy.md': 'confidential',
  'board-minutes.md': 'restricted',
};

const sampleFolder = new URL('../../sample/', import.meta.url);
const actor = { kind: 'system', id: 'first-run' } as const;

/** Longest wait for the sample corpus, in milliseconds; the server is usable before. */
const indexingTimeoutMs = 60_000;
const indexingPollMs = 100;

/** A demo that is opened again next year should still work as it is printed. */
const demoKeyDays = 3650;

/**
 * Prepares the demo on the first start; on later ones brings the address in the file up to date.
 * @param onPrepare is called when there is something to prepare, which takes some seconds.
 * @returns `undefined` on a database that has tenants and no demo: somebody's own.
 */
export async function prepareFirstRun(
  app: App,
  dataDir: string,
  baseUrl: string,
  log: Logger,
  onPrepare: () => void = () => {},
): Promise<FirstRun | undefined> {
  const unfinished = join(dataDir, 'first-run.unfinished');
  const known = readFirstRun(dataDir);
  if (known !== undefined) {
    if (known.base_url !== baseUrl) writeFirstRun(dataDir, { ...known, base_url: baseUrl });
    return { ...known, base_url: baseUrl };
  }
  const { data: tenants } = await app.services.tenants.list({ limit: 1, cursor: undefined });
  if (tenants.length > 0 && !existsSync(unfinished)) return undefined;

  onPrepare();
  writeFileSync(unfinished, '', { mode: 0o600 });
  const operator = await app.services.identity.createOperatorKey(`first-run ${randomBytes(4).toString('hex')}`, actor);
  const prepared = [];
  for (const tenant of demoTenants) prepared.push(await prepareTenant(app, tenant, log));
  const firstRun: FirstRun = { base_url: baseUrl, operator_key: operator.key, tenants: prepared };
  writeFirstRun(dataDir, firstRun);
  rmSync(unfinished);
  return firstRun;
}

async function prepareTenant(app: App, input: (typeof demoTenants)[number], log: Logger): Promise<FirstRunTenant> {
  const { tenants } = app.services;
  const tenant = (await tenants.find(input.slug)) ?? (await tenants.create(input, { actor }));
  const users: FirstRunUser[] = [];
  for (const user of demoUsers) users.push(await prepareUser(app, tenant.id, tenant.slug, user));
  const admin = users.find(({ role }) => role === 'admin');
  if (admin !== undefined) await uploadSamples(app, tenant.slug, admin.api_key, log);
  return { id: tenant.id, slug: tenant.slug, tier: tenant.tier, users };
}

async function prepareUser(
  app: App,
  tenantId: string,
  slug: string,
  input: (typeof demoUsers)[number],
): Promise<FirstRunUser> {
  const { identity } = app.services;
  const scope = { tenantId, actor };
  const email = `${input.role}@${slug}.example`;
  const password = randomBytes(15).toString('base64url');
  const { data: existing } = await identity.listUsers(scope, { limit: 100, cursor: undefined });
  const known = existing.find((user) => user.email === email);
  const user =
    known === undefined
      ? await identity.createUser(scope, { ...input, email, password })
      : await identity.updateUser(scope, known.id, { password });
  const { key } = await identity.createApiKey(scope, {
    name: 'first-run',
    userId: user.id,
    expiresInDays: demoKeyDays,
  });
  return { email, password, role: input.role, api_key: key };
}

async function uploadSamples(app: App, slug: string, apiKey: string, log: Logger): Promise<void> {
  const ctx = await contextOf(app, apiKey, log);
  const folder = new URL(`${slug}/`, sampleFolder);
  const ids: string[] = [];
  for (const filename of readdirSync(folder).sort()) {
    const bytes = readFileSync(new URL(filename, folder));
    const classification = sampleClassifications[filename] ?? 'internal';
    const document = await app.services.documents.upload(ctx, {
      filename,
      mediaType: mediaTypeOf(filename),
      bytes,
      classification,
    });
    ids.push(document.id);
  }
  await indexed(app, ctx, ids);
}

function mediaTypeOf(filename: string): string {
  return filename.endsWith('.html') ? 'text/html' : 'text/markdown';
}

/** Resolves when all documents are searchable, or when that takes too long. */
async function indexed(app: App, ctx: RequestContext, ids: readonly string[]): Promise<void> {
  const endMs = Date.now() + indexingTimeoutMs;
  for (const id of ids) {
    while (Date.now() < endMs) {
      const { status } = await app.services.documents.get(ctx, id);
      if (status === 'indexed' || status === 'failed') break;
      await new Promise((resolve) => setTimeout(resolve, indexingPollMs));
    }
  }
}

/** A context as the HTTP edge would make it for a request with this key. */
async function contextOf(app: App, apiKey: string, log: Logger): Promise<RequestContext> {
  const { tenantId, tier, principal } = await app.services.identity.authenticate(apiKey);
  const signal = AbortSignal.timeout(indexingTimeoutMs);
  return {
    requestId: newId('request'),
    tenantId,
    tier,
    principal,
    deadlineMs: Date.now() + indexingTimeoutMs,
    signal,
    log,
  };
}
