/**
 * The second factor of a user who signs in with a password: set up, confirmed, removed, or reset by an admin.
 *
 * Setting one up and removing it takes the password again, so that whoever finds a screen unlocked can do neither. It
 * counts from its confirmation: a secret that never reached the device locks nobody out.
 */

import { count, eq } from 'drizzle-orm';
import type { AuditLog } from '../../audit/index.ts';
import type { RequestContext } from '../../context.ts';
import { type Database, isId } from '../../db/index.ts';
import { AppError } from '../../errors.ts';
import type { Vault } from '../../vault/index.ts';
import { type Acting, actingUserId, assertMay, assertMayGrant, changeEvent } from '../acting.ts';
import { notFound } from '../refusals.ts';
import { heldRole } from '../roles/held-role.ts';
import { recoveryCodes, sessions, users } from '../tables.ts';
import type { OwnPassword } from '../users/own-password.ts';
import { useCode } from './code-check.ts';
import { createEnrolment, wrongCode } from './enrolment.ts';
import { eraseFactor, lockFactor } from './factor-rows.ts';
import { isAdministrator } from './requirement.ts';

/** What users see of their second factor. */
export interface SecondFactorView {
  /** `pending` until it is confirmed; only an `active` one is asked for. */
  readonly state: 'none' | 'pending' | 'active';
  /** Whether a session that began with the caller's password can do nothing else until it is active. */
  readonly isRequired: boolean;
  readonly recoveryCodesLeft: number;
  readonly activeSince: Date | null;
}

/** What second factors need. */
export interface SecondFactorsOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly ownPassword: OwnPassword;
  /** Whether admins who sign in with a password must have one. */
  readonly isRequiredOfAdmins: boolean;
  readonly now: () => number;
}

/** Makes the second factors. */
export function createSecondFactors(options: SecondFactorsOptions) {
  const { database, vault, audit, ownPassword, now } = options;

  return {
    ...createEnrolment(options),

    /** The caller's own. */
    async status(ctx: RequestContext): Promise<SecondFactorView> {
      const { userId } = ctx.principal;
      return database.withTenant(ctx, async (tx) => {
        const factor = await lockFactor(tx, userId);
        const [left] = await tx.select({ codes: count() }).from(recoveryCodes).where(eq(recoveryCodes.userId, userId));
        const [user] = await tx.select({ hash: users.passwordHashSealed }).from(users).where(eq(users.id, userId));
        const activeSince = factor?.confirmedAt ?? null;
        const inactive = factor === undefined ? 'none' : 'pending';
        return {
          state: activeSince === null ? inactive : 'active',
          isRequired: user?.hash != null && isRequiredOf(ctx),
          recoveryCodesLeft: left?.codes ?? 0,
          activeSince,
        };
      });
    },

    /**
     * Removes the caller's own factor.
     * @throws {AppError} request_invalid for a wrong password or code; resource_not_found; rate_limit_exceeded.
     */
    async remove(ctx: RequestContext, { password, code }: { password: string; code: string }): Promise<void> {
      const proof = await ownPassword.prove(ctx, password);
      const { userId } = ctx.principal;
      const tenantVault = await vault.forTenant(ctx);
      const outcome = await database.withTenant(ctx, async (tx) => {
        const used = await useCode(tx, tenantVault, userId, { code, nowMs: now() });
        const isRemoved = used === 'accepted' && (await eraseFactor(tx, userId));
        const event = changeEvent(ctx, 'second_factor.removed', { kind: 'user', id: userId }, {});
        if (used !== 'absent') await audit.append(tx, tenantVault, isRemoved ? event : { ...event, outcome: 'denied' });
        return used;
      });
      if (outcome === 'absent') throw notFound();
      if (outcome !== 'accepted') throw wrongCode();
      await proof.settle();
    },

    /**
     * Takes the factor of somebody who lost device and codes away, and ends their sessions.
     * @throws {AppError} permission_denied for the caller's own and for who may do more than the caller; resource_not_found.
     */
    async reset(acting: Acting, userId: string): Promise<void> {
      assertMay(acting, 'users:write');
      if (!isId('user', userId)) throw notFound();
      if (userId === actingUserId(acting)) {
        throw new AppError('permission_denied', { detail: 'Your own is removed with your password and a code.' });
      }
      const tenantVault = await vault.forTenant(acting);
      await database.withTenant(acting, async (tx) => {
        const { role, clearance, status } = users;
        const [user] = await tx
          .select({ role, clearance, status })
          .from(users)
          .where(eq(users.id, userId))
          .for('update');
        if (user === undefined || user.status === 'deleted') throw notFound();
        assertMayGrant(acting, { role: await heldRole(tx, user.role), clearance: user.clearance });
        if (!(await eraseFactor(tx, userId))) throw notFound();
        await tx.delete(sessions).where(eq(sessions.userId, userId));
        await audit.append(
          tx,
          tenantVault,
          changeEvent(acting, 'second_factor.reset', { kind: 'user', id: userId }, {}),
        );
      });
    },
  };

  function isRequiredOf(ctx: RequestContext): boolean {
    return options.isRequiredOfAdmins && isAdministrator({ ...ctx.principal, scopes: undefined });
  }
}

/** The second factors of a platform. */
export type SecondFactors = ReturnType<typeof createSecondFactors>;
