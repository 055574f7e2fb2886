/** Tenants and identity over a real database, with a clock that stands still until it is told otherwise. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { createAuditLog } from '../../src/audit/index.ts';
import { type Config, loadConfig } from '../../src/config/index.ts';
import type { RequestContext, TenantTier } from '../../src/context.ts';
import {
  type Authenticated,
  createIdentity,
  type IdentityOptions,
  type NewUser,
  type OperatorScope,
} from '../../src/identity/index.ts';
import { createTenants } from '../../src/tenants/index.ts';
import { createKeyFile, createLocalKms, createVault } from '../../src/vault/index.ts';
import type { TestDatabase } from './database.ts';

/** Under which browsers would reach the server of a test. */
export const testPublicUrl = 'https://genai.example';
/** The password of every user that `addUser` makes. */
export const testPassword = 'correct horse battery staple';
const secrets = { JWT_SECRET_KEY: 'j'.repeat(48), API_KEY_PEPPER: 'p'.repeat(48) };
const actor = { kind: 'system', id: 'test' } as const;
const log = pino({ level: 'silent' });

/** Settings with the cheapest hashing allowed, and what a test overrides. */
export function identitySettings(overrides: Partial<Config['security']> = {}): Config['security'] {
  const { config } = loadConfig({ environment: { ...secrets, PASSWORD_HASH_MEMORY_KIB: '8192' }, directory: tmpdir() });
  return { ...config.security, ...overrides };
}

/** What a test changes. */
export interface TestIdentityOptions extends Pick<IdentityOptions, 'isFactorRequiredOfAdmins' | 'web'> {
  /** The time at which the clock stands. */
  readonly nowMs?: number;
}

/** Builds tenants and identity on a test database, which the caller closes. */
export function identityOn(
  { database }: TestDatabase,
  overrides: Partial<Config['security']> = {},
  { nowMs = Date.UTC(2026, 0, 15, 12), ...options }: TestIdentityOptions = {},
) {
  const clock = { nowMs };
  const folder = mkdtempSync(join(tmpdir(), 'genai-identity-'));
  createKeyFile(join(folder, 'key'));
  const vault = createVault({
    database,
    kms: createLocalKms(join(folder, 'key')),
    sealFrom: 'restricted',
    dataKeyCacheTtlMs: 300_000,
  });
  const securityEvents: string[] = [];
  const audit = createAuditLog({ database, vault, log, onSecurityEvent: (kind) => void securityEvents.push(kind) });
  const settings = identitySettings(overrides);
  const web = { publicUrl: testPublicUrl, fetch };
  const identity = createIdentity({ database, vault, audit, settings, web, ...options, now: () => clock.nowMs });
  const tenants = createTenants({ database, vault, audit });
  let slugs = 0;

  return {
    database,
    vault,
    clock,
    identity,
    tenants,
    audit,
    settings,
    securityEvents,
    actor,
    close: () => rmSync(folder, { recursive: true, force: true }),

    /** A new tenant of its own for a test. */
    async addTenant(tier: TenantTier = 'starter') {
      slugs += 1;
      return tenants.create({ slug: `tenant-${slugs}`, name: `Tenant ${slugs}`, tier }, { actor });
    },

    /** The platform's set-up at work in a tenant. */
    setUp: (tenantId: string): OperatorScope => ({ tenantId, actor }),

    /** A new user with `testPassword`, and their context by login. */
    async addUser(tenant: { id: string; slug: string }, input: Partial<NewUser> & { email: string }) {
      const defaults = { name: 'Somebody', role: 'viewer', clearance: 'internal', password: testPassword } as const;
      const user = await identity.createUser({ tenantId: tenant.id, actor }, { ...defaults, ...input });
      const tokens = await identity.login({ tenant: tenant.slug, email: input.email, password: testPassword });
      return { user, tokens, ctx: contextOf(await identity.authenticate(tokens.accessToken)) };
    },
  };
}

/** What `identityOn` builds. */
export type TestIdentity = ReturnType<typeof identityOn>;

/** The request context of somebody who was authenticated. */
export function contextOf(authenticated: Authenticated): RequestContext {
  const deadlineMs = Date.now() + 60_000;
  return { ...authenticated, requestId: 'req_test', deadlineMs, signal: new AbortController().signal, log };
}
