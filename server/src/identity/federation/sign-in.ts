/**
 * Signing in through the identity provider of a tenant (OpenID Connect, authorization code with PKCE).
 *
 * Three steps: the browser is sent to the provider (`begin`), comes back with its answer (`finish`), and the page exchanges
 * a one-time code for tokens (`exchange`). All three belong to one browser, by a cookie. Each tenant has a redirect address
 * of its own, so that the answer of one provider is never taken for that of another (mix-up, RFC 9700 §4.4).
 */

import { and, eq, exists, gt, lte } from 'drizzle-orm';
import { randomNonce, randomPKCECodeVerifier, randomState } from 'openid-client';
import type { AuditEvent, AuditLog } from '../../audit/index.ts';
import type { Database, TenantTx } from '../../db/index.ts';
import { isAppError } from '../../errors.ts';
import type { TenantVault, Vault } from '../../vault/index.ts';
import type { OpaqueTokens } from '../credentials/opaque-tokens.ts';
import { operatorRealm } from '../operators/operators.ts';
import { loginFailed } from '../refusals.ts';
import type { Origin } from '../sessions/origin.ts';
import type { Sessions, TokenPair } from '../sessions/sessions.ts';
import { tenants, users } from '../tables.ts';
import { type Attempt, newAttempt, openedAttempt, sealedAttempt } from './attempts.ts';
import { createFederatedUsers } from './federated-users.ts';
import type { Issuers } from './issuers/issuers.ts';
import { authorizationAddress, vouchedFor } from './issuers/provider-answer.ts';
import { redirectUriOf } from './provider-input.ts';
import { clientSecretOf, findProvider, type Provider } from './stored-provider.ts';
import { signIns } from './tables.ts';

/** A browser that comes back from a provider. */
export interface SignInReturn {
  readonly tenant: string;
  /** The cookie that it was sent away with. */
  readonly attempt: string;
  /** What the provider appended to the address, with the question mark. */
  readonly search: string;
  readonly requestId?: string;
}

/** A page that wants tokens. */
export interface SignInExchange {
  readonly code: string;
  readonly attempt: string;
  readonly origin: Origin;
  readonly requestId?: string;
}

/** What signing in needs. */
export interface SignInOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly issuers: Issuers;
  readonly sessions: Sessions;
  readonly opaqueTokens: OpaqueTokens;
  /** Address under which browsers reach this server. */
  readonly publicUrl: string;
  readonly now: () => number;
}

/** How long the page may take to exchange its code. */
const codeTtlMs = 60_000;

