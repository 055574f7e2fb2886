/**
 * Which user somebody is whom the provider of a tenant vouches for, and what they may do from now on.
 *
 * A subject of the issuer is one user for good. Before that, somebody unknown becomes a user, or is taken for the one with
 * the same address, only where the admin allowed it. Every sign-in applies the rules anew, so what the provider takes away
 * is gone with the next one.
 */

import { and, eq, inArray, type SQL } from 'drizzle-orm';
import type { Role } from '../../access/index.ts';
import type { AuditEvent, AuditLog } from '../../audit/index.ts';
import { type Classification, isWithinClearance } from '../../context.ts';
import { newId, type TenantTx } from '../../db/index.ts';
import type { TenantVault } from '../../vault/index.ts';
import { findRole, heldRole } from '../roles/held-role.ts';
import { sessions, users } from '../tables.ts';
import { externalIdHash } from '../users/external-id.ts';
import type { Vouched } from './issuers/provider-answer.ts';
import { type Claims, personFromClaims, rightsFromClaims, textClaim } from './mapping.ts';
import type { Provider } from './stored-provider.ts';
import { identityProviders, userIdentities } from './tables.ts';

/** Why somebody whom the provider vouches for does not get in; for the tenant's audit log. */
export type Refusal =
  | 'no_access'
  | 'unknown_user'
  | 'no_address'
  | 'address_taken'
  | 'user_has_more'
  | 'user_not_active';

/** Somebody whom a provider vouches for, and which one. */
interface Newcomer extends Vouched {
  readonly provider: Provider;
}

/** What the rules give somebody. */
interface Rights {
  readonly role: Role;
  readonly clearance: Classification;
}

/** A user as sign-ins see them. */
interface KnownUser {
  readonly id: string;
  readonly role: string;
  readonly clearance: Classification;
  readonly status: string;
}

const columns = { id: users.id, role: users.role, clearance: users.clearance, status: users.status };

/** Under which a subject is found again; under a key of the tenant, so that it says nothing elsewhere. */
export function subjectDigest(vault: TenantVault, issuer: string, subject: string): Uint8Array {
  return vault.digest('identity subject', JSON.stringify([issuer, subject]));
}

/** Makes the look-up, whose steps and audit events are in the caller's transaction. */
export function createFederatedUsers(audit: AuditLog, now: () => number) {
  /** The user of a subject, held until commit, with what the rules give them from now on; or why there is none. */
  return async function enter(
    tx: TenantTx,
    vault: TenantVault,
    vouched: Newcomer,
  ): Promise<{ readonly userId: string } | { readonly refused: Refusal }> {
    const { provider, claims, subject } = vouched;
    const digest = subjectDigest(vault, provider.issuer, subject);
    const known = await findBySubject(tx, provider.issuer, digest);
    const rights = await rightsOf(tx, provider, claims);
    if (rights === undefined) {
      // Whoever could not sign in now must not go on with what they signed in to before.
      if (known !== undefined) await tx.delete(sessions).where(eq(sessions.userId, known.id));
      return { refused: 'no_access' };
    }
    const user = known ?? (await firstSignIn(tx, vault, vouched, digest, rights));
    if ('refused' in user) return user;
    if (user.status !== 'active') return { refused: 'user_not_active' };
    await tx
      .update(userIdentities)
      .set({ lastSignInAt: new Date(now()) })
      .where(isSubject(provider.issuer, digest));
    await apply(tx, vault, user, rights);
    return { userId: user.id };
  };

  /** First sign-ins of a tenant come one after the other, so that two of one person make one user. */
  async function firstSignIn(
    tx: TenantTx,
    vault: TenantVault,
    { provider, claims }: Newcomer,
    digest: Uint8Array,
    rights: Rights,
  ): Promise<KnownUser | { readonly refused: Refusal }> {
    const [standing] = await tx.select({ issuer: identityProviders.issuer }).from(identityProviders).for('update');
    if (standing?.issuer !== provider.issuer) return { refused: 'unknown_user' };
    const sameSubject = await findBySubject(tx, provider.issuer, digest);
    if (sameSubject !== undefined) return sameSubject;
    const same = await sameUser(tx, vault, provider, claims);
    const user = same ?? (await provisioned(tx, vault, provider, claims, rights));
    if ('refused' in user) return user;
    if (user.status !== 'active') return { refused: 'user_not_active' };
    if (!(await isCovered(tx, user, rights))) return { refused: 'user_has_more' };
    const { tenantId, issuer } = provider;
    await tx
      .insert(userIdentities)
      .values({ tenantId, id: newId('identity'), userId: user.id, issuer, subjectDigest: digest });
    await audit.append(tx, vault, event('identity.linked', user.id, { issuer }));
    return user;
  }

  async function provisioned(
    tx: TenantTx,
    vault: TenantVault,
    { tenantId, provisionsUsers }: Provider,
    claims: Claims,
    { role, clearance }: Rights,
  ): Promise<KnownUser | { readonly refused: Refusal }> {
    const { email, name, isEmailVerified } = personFromClaims(claims);
    if (!provisionsUsers) return { refused: 'unknown_user' };
    // An address that the provider itself does not believe could be anybody's.
    if (email === undefined || isEmailVerified === false) return { refused: 'no_address' };
    const row = { tenantId, id: newId('user'), email, name, role: role.name, clearance };
    const [user] = await tx.insert(users).values(row).onConflictDoNothing().returning(columns);
    if (user === undefined) return { refused: 'address_taken' };
    const made = event('user.created', user.id, { role: role.name, clearance });
    await audit.append(tx, vault, { ...made, personal: { email, name } });
    return user;
  }

  async function apply(tx: TenantTx, vault: TenantVault, user: KnownUser, { role, clearance }: Rights): Promise<void> {
    if (user.role === role.name && user.clearance === clearance) return;
    const change = { role: role.name, clearance, updatedAt: new Date(now()) };
    await tx.update(users).set(change).where(eq(users.id, user.id));
    const details = { changed: ['role', 'clearance'], role: role.name, clearance };
    await audit.append(tx, vault, event('user.updated', user.id, details));
  }
}

