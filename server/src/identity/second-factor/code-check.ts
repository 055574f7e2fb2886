/**
 * Whether a code of a user's second factor is good, and good no longer once it was accepted.
 *
 * It runs in the transaction of what the code permits, with the row of the factor held: of two requests with one code, or
 * of one code sent twice, only the first succeeds.
 */

import { and, eq, isNotNull } from 'drizzle-orm';
import type { TenantTx } from '../../db/index.ts';
import type { TenantVault } from '../../vault/index.ts';
import { recoveryCodes, secondFactors } from '../tables.ts';
import { acceptedStep, isDeviceCode, typedCode } from './codes.ts';
import { recoveryCodeHash, secretCell } from './factor-rows.ts';

/** `absent`: the user has no second factor. `missing`: there is one, and no code was given. */
export type CodeOutcome = 'absent' | 'missing' | 'wrong' | 'accepted';

/** Checks and uses up a code. */
export async function useCode(
  tx: TenantTx,
  vault: TenantVault,
  userId: string,
  { code, nowMs }: { readonly code: string | undefined; readonly nowMs: number },
): Promise<CodeOutcome> {
  const { secretSealed, lastStep } = secondFactors;
  const [factor] = await tx
    .select({ secretSealed, lastStep })
    .from(secondFactors)
    .where(and(eq(secondFactors.userId, userId), isNotNull(secondFactors.confirmedAt)))
    .for('update');
  if (factor === undefined) return 'absent';
  if (code === undefined) return 'missing';
  const typed = typedCode(code);
  if (!isDeviceCode(typed)) return useRecoveryCode(tx, vault, userId, typed);
  const step = acceptedStep(vault.open(secretCell(userId), factor.secretSealed), typed, nowMs, factor.lastStep);
  if (step === undefined) return 'wrong';
  await tx.update(secondFactors).set({ lastStep: step }).where(eq(secondFactors.userId, userId));
  return 'accepted';
}

async function useRecoveryCode(tx: TenantTx, vault: TenantVault, userId: string, typed: string): Promise<CodeOutcome> {
  const isThis = and(
    eq(recoveryCodes.userId, userId),
    eq(recoveryCodes.codeHash, recoveryCodeHash(vault, userId, typed)),
  );
  const used = await tx.delete(recoveryCodes).where(isThis).returning({ userId: recoveryCodes.userId });
  return used.length > 0 ? 'accepted' : 'wrong';
}
