/** Whose a break-glass token is: an operator's, in the tenant of its access and nowhere else. */

import { and, eq } from 'drizzle-orm';
import type { Database } from '../../db/index.ts';
import { isSameSecret, type OpaqueTokens } from '../credentials/opaque-tokens.ts';
import { type Authenticated, authenticatedFrom } from '../principal.ts';
import { authenticationRequired } from '../refusals.ts';
import { breakGlassAccesses, operatorKeys, tenants } from '../tables.ts';
import { accessColumns, isOfOperator, isOfTenant, isStanding } from './access-rows.ts';

/** What the authentication of break-glass tokens needs. */
export interface BreakGlassAuthenticationOptions {
  readonly database: Database;
  readonly opaqueTokens: OpaqueTokens;
  readonly now: () => number;
}

/** Makes the authentication of break-glass tokens. The function it returns throws authentication_required. */
export function createBreakGlassAuthentication({ database, opaqueTokens, now }: BreakGlassAuthenticationOptions) {
  return async function authenticateBreakGlass(credential: string): Promise<Authenticated> {
    const presented = opaqueTokens.parseKey('breakGlass', credential);
    if (presented === undefined) throw authenticationRequired('This is not a break-glass token.');
    const [row] = await database.asSystem('identity.authenticate', (tx) =>
      tx
        .select({ ...accessColumns, secretHash: breakGlassAccesses.secretHash })
        .from(breakGlassAccesses)
        .innerJoin(operatorKeys, isOfOperator)
        .innerJoin(tenants, isOfTenant)
        .where(and(eq(breakGlassAccesses.id, presented.id), isStanding(new Date(now())))),
    );
    // A row that is not there costs the comparison too.
    const isSame = isSameSecret(presented.hash, row?.secretHash ?? new Uint8Array(presented.hash.length));
    if (row === undefined || !isSame) throw authenticationRequired('The break-glass access does not stand.');
    return authenticatedFrom(row, { kind: 'break_glass', id: row.credentialId });
  };
}
