/**
 * Whether callers whose requests are under way would still be let in, with the same rights.
 *
 * Authentication reads the rows when a request begins; a long answer outlives that look. The rows alone decide, so it
 * does not matter which process ended a session, revoked a key or changed a user, nor whether a message of it arrived.
 */

import { and, type Column, eq, gt, isNull, type SQL, sql } from 'drizzle-orm';
import { unionAll } from 'drizzle-orm/pg-core';
import { exceeds } from '../../access/index.ts';
import type { Principal } from '../../context.ts';
import type { Database, SystemTx } from '../../db/index.ts';
import { accessColumns, isOfOperator, isOfTenant, isStanding } from '../break-glass/access-rows.ts';
import { identityProviders, userIdentities } from '../federation/tables.ts';
import { type Authenticated, authenticatedFrom, principalColumns } from '../principal.ts';
import { isRoleOfUser } from '../roles/held-role.ts';
import { apiKeys, breakGlassAccesses, operatorKeys, roles, sessions, tenants, users } from '../tables.ts';

/** What the look needs. */
export interface StillStandingOptions {
  readonly database: Database;
  readonly now: () => number;
}

/** Makes the look. */
export function createStillStanding({ database, now }: StillStandingOptions) {
  return async function stillStanding(callers: readonly Authenticated[]): Promise<ReadonlySet<Authenticated>> {
    if (callers.length === 0) return new Set();
    const rows = await database.asSystem('identity.standing', (tx) => standingRows(tx, callers, new Date(now())));
    const standing = new Map(rows.map((row) => [row.credentialId, row]));
    const stands = ({ principal }: Authenticated) => {
      const row = standing.get(principal.credential.id);
      if (row?.userId !== principal.userId) return false;
      return !exceeds(principal, authenticatedFrom(row, principal.credential, row.scopes ?? undefined).principal);
    };
    return new Set(callers.filter(stands));
  };
}

/** A row for each credential that stands, with the rights of its user as they are. */
function standingRows(tx: SystemTx, callers: readonly Authenticated[], at: Date) {
  const isActive = and(eq(users.status, 'active'), eq(tenants.status, 'active'));
  const ofSessions = tx
    .select({ credentialId: sessions.id, ...principalColumns, scopes: sql<string[] | null>`null::text[]` })
    .from(sessions)
    .innerJoin(users, and(eq(users.tenantId, sessions.tenantId), eq(users.id, sessions.userId)))
    .innerJoin(tenants, eq(tenants.tenantId, sessions.tenantId))
    .leftJoin(roles, isRoleOfUser)
    .where(and(isOneOf(sessions, callers, 'session'), gt(sessions.expiresAt, at), isActive));
  const ofKeys = tx
    .select({ credentialId: apiKeys.id, ...principalColumns, scopes: sql<string[] | null>`${apiKeys.scopes}` })
    .from(apiKeys)
    .innerJoin(users, and(eq(users.tenantId, apiKeys.tenantId), eq(users.id, apiKeys.userId)))
    .innerJoin(tenants, eq(tenants.tenantId, apiKeys.tenantId))
    .leftJoin(roles, isRoleOfUser)
    .where(and(isOneOf(apiKeys, callers, 'api_key'), isNull(apiKeys.revokedAt), gt(apiKeys.expiresAt, at), isActive));
  const isTaken = and(
    eq(identityProviders.tenantId, userIdentities.tenantId),
    eq(identityProviders.issuer, userIdentities.issuer),
  );
  const ofTokens = tx
    .select({ credentialId: userIdentities.id, ...principalColumns, scopes: sql<string[] | null>`null::text[]` })
    .from(userIdentities)
    .innerJoin(identityProviders, and(isTaken, eq(identityProviders.acceptsAccessTokens, true)))
    .innerJoin(users, and(eq(users.tenantId, userIdentities.tenantId), eq(users.id, userIdentities.userId)))
    .innerJoin(tenants, eq(tenants.tenantId, userIdentities.tenantId))
    .leftJoin(roles, isRoleOfUser)
    .where(and(isOneOf(userIdentities, callers, 'federated'), isActive));
  const ofOperators = tx
    .select({ ...accessColumns, scopes: sql<string[] | null>`null::text[]` })
    .from(breakGlassAccesses)
    .innerJoin(operatorKeys, isOfOperator)
    .innerJoin(tenants, isOfTenant)
    .where(and(isOneOf(breakGlassAccesses, callers, 'break_glass'), isStanding(at)));
  return unionAll(ofSessions, ofKeys, ofTokens, ofOperators);
}

/** Names rows by the whole primary key, so that each is one step in its index. */
function isOneOf(
  table: { readonly tenantId: Column; readonly id: Column },
  callers: readonly Authenticated[],
  kind: Principal['credential']['kind'],
): SQL {
  const named = new Map(
    callers.flatMap(({ tenantId, principal: { credential } }) =>
      credential.kind === kind ? [[credential.id, tenantId] as const] : [],
    ),
  );
  const tenantIds = sql.param([...named.values()]);
  const ids = sql.param([...named.keys()]);
  return sql`(${table.tenantId}, ${table.id}) in (select * from unnest(${tenantIds}::text[], ${ids}::text[]))`;
}
