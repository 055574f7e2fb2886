/**
 * The users of a tenant.
 *
 * Nobody changes their own role, clearance or status; nobody gives a right that they do not hold; a tenant never loses its
 * last active admin. Suspending, deleting and a new password end the user's sessions in the same transaction, and
 * authentication reads the row every time, so what is taken away is gone with the next request.
 */

import { and, asc, eq, gt, ne } from 'drizzle-orm';
import type { AuditLog } from '../../audit/index.ts';
import { type Classification, classifications, type RequestContext } from '../../context.ts';
import { type Database, newId } from '../../db/index.ts';
import { AppError } from '../../errors.ts';
import type { Vault } from '../../vault/index.ts';
import { type Acting, assertMay, assertMayGrant, changeEvent } from '../acting.ts';
import { type Passwords, passwordCell } from '../credentials/passwords.ts';
import {
  assertCursor,
  checkedChoice,
  checkedName,
  normalisedEmail,
  type Page,
  type PageRequest,
  pageFrom,
} from '../input.ts';
import { invalidField, notFound } from '../refusals.ts';
import { roleToGive } from '../roles/held-role.ts';
import { users } from '../tables.ts';
import { lockUser, writeChange } from './change-user.ts';
import { checkedChange, type UserChange, type UserView, userColumns } from './user-changes.ts';

/** What makes a user; without a password they cannot log in, only use API keys. */
export interface NewUser {
  readonly email: string;
  readonly name: string;
  /** A built-in role, or one of the tenant's own. */
  readonly role: string;
  readonly clearance: Classification;
  readonly password?: string;
}

/** What users need. */
export interface UsersOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly passwords: Passwords;
  readonly now: () => number;
}

/** Makes the users. */
export function createUsers({ database, vault, audit, passwords, now }: UsersOptions) {
  return {
    /** @throws {AppError} state_conflict when the address is taken; request_invalid, permission_denied, classification_denied. */
    async create(acting: Acting, input: NewUser): Promise<UserView> {
      assertMay(acting, 'users:write');
      const email = normalisedEmail(input.email);
      if (email === undefined) throw invalidField('/email', 'Use an e-mail address.');
      const name = checkedName(input.name);
      const clearance = checkedChoice(input.clearance, classifications, '/clearance');
      assertMayGrant(acting, { clearance });
      const tenantVault = await vault.forTenant(acting);
      const id = newId('user');
      const hash = input.password === undefined ? undefined : await passwords.hash(input.password);
      const passwordHashSealed = hash === undefined ? null : tenantVault.seal(passwordCell(id), hash, 'secret');
      return database.withTenant(acting, async (tx) => {
        const role = await roleToGive(tx, input.role);
        assertMayGrant(acting, { role });
        const row = { tenantId: acting.tenantId, id, email, name, role: role.name, clearance, passwordHashSealed };
        const [user] = await tx.insert(users).values(row).onConflictDoNothing().returning(userColumns);
        if (user === undefined)
          throw new AppError('state_conflict', { detail: 'There is a user with this address already.' });
        const facts = { details: { role: role.name, clearance }, personal: { email, name } };
        await audit.append(tx, tenantVault, changeEvent(acting, 'user.created', { kind: 'user', id }, facts));
        return user;
      });
    },

    /** Oldest first, without the deleted. */
    async list(acting: Acting, { limit, cursor }: PageRequest): Promise<Page<UserView>> {
      assertMay(acting, 'users:read');
      assertCursor('user', cursor);
      const isListed = and(ne(users.status, 'deleted'), cursor === undefined ? undefined : gt(users.id, cursor));
      const rows = await database.withTenant(acting, (tx) =>
        tx
          .select(userColumns)
          .from(users)
          .where(isListed)
          .orderBy(asc(users.id))
          .limit(limit + 1),
      );
      return pageFrom(rows, limit);
    },

    /** The caller. @throws {AppError} permission_denied for an operator, who is no user. */
    async me(ctx: RequestContext): Promise<UserView> {
      const [user] = await database.withTenant(ctx, (tx) =>
        tx.select(userColumns).from(users).where(eq(users.id, ctx.principal.userId)),
      );
      if (user === undefined) throw noUser(ctx);
      return user;
    },

    /**
     * Changes a user; `deleted` erases what is personal and revokes the keys.
     * @throws {AppError} resource_not_found, state_conflict for the last admin, request_invalid, permission_denied,
     * classification_denied.
     */
    async update(acting: Acting, id: string, input: UserChange): Promise<UserView> {
      assertMay(acting, 'users:write');
      const change = checkedChange(input);
      const tenantVault = await vault.forTenant(acting);
      const hash = change.password === undefined ? undefined : await passwords.hash(change.password);
      const sealed =
        hash === undefined ? {} : { passwordHashSealed: tenantVault.seal(passwordCell(id), hash, 'secret') };
      return database.withTenant(acting, async (tx) => {
        const locked = await lockUser(tx, id, change.role !== undefined || change.status !== undefined);
        const user = await writeChange(tx, acting, locked, change, sealed, new Date(now()));
        const { role, clearance, status } = user;
        const facts = { details: { changed: Object.keys(change), role, clearance, status } };
        await audit.append(tx, tenantVault, changeEvent(acting, 'user.updated', { kind: 'user', id }, facts));
        return user;
      });
    },
  };
}

function noUser({ principal }: RequestContext): AppError {
  if (principal.credential.kind !== 'break_glass') return notFound();
  return new AppError('permission_denied', { detail: 'An operator is no user of the tenant.' });
}
