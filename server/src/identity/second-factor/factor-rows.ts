/** How second factors and recovery codes are stored. */

import { eq } from 'drizzle-orm';
import type { TenantTx } from '../../db/index.ts';
import type { Cell, TenantVault } from '../../vault/index.ts';
import { recoveryCodes, secondFactors } from '../tables.ts';
import { typedCode } from './codes.ts';

/** Where the secret of a user's factor is sealed. */
export function secretCell(userId: string): Cell {
  return { table: 'second_factors', rowId: userId, column: 'secret' };
}

/** What is stored of a recovery code. */
export function recoveryCodeHash(vault: TenantVault, userId: string, code: string): Uint8Array {
  return vault.digest('recovery code', `${userId}\u0000${typedCode(code)}`);
}

/** The factor of a user, held until commit. */
export async function lockFactor(tx: TenantTx, userId: string) {
  const [factor] = await tx.select().from(secondFactors).where(eq(secondFactors.userId, userId)).for('update');
  return factor;
}

/** Removes factor and recovery codes; false when there was none. */
export async function eraseFactor(tx: TenantTx, userId: string): Promise<boolean> {
  await tx.delete(recoveryCodes).where(eq(recoveryCodes.userId, userId));
  const erased = await tx.delete(secondFactors).where(eq(secondFactors.userId, userId)).returning();
  return erased.length > 0;
}
