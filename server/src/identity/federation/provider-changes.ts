/**
 * Changes of the identity provider of a tenant, by its admins, and the way back in, by an operator.
 *
 * Nobody gives by a rule what they could not give by hand. The client secret is sealed for exactly this issuer and client:
 * when either changes the stored one goes, and it would not open for another one anyway.
 */

import { and, eq, ne } from 'drizzle-orm';
import type { AuditLog } from '../../audit/index.ts';
import type { Database, TenantTx } from '../../db/index.ts';
import { AppError } from '../../errors.ts';
import type { Vault } from '../../vault/index.ts';
import { type Acting, assertMay, assertMayGrant, changeEvent, type OperatorScope } from '../acting.ts';
import { notFound } from '../refusals.ts';
import { roleToGive } from '../roles/held-role.ts';
import { sessions, users } from '../tables.ts';
import type { Issuers } from './issuers/issuers.ts';
import { checkedProvider, checkedSecret, type NewProvider, type ProviderSettings } from './provider-input.ts';
import { findProvider, type Provider, secretCell } from './stored-provider.ts';
import { identityProviders, userIdentities } from './tables.ts';

/** What changes need. */
export interface ProviderChangesOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly issuers: Issuers;
  readonly now: () => number;
}

/** Makes the changes. */
export function createProviderChanges({ database, vault, audit, issuers, now }: ProviderChangesOptions) {
  return {
    /**
     * Sets all there is to say about the provider.
     * @throws {AppError} request_invalid; permission_denied or classification_denied for rules that give more than the
     * caller has; state_conflict when passwords would be refused before an admin has shown that the provider works.
     */
    async set(acting: Acting, input: NewProvider): Promise<Provider> {
      assertMay(acting, 'identity_provider:write');
      const settings = checkedProvider(input);
      const { tenantId } = acting;
      const { clientSecret } = input;
      const tenantVault = await vault.forTenant(acting);
      const cell = secretCell({ tenantId, ...settings });
      const given =
        typeof clientSecret === 'string' ? tenantVault.seal(cell, checkedSecret(clientSecret), 'secret') : null;
      const provider = await database.withTenant(acting, async (tx) => {
        await assertMayGrantAll(tx, acting, settings);
        const before = (await tx.select().from(identityProviders).for('no key update'))[0];
        const isSameClient = before?.issuer === settings.issuer && before.clientId === settings.clientId;
        const kept = clientSecret === undefined && isSameClient ? before.clientSecretSealed : null;
        if (settings.signInRequired) await requireSignIn(tx, acting, settings.issuer, before?.signInRequired === true);
        const row = { ...mutable(settings), clientSecretSealed: given ?? kept, updatedAt: new Date(now()) };
        const [after] = await tx
          .insert(identityProviders)
          .values({ tenantId, ...row })
          .onConflictDoUpdate({ target: identityProviders.tenantId, set: row })
          .returning();
        if (after === undefined) throw new Error('A row that was written must come back.');
        const secret = secretOutcome(before?.clientSecretSealed ?? null, given, kept);
        await audit.append(tx, tenantVault, providerEvent(acting, 'identity_provider.set', settings, { secret }));
        return after;
      });
      issuers.forget(tenantId);
      return provider;
    },

    /** Passwords are good again, and nobody signs in through the provider. @throws {AppError} resource_not_found. */
    async remove(acting: Acting): Promise<void> {
      assertMay(acting, 'identity_provider:write');
      const tenantVault = await vault.forTenant(acting);
      await database.withTenant(acting, async (tx) => {
        const [removed] = await tx.delete(identityProviders).returning();
        if (removed === undefined) throw notFound();
        await audit.append(tx, tenantVault, providerEvent(acting, 'identity_provider.removed', removed, {}));
      });
      issuers.forget(acting.tenantId);
    },

    /** For operators, when nobody of a tenant can sign in any more: passwords are good again. @throws {AppError} resource_not_found. */
    async allowPasswords(operator: OperatorScope): Promise<void> {
      // Asked for first: a tenant that is not there must not get keys.
      if ((await database.withTenant(operator, findProvider)) === undefined) throw notFound();
      const tenantVault = await vault.forTenant(operator);
      await database.withTenant(operator, async (tx) => {
        const change = { signInRequired: false, updatedAt: new Date(now()) };
        const [after] = await tx.update(identityProviders).set(change).returning();
        if (after === undefined) throw notFound();
        await audit.append(tx, tenantVault, providerEvent(operator, 'identity_provider.passwords_allowed', after, {}));
      });
    },
  };
}

/**
 * Refusing passwords must lock nobody out by mistake, so an admin has signed in through this very issuer before. Everybody
 * else signs in anew, since their sessions may have begun with a password.
 */
async function requireSignIn(tx: TenantTx, acting: Acting, issuer: string, wasRequired: boolean): Promise<void> {
  const isWorkingAdmin = and(eq(users.role, 'admin'), eq(users.status, 'active'), eq(userIdentities.issuer, issuer));
  const [admin] = await tx
    .select({ id: users.id })
    .from(userIdentities)
    .innerJoin(users, and(eq(users.tenantId, userIdentities.tenantId), eq(users.id, userIdentities.userId)))
    .where(isWorkingAdmin)
    .limit(1);
  if (admin === undefined) {
    throw new AppError('state_conflict', {
      detail: 'Sign in through this provider as an admin once before you require it of everybody.',
    });
  }
  if (wasRequired) return;
  const own = 'principal' in acting ? acting.principal.credential.id : '';
  await tx.delete(sessions).where(ne(sessions.id, own));
}

/** Nobody gives by a rule what they could not give by hand. */
async function assertMayGrantAll(
  tx: TenantTx,
  acting: Acting,
  { rules, defaultRole, defaultClearance }: ProviderSettings,
): Promise<void> {
  const named = rules.map(({ role }, index) => ({ role, pointer: `/rules/${index}/role` }));
  for (const { role, pointer } of [...named, { role: defaultRole ?? undefined, pointer: '/default_role' }]) {
    if (role !== undefined) assertMayGrant(acting, { role: await roleToGive(tx, role, pointer) });
  }
  const clearances = [...rules.map(({ clearance }) => clearance), defaultClearance ?? undefined];
  for (const clearance of clearances) if (clearance !== undefined) assertMayGrant(acting, { clearance });
}

/** What became of the client secret, for the audit log. */
function secretOutcome(before: Uint8Array | null, given: Uint8Array | null, kept: Uint8Array | null): string {
  if (given !== null) return 'given';
  if (kept !== null) return 'kept';
  return before === null ? 'none' : 'voided';
}

function mutable({ scopes, algorithms, ...settings }: ProviderSettings) {
  return { ...settings, scopes: [...scopes], algorithms: [...algorithms] };
}

function providerEvent(
  acting: Acting,
  action: string,
  { issuer, clientId, signInRequired }: Pick<ProviderSettings, 'issuer' | 'clientId' | 'signInRequired'>,
  extra: Readonly<Record<string, string>>,
) {
  const details = { issuer, client_id: clientId, sign_in_required: signInRequired, ...extra };
  return changeEvent(acting, action, { kind: 'identity_provider', id: acting.tenantId }, { details });
}