/** Nobody is this user any more, whatever a provider says. */
export async function forgetIdentities(tx: TenantTx, userId: string): Promise<void> {
  await tx.delete(userIdentities).where(eq(userIdentities.userId, userId));
}

/** A rule may name a role that was removed since; it then gives nothing. */
async function rightsOf(tx: TenantTx, provider: Provider, claims: Claims): Promise<Rights | undefined> {
  const mapped = rightsFromClaims(claims, provider);
  const role = mapped === undefined ? undefined : await findRole(tx, mapped.role);
  return mapped === undefined || role === undefined ? undefined : { role, clearance: mapped.clearance };
}

/** The user who is the same person by what the admin allowed to go by, held until commit. */
async function sameUser(
  tx: TenantTx,
  vault: TenantVault,
  { linksByClaim, linksByEmail }: Provider,
  claims: Claims,
): Promise<KnownUser | { readonly refused: Refusal } | undefined> {
  const find = async (condition: SQL) =>
    (await tx.select(columns).from(users).where(condition).for('no key update'))[0];
  const externalId = linksByClaim === null ? undefined : textClaim(claims, linksByClaim);
  const sameId =
    externalId === undefined ? undefined : await find(eq(users.externalIdHash, externalIdHash(vault, externalId)));
  if (sameId !== undefined) return sameId;
  const { email, isEmailVerified } = personFromClaims(claims);
  const sameAddress = email === undefined ? undefined : await find(eq(users.email, email));
  if (sameAddress === undefined) return undefined;
  return linksByEmail && isEmailVerified === true ? sameAddress : { refused: 'address_taken' };
}

/**
 * Whether somebody who has not signed in as this user before may begin to: never as one who has more than the rules give,
 * or an admin could become their better by way of a provider of their own.
 */
async function isCovered(tx: TenantTx, user: KnownUser, rights: Rights): Promise<boolean> {
  const { permissions } = await heldRole(tx, user.role);
  const isWithin = [...permissions].every((name) => rights.role.permissions.has(name));
  return isWithin && isWithinClearance(user.clearance, rights.clearance);
}

function isSubject(issuer: string, digest: Uint8Array) {
  return and(eq(userIdentities.issuer, issuer), eq(userIdentities.subjectDigest, digest));
}

/** The user is held until commit. */
async function findBySubject(tx: TenantTx, issuer: string, digest: Uint8Array): Promise<KnownUser | undefined> {
  const userId = tx.select({ id: userIdentities.userId }).from(userIdentities).where(isSubject(issuer, digest));
  const [user] = await tx.select(columns).from(users).where(inArray(users.id, userId)).for('no key update');
  return user;
}

function event(action: string, userId: string, details: NonNullable<AuditEvent['details']>): AuditEvent {
  const actor = { kind: 'system', id: 'identity_provider' } as const;
  return { action, outcome: 'success', actor, resource: { kind: 'user', id: userId }, details };
}