/** Makes the three steps. */
export function createSignIn(options: SignInOptions) {
  const { database, vault, audit, issuers, sessions, opaqueTokens, publicUrl, now } = options;
  const enter = createFederatedUsers(audit, now);

  return {
    /** Whether browsers reach this server by HTTPS, and cookies can be bound to that. */
    isSecure: publicUrl.startsWith('https:'),

    /**
     * Where to send the browser, and the cookie to send with it.
     * @throws {AppError} login_failed, the same for a tenant that is not there and one without provider;
     * dependency_unavailable.
     */
    async begin(slug: string): Promise<{ readonly location: string; readonly attempt: string }> {
      const { provider, tenantVault } = await providerOf(slug);
      const secrets = { state: randomState(), nonce: randomNonce(), verifier: randomPKCECodeVerifier() };
      const attempt = newAttempt(provider, secrets, now());
      const configuration = await configurationOf(provider, tenantVault);
      const location = await authorizationAddress(configuration, provider, attempt, redirectUriOf(publicUrl, slug));
      return { location, attempt: sealedAttempt(attempt, tenantVault) };
    },

    /**
     * Takes the answer of the provider and gives the one-time code for the page.
     * @throws {AppError} login_failed, whatever the reason, which is in the audit log; dependency_unavailable.
     */
    async finish({ tenant: slug, attempt: cookie, search, requestId }: SignInReturn): Promise<string> {
      const { provider, tenantVault } = await providerOf(slug);
      const attempt = openedAttempt(cookie, tenantVault, now());
      if (attempt === undefined || attempt.issuer !== provider.issuer || attempt.clientId !== provider.clientId)
        throw loginFailed('The sign-in did not begin in this browser, not for this provider, or too long ago.');
      const address = new URL(redirectUriOf(publicUrl, slug) + search);
      const configuration = await configurationOf(provider, tenantVault);
      const refuse = (reason: string) =>
        database.withTenant(provider, (tx) => audit.append(tx, tenantVault, failedEvent(reason, requestId)));
      const toldBy = { provider, issuers, nowMs: now() };
      const vouched = await vouchedFor(configuration, toldBy, attempt, address).catch(async (error: unknown) => {
        if (isAppError(error, 'login_failed')) await refuse('answer_refused');
        throw error;
      });
      const outcome = await database.withTenant(provider, async (tx) => {
        const entered = await enter(tx, tenantVault, { provider, ...vouched });
        if ('refused' in entered) await audit.append(tx, tenantVault, failedEvent(entered.refused, requestId));
        return 'refused' in entered ? entered : { code: await handOver(tx, provider, attempt, cookie, entered.userId) };
      });
      if ('refused' in outcome) throw loginFailed(`The provider vouches for them, but: ${outcome.refused}.`);
      if (outcome.code === undefined) throw loginFailed('This answer of the provider was used before.');
      return outcome.code;
    },

    /** Starts the session. A code works once, within a minute, in the browser that it was made for. @throws {AppError} login_failed. */
    async exchange({ code, attempt: cookie, origin, requestId }: SignInExchange): Promise<TokenPair> {
      const presented = opaqueTokens.parseSignInCode(code);
      if (presented === undefined) throw loginFailed('The code is not one of ours.');
      const { signInId, hash } = presented;
      const userId = await database.withTenant(presented, async (tx) => {
        const isGood = and(
          eq(signIns.id, signInId),
          eq(signIns.codeHash, hash),
          eq(signIns.browserHash, opaqueTokens.hashOfBrowser(cookie)),
          gt(signIns.codeExpiresAt, new Date(now())),
        );
        const [used] = await tx.update(signIns).set({ codeHash: null }).where(isGood).returning();
        return used?.userId;
      });
      if (userId === undefined) throw loginFailed('The code was used, is too old, or belongs to another browser.');
      const tenantVault = await vault.forTenant(presented);
      const started = await database.withTenant(presented, async (tx) => {
        if (!(await lockActive(tx, userId))) return undefined;
        const begun = await sessions.start(tx, tenantVault, userId, { proof: { kind: 'provider' }, origin });
        await audit.append(tx, tenantVault, succeededEvent(userId, requestId));
        return begun;
      });
      if (started?.outcome !== 'started') throw loginFailed('The user or the tenant is not active any more.');
      return started.tokens();
    },
  };

  /** The provider of an active tenant. Whatever is missing, the steps are the same. @throws {AppError} login_failed. */
  async function providerOf(slug: string): Promise<{ provider: Provider; tenantVault: TenantVault }> {
    // The database refuses some texts, such as NUL, with an error; a slug never holds them.
    const sane = /^[a-z0-9-]{1,63}$/.test(slug) ? slug : '';
    const isActive = and(eq(tenants.slug, sane), eq(tenants.status, 'active'));
    const [tenant] = await database.asSystem('identity.authenticate', (tx) =>
      tx.select({ tenantId: tenants.tenantId }).from(tenants).where(isActive),
    );
    const provider = await database.withTenant(tenant ?? operatorRealm, findProvider);
    if (provider === undefined) throw loginFailed('There is no such tenant, or it has no identity provider.');
    return { provider, tenantVault: await vault.forTenant(provider) };
  }

  function configurationOf(provider: Provider, tenantVault: TenantVault) {
    return issuers.configuration({ ...provider, clientSecret: clientSecretOf(provider, tenantVault) });
  }

  /** `undefined` when the attempt was finished before. */
  async function handOver(
    tx: TenantTx,
    { tenantId }: Provider,
    { id, expiresMs }: Attempt,
    cookie: string,
    userId: string,
  ): Promise<string | undefined> {
    await tx.delete(signIns).where(lte(signIns.expiresAt, new Date(now())));
    const { code, hash } = opaqueTokens.mintSignInCode(tenantId, id);
    const row = {
      ...{ tenantId, id, userId, codeHash: hash, browserHash: opaqueTokens.hashOfBrowser(cookie) },
      codeExpiresAt: new Date(now() + codeTtlMs),
      expiresAt: new Date(expiresMs),
    };
    const [made] = await tx.insert(signIns).values(row).onConflictDoNothing().returning({ id: signIns.id });
    return made === undefined ? undefined : code;
  }
}

/** Holds the user until commit. */
async function lockActive(tx: TenantTx, userId: string): Promise<boolean> {
  const ofActiveTenant = tx.select({ id: tenants.tenantId }).from(tenants).where(eq(tenants.status, 'active'));
  const isActive = and(eq(users.id, userId), eq(users.status, 'active'), exists(ofActiveTenant));
  const [user] = await tx.select({ id: users.id }).from(users).where(isActive).for('share');
  return user !== undefined;
}

function failedEvent(reason: string, requestId: string | undefined): AuditEvent {
  const actor = { kind: 'system', id: 'login' } as const;
  const event = { action: 'login.failed', outcome: 'failure', actor, details: { method: 'oidc', reason } } as const;
  return requestId === undefined ? event : { ...event, requestId };
}

function succeededEvent(userId: string, requestId: string | undefined): AuditEvent {
  const who = { actor: { kind: 'user', id: userId }, resource: { kind: 'user', id: userId } } as const;
  const event = { action: 'login.succeeded', outcome: 'success', ...who, details: { method: 'oidc' } } as const;
  return requestId === undefined ? event : { ...event, requestId };
}

/** Signing in through the providers of a platform. */
export type SignIn = ReturnType<typeof createSignIn>;
