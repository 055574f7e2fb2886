/**
 * The users of a tenant.
 *
 * Nobody changes their own role, clearance or status; nobody gives a right that they do not hold; a tenant never loses its
 * last active admin. Suspending, deleting and a new password end the user's sessions in the same transaction, and
 * authentication reads the row every time, so what is taken away is gone with the next request.
 */

import { and, asc, eq, gt, isNull, ne } from 'drizzle-orm';
import type { AuditLog } from '../../audit/index.ts';
import { type Classification, classifications, type RequestContext } from '../../context.ts';
import { type Database, isId, newId, type TenantTx } from '../../db/index.ts';
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
import { heldRole, roleToGive } from '../roles/held-role.ts';
import { eraseFactor } from '../second-factor/factor-rows.ts';
import { apiKeys, sessions, users } from '../tables.ts';
import { assertAllowed, checkedChange, lockActiveAdmins, type UserChange, type UserView } from './user-changes.ts';

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

const columns = {
  id: users.id,
  email: users.email,
  name: users.name,
  role: users.role,
  clearance: users.clearance,
  status: users.status,
  createdAt: users.createdAt,
  updatedAt: users.updatedAt,
};

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
        const [user] = await tx.insert(users).values(row).onConflictDoNothing().returning(columns);
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
          .select(columns)
          .from(users)
          .where(isListed)
          .orderBy(asc(users.id))
          .limit(limit + 1),
      );
      return pageFrom(rows, limit);
    },

    /** The caller. */
    async me(ctx: RequestContext): Promise<UserView> {
      const [user] = await database.withTenant(ctx, (tx) =>
        tx.select(columns).from(users).where(eq(users.id, ctx.principal.userId)),
      );
      if (user === undefined) throw notFound();
      return user;
    },

    /**
     * Changes a user; `deleted` erases address, name and password and revokes the keys.
     * @throws {AppError} resource_not_found, state_conflict for the last admin, request_invalid, permission_denied,
     * classification_denied.
     */
    async update(acting: Acting, id: string, input: UserChange): Promise<UserView> {
      assertMay(acting, 'users:write');
      if (!isId('user', id)) throw notFound();
      const change = checkedChange(input);
      const tenantVault = await vault.forTenant(acting);
      const hash = change.password === undefined ? undefined : await passwords.hash(change.password);
      return database.withTenant(acting, async (tx) => {
        const admins = change.role === undefined && change.status === undefined ? [] : await lockActiveAdmins(tx);
        const [before] = await tx.select(columns).from(users).where(eq(users.id, id)).for('no key update');
        if (before === undefined || before.status === 'deleted') throw notFound();
        const held = await heldRole(tx, before.role);
        const given = change.role === undefined ? undefined : await roleToGive(tx, change.role);
        assertAllowed(acting, { before, held, change, given, admins });
        const [user] = await tx.update(users).set(rowChange()).where(eq(users.id, id)).returning(columns);
        if (user === undefined) throw new Error('A locked row must not vanish.');
        if (user.status !== 'active' || hash !== undefined) await tx.delete(sessions).where(eq(sessions.userId, id));
        if (user.status === 'deleted') await takeCredentials(tx, id);
        const facts = {
          details: { changed: Object.keys(change), role: user.role, clearance: user.clearance, status: user.status },
        };
        await audit.append(tx, tenantVault, changeEvent(acting, 'user.updated', { kind: 'user', id }, facts));
        return user;
      });

      function rowChange() {
        const { name, role, clearance, status } = change;
        const erased = { email: `${id}@deleted.invalid`, name: 'Deleted user', passwordHashSealed: null };
        return {
          updatedAt: new Date(now()),
          ...(name === undefined ? {} : { name }),
          ...(role === undefined ? {} : { role }),
          ...(clearance === undefined ? {} : { clearance }),
          ...(status === undefined ? {} : { status }),
          ...(hash === undefined ? {} : { passwordHashSealed: tenantVault.seal(passwordCell(id), hash, 'secret') }),
          ...(status === 'deleted' ? erased : {}),
        };
      }
    },
  };

  async function takeCredentials(tx: TenantTx, userId: string): Promise<void> {
    await eraseFactor(tx, userId);
    const isStanding = and(eq(apiKeys.userId, userId), isNull(apiKeys.revokedAt));
    await tx
      .update(apiKeys)
      .set({ revokedAt: new Date(now()) })
      .where(isStanding);
  }
}
