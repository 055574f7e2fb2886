/** Somebody of a tenant as a principal who is not there: to say what they may do. */

import { and, eq, isNull, ne, or } from 'drizzle-orm';
import type { Principal, RequestContext } from '../../context.ts';
import { type Database, isId } from '../../db/index.ts';
import { AppError } from '../../errors.ts';
import { normalisedEmail } from '../input.ts';
import { authenticatedFrom, principalColumns } from '../principal.ts';
import { notFound } from '../refusals.ts';
import { apiKeys, roles, tenants, users } from '../tables.ts';
import { isRoleOfUser } from './held-role.ts';

/** Who is asked about. */
export interface AskedFor {
  /** Id or e-mail address of a user. */
  readonly user: string;
  /** A key of theirs that they would use; none for a login. */
  readonly apiKeyId?: string;
}

/** Makes the look-up. The function it returns throws resource_not_found, or state_conflict for whom nothing lets in. */
export function createAskedPrincipal({ database, now }: { readonly database: Database; readonly now: () => number }) {
  return async function askedPrincipal(ctx: RequestContext, { user, apiKeyId }: AskedFor): Promise<Principal> {
    const email = normalisedEmail(user);
    const isAsked = or(isId('user', user) ? eq(users.id, user) : undefined, email ? eq(users.email, email) : undefined);
    if (isAsked === undefined || (apiKeyId !== undefined && !isId('apiKey', apiKeyId))) throw notFound();
    const isUsed = and(eq(apiKeys.userId, users.id), eq(apiKeys.id, apiKeyId ?? ''), isNull(apiKeys.revokedAt));
    const [row] = await database.withTenant(ctx, (tx) =>
      tx
        .select({
          ...principalColumns,
          status: users.status,
          keyId: apiKeys.id,
          scopes: apiKeys.scopes,
          expiresAt: apiKeys.expiresAt,
        })
        .from(users)
        .innerJoin(tenants, eq(tenants.tenantId, users.tenantId))
        .leftJoin(roles, isRoleOfUser)
        .leftJoin(apiKeys, isUsed)
        .where(and(isAsked, ne(users.status, 'deleted'))),
    );
    if (row === undefined || (apiKeyId !== undefined && row.keyId === null)) throw notFound();
    if (row.status !== 'active') throw nothingLetsIn('The user is suspended');
    if (row.expiresAt !== null && row.expiresAt.getTime() <= now()) throw nothingLetsIn('The key has expired');
    const credential =
      apiKeyId === undefined ? ({ kind: 'session', id: '' } as const) : ({ kind: 'api_key', id: apiKeyId } as const);
    return authenticatedFrom(row, credential, row.scopes ?? undefined).principal;
  };
}

function nothingLetsIn(what: string): AppError {
  return new AppError('state_conflict', { detail: `${what}, so nobody is let in with it, whatever the rules say.` });
}
