/**
 * What users do with their own password: prove that they know it, and change it.
 *
 * A wrong password here counts like one at login, for the same address, so that a stolen session is no way to guess it.
 */

import { and, eq, ne } from 'drizzle-orm';
import type { AuditLog } from '../../audit/index.ts';
import type { RequestContext } from '../../context.ts';
import type { Database } from '../../db/index.ts';
import { AppError } from '../../errors.ts';
import type { Vault } from '../../vault/index.ts';
import { changeEvent } from '../acting.ts';
import type { LoginFailures } from '../credentials/login-failures.ts';
import { type Passwords, passwordCell } from '../credentials/passwords.ts';
import { invalidField, notFound } from '../refusals.ts';
import { sessions, users } from '../tables.ts';

/** What own passwords need. */
export interface OwnPasswordOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly passwords: Passwords;
  readonly failures: LoginFailures;
  readonly now: () => number;
}

/** A password that was right. */
export interface PasswordProof {
  readonly email: string;
  readonly passwordHashSealed: Uint8Array;
  /** Forgets the attempts that were counted; for when everything else that was asked for was right too. */
  readonly settle: () => Promise<void>;
}

/** Makes the operations on own passwords. */
export function createOwnPassword({ database, vault, audit, passwords, failures, now }: OwnPasswordOptions) {
  /**
   * Checks the caller's password.
   * @param pointer the field that it came in.
   * @throws {AppError} request_invalid; rate_limit_exceeded after too many; state_conflict for who has no password.
   */
  async function prove(ctx: RequestContext, password: string, pointer = '/password'): Promise<PasswordProof> {
    const { userId } = ctx.principal;
    const { email, passwordHashSealed } = users;
    const [user] = await database.withTenant(ctx, (tx) =>
      tx.select({ email, passwordHashSealed }).from(users).where(eq(users.id, userId)),
    );
    if (user === undefined) throw notFound();
    const sealed = user.passwordHashSealed;
    if (sealed === null) throw new AppError('state_conflict', { detail: 'You do not sign in with a password here.' });
    await failures.begin(user.email);
    const tenantVault = await vault.forTenant(ctx);
    if (!(await passwords.verify(tenantVault.open(passwordCell(userId), sealed), password))) {
      const event = changeEvent(ctx, 'password.checked', { kind: 'user', id: userId }, {});
      await database.withTenant(ctx, (tx) => audit.append(tx, tenantVault, { ...event, outcome: 'failure' }));
      throw invalidField(pointer, 'This is not your password.');
    }
    return { email: user.email, passwordHashSealed: sealed, settle: () => failures.forgive(user.email) };
  }

  return {
    prove,

    /** Sets another password and ends the caller's other sessions. @throws {AppError} like `prove`. */
    async change(ctx: RequestContext, { current, next }: { current: string; next: string }): Promise<void> {
      const proof = await prove(ctx, current, '/current');
      if (current === next) throw invalidField('/new', 'Use another password than the one you have.');
      const { userId, credential } = ctx.principal;
      const hash = await passwords.hash(next, '/new');
      const tenantVault = await vault.forTenant(ctx);
      const passwordHashSealed = tenantVault.seal(passwordCell(userId), hash, 'secret');
      await database.withTenant(ctx, async (tx) => {
        const isUnchanged = and(eq(users.id, userId), eq(users.passwordHashSealed, proof.passwordHashSealed));
        const changed = await tx
          .update(users)
          .set({ passwordHashSealed, updatedAt: new Date(now()) })
          .where(isUnchanged)
          .returning({ id: users.id });
        if (changed.length === 0) throw new AppError('state_conflict', { detail: 'It was changed at the same time.' });
        await tx.delete(sessions).where(and(eq(sessions.userId, userId), ne(sessions.id, credential.id)));
        await audit.append(tx, tenantVault, changeEvent(ctx, 'password.changed', { kind: 'user', id: userId }, {}));
      });
      await proof.settle();
    },
  };
}

/** The operations on own passwords. */
export type OwnPassword = ReturnType<typeof createOwnPassword>;
