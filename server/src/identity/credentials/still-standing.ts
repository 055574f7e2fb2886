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
import type { Authenticated } from '../sessions/sessions.ts';
import { apiKeys, sessions, tenants, users } from '../tables.ts';

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
    const isStanding = ({ principal }: Authenticated) => {
      const row = standing.get(principal.credential.id);
      return row?.userId === principal.userId && !exceeds(principal, principalNow(principal, row));
    };
    return new Set(callers.filter(isStanding));
  };
}

/** The principal that the credential would give now. */
function principalNow(before: Principal, { role, clearance, scopes }: StandingRow): Principal {
  return { ...before, role, clearance, scopes: scopes ?? undefined };
}

type StandingRow = Awaited<ReturnType<typeof standingRows>>[number];

/** A row for each credential that stands, with the rights of its user as they are. */
function standingRows(tx: SystemTx, callers: readonly Authenticated[], at: Date) {
  const isActive = and(eq(users.status, 'active'), eq(tenants.status, 'active'));
  const rights = { userId: users.id, role: users.role, clearance: users.clearance };
  const ofSessions = tx
    .select({ credentialId: sessions.id, ...rights, scopes: sql<string[] | null>`null::text[]` })
    .from(sessions)
    .innerJoin(users, and(eq(users.tenantId, sessions.tenantId), eq(users.id, sessions.userId)))
    .innerJoin(tenants, eq(tenants.tenantId, sessions.tenantId))
    .where(and(isOneOf(sessions, callers, 'session'), gt(sessions.expiresAt, at), isActive));
  const ofKeys = tx
    .select({ credentialId: apiKeys.id, ...rights, scopes: sql<string[] | null>`${apiKeys.scopes}` })
    .from(apiKeys)
    .innerJoin(users, and(eq(users.tenantId, apiKeys.tenantId), eq(users.id, apiKeys.userId)))
    .innerJoin(tenants, eq(tenants.tenantId, apiKeys.tenantId))
    .where(and(isOneOf(apiKeys, callers, 'api_key'), isNull(apiKeys.revokedAt), gt(apiKeys.expiresAt, at), isActive));
  return unionAll(ofSessions, ofKeys);
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
