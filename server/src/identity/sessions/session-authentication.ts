/** Who an access token belongs to: the rows of its session, user and tenant, read on every request. */

import { and, eq } from 'drizzle-orm';
import type { Database } from '../../db/index.ts';
import type { AccessClaims } from '../credentials/access-tokens.ts';
import { type Authenticated, authenticatedFrom, principalColumns } from '../principal.ts';
import { authenticationRequired } from '../refusals.ts';
import { isRoleOfUser } from '../roles/held-role.ts';
import { isAdministrator, scopesWithoutFactor } from '../second-factor/requirement.ts';
import { roles, secondFactors, sessions, tenants, users } from '../tables.ts';

/** What the authentication of sessions needs. */
export interface SessionAuthenticationOptions {
  readonly database: Database;
  /** Whether admins who sign in with a password must have a second factor. */
  readonly isFactorRequiredOfAdmins: boolean;
  readonly now: () => number;
}

/** Makes the authentication of sessions. The function it returns throws authentication_required. */
export function createSessionAuthentication({ database, isFactorRequiredOfAdmins, now }: SessionAuthenticationOptions) {
  return async function authenticateSession({ tenantId, userId, sessionId }: AccessClaims): Promise<Authenticated> {
    const isActive = and(eq(users.status, 'active'), eq(tenants.status, 'active'));
    const [row] = await database.withTenant({ tenantId }, (tx) =>
      tx
        .select({
          ...principalColumns,
          expiresAt: sessions.expiresAt,
          proof: sessions.proof,
          factorConfirmedAt: secondFactors.confirmedAt,
        })
        .from(sessions)
        .innerJoin(users, and(eq(users.tenantId, sessions.tenantId), eq(users.id, sessions.userId)))
        .innerJoin(tenants, eq(tenants.tenantId, sessions.tenantId))
        .leftJoin(roles, isRoleOfUser)
        .leftJoin(secondFactors, and(eq(secondFactors.tenantId, users.tenantId), eq(secondFactors.userId, users.id)))
        .where(and(eq(sessions.id, sessionId), eq(sessions.userId, userId), isActive)),
    );
    if (row === undefined || row.expiresAt.getTime() <= now()) throw authenticationRequired('The session is over.');
    const caller = authenticatedFrom(row, { kind: 'session', id: sessionId });
    const lacksFactor = isFactorRequiredOfAdmins && row.proof === 'password' && row.factorConfirmedAt === null;
    if (!lacksFactor || !isAdministrator(caller.principal)) return caller;
    return { ...caller, principal: { ...caller.principal, scopes: scopesWithoutFactor } };
  };
}
