/** How a second factor begins: a secret for the device, and a first code that shows that it arrived. */

import { and, eq, isNull, ne } from 'drizzle-orm';
import type { AuditLog } from '../../audit/index.ts';
import type { RequestContext } from '../../context.ts';
import type { Database } from '../../db/index.ts';
import { AppError } from '../../errors.ts';
import type { Vault } from '../../vault/index.ts';
import { changeEvent } from '../acting.ts';
import { invalidField, notFound } from '../refusals.ts';
import { recoveryCodes, secondFactors, sessions, tenants } from '../tables.ts';
import type { OwnPassword } from '../users/own-password.ts';
import { acceptedStep, newRecoveryCodes, newSecret, secretUri, typedCode } from './codes.ts';
import { lockFactor, recoveryCodeHash, secretCell } from './factor-rows.ts';

/** A secret for a device, shown this once. */
export interface NewSecondFactor {
  readonly secret: string;
  /** The same as an `otpauth://` address, for a QR code. */
  readonly uri: string;
}

/** What enrolment needs. */
export interface EnrolmentOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly ownPassword: OwnPassword;
  readonly now: () => number;
}

/** Names us in authenticator apps. */
const issuer = 'genai-platform';

/** Makes the enrolment. */
export function createEnrolment({ database, vault, audit, ownPassword, now }: EnrolmentOptions) {
  return {
    /**
     * Makes a secret for the caller's device; an earlier one that was never confirmed is replaced.
     * @throws {AppError} request_invalid for a wrong password; state_conflict when a factor is active or there is no password.
     */
    async enrol(ctx: RequestContext, password: string): Promise<NewSecondFactor> {
      const proof = await ownPassword.prove(ctx, password);
      const { userId } = ctx.principal;
      const tenantVault = await vault.forTenant(ctx);
      const secret = newSecret();
      const secretSealed = tenantVault.seal(secretCell(userId), secret, 'secret');
      const slug = await database.withTenant(ctx, async (tx) => {
        const factor = await lockFactor(tx, userId);
        if (factor !== undefined && factor.confirmedAt !== null) throw alreadyActive();
        const [stored] = await tx
          .insert(secondFactors)
          .values({ tenantId: ctx.tenantId, userId, secretSealed })
          .onConflictDoUpdate({
            target: [secondFactors.tenantId, secondFactors.userId],
            set: { secretSealed, createdAt: new Date(now()) },
            setWhere: isNull(secondFactors.confirmedAt),
          })
          .returning({ userId: secondFactors.userId });
        if (stored === undefined) throw alreadyActive();
        await audit.append(
          tx,
          tenantVault,
          changeEvent(ctx, 'second_factor.enrolled', { kind: 'user', id: userId }, {}),
        );
        const [tenant] = await tx.select({ slug: tenants.slug }).from(tenants);
        return tenant?.slug ?? '';
      });
      await proof.settle();
      return { secret, uri: secretUri(secret, `${issuer} ${slug}`, proof.email) };
    },

    /**
     * Makes the factor count, with a first code of the device; returns the recovery codes, which are shown this once. The
     * caller's other sessions, which began without it, end.
     * @throws {AppError} request_invalid for a wrong code; resource_not_found, state_conflict.
     */
    async confirm(ctx: RequestContext, code: string): Promise<readonly string[]> {
      const { userId, credential } = ctx.principal;
      const tenantVault = await vault.forTenant(ctx);
      const codes = newRecoveryCodes();
      await database.withTenant(ctx, async (tx) => {
        const factor = await lockFactor(tx, userId);
        if (factor === undefined) throw notFound();
        if (factor.confirmedAt !== null) throw alreadyActive();
        const secret = tenantVault.open(secretCell(userId), factor.secretSealed);
        const step = acceptedStep(secret, typedCode(code), now(), factor.lastStep);
        if (step === undefined) throw wrongCode();
        const change = { confirmedAt: new Date(now()), lastStep: step };
        await tx.update(secondFactors).set(change).where(eq(secondFactors.userId, userId));
        const hashes = codes.map((each) => recoveryCodeHash(tenantVault, userId, each));
        await tx.insert(recoveryCodes).values(hashes.map((codeHash) => ({ tenantId: ctx.tenantId, userId, codeHash })));
        await tx.delete(sessions).where(and(eq(sessions.userId, userId), ne(sessions.id, credential.id)));
        await audit.append(
          tx,
          tenantVault,
          changeEvent(ctx, 'second_factor.confirmed', { kind: 'user', id: userId }, {}),
        );
      });
      return codes;
    },
  };
}

/** The answer to a code that does not do, of somebody who is signed in. */
export function wrongCode(): AppError {
  return invalidField('/code', 'This is not a code of this moment. Look at the clock of the device.');
}

function alreadyActive(): AppError {
  return new AppError('state_conflict', { detail: 'A second factor is active; remove it first.' });
}
