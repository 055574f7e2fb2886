/**
 * Login by password: the one place where a session begins.
 *
 * Whether tenant, address or password was wrong, or the account is suspended, the answer and the work are the same: one
 * look-up, one hash, one audit row. Failures at no known tenant are audited in the operators' realm.
 */

import { and, eq, ne, type SQL } from 'drizzle-orm';
import type { AuditEvent, AuditLog } from '../../audit/index.ts';
import type { Database, SystemTx, TenantTx } from '../../db/index.ts';
import type { TenantVault, Vault } from '../../vault/index.ts';
import type { LoginFailures } from '../credentials/login-failures.ts';
import type { Passwords } from '../credentials/passwords.ts';
import { normalisedEmail } from '../input.ts';
import { operatorRealm } from '../operators/operators.ts';
import { loginFailed } from '../refusals.ts';
import { tenants, users } from '../tables.ts';
import type { Sessions, TokenPair } from './sessions.ts';

/** What a person types, and what their browser adds. */
export interface LoginRequest {
  /** Slug of the tenant; may be left out by whoever has an account in one tenant only. */
  readonly tenant?: string;
  readonly email: string;
  readonly password: string;
  readonly userAgent?: string;
  readonly requestId?: string;
}

/** What login needs. */
export interface LoginOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly passwords: Passwords;
  readonly failures: LoginFailures;
  readonly sessions: Sessions;
}

/** What was found under the names given; the user only when active, in an active tenant, and the only one. */
interface Account {
  readonly tenantId: string | undefined;
  readonly user: { readonly id: string; readonly passwordHashSealed: Uint8Array | null } | undefined;
}

/** Where the hash of a user's password is sealed. */
export function passwordCell(userId: string) {
  return { table: 'users', rowId: userId, column: 'password_hash' };
}

/** Makes the login. @throws {AppError} login_failed; rate_limit_exceeded after too many failures. */
export function createLogin({ database, vault, audit, passwords, failures, sessions }: LoginOptions) {
  return async function login(request: LoginRequest): Promise<TokenPair> {
    const email = normalisedEmail(request.email) ?? '';
    const isLastAttempt = failures.begin(email);
    const account = await database.asSystem('identity.authenticate', (tx) => findAccount(tx, email, request.tenant));
    const scope = { tenantId: account.tenantId ?? operatorRealm.tenantId };
    const tenantVault = await vault.forTenant(scope);
    const isCorrect = await passwords.verify(storedHash(account, tenantVault), request.password);

    const started = await database.withTenant(scope, async (tx) => {
      const user = isCorrect ? await lockUnchanged(tx, account) : undefined;
      const event = loginEvent(request, email, account.user?.id, user !== undefined);
      await audit.append(tx, tenantVault, event);
      return user && sessions.start(tx, { tenantId: scope.tenantId, userId: user.id }, request.userAgent);
    });
    if (started !== undefined) {
      failures.forgive(email);
      return started.tokens();
    }
    if (isLastAttempt) {
      await audit.recordSecurityEvent({
        ...scope,
        kind: 'login.blocked',
        severity: 'medium',
        details: {},
        ...idsOf(account, request),
      });
    }
    throw loginFailed('No active account fits, or the password does not.');
  };
}

/** The account of an address, in the tenant named or in the only one that has it. */
async function findAccount(tx: SystemTx, email: string, slug: string | undefined): Promise<Account> {
  const isActive = and(eq(users.email, email), eq(users.status, 'active'));
  const columns = {
    tenantId: tenants.tenantId,
    status: tenants.status,
    userId: users.id,
    passwordHashSealed: users.passwordHashSealed,
  };
  const isInTenant = and(eq(users.tenantId, tenants.tenantId), isActive);
  const rows =
    slug === undefined
      ? await tx.select(columns).from(tenants).innerJoin(users, isInTenant).where(eq(tenants.status, 'active')).limit(2)
      : await tx.select(columns).from(tenants).leftJoin(users, isInTenant).where(isNamed(slug));
  const [row] = rows;
  if (row === undefined || rows.length > 1) return { tenantId: undefined, user: undefined };
  const { tenantId, status, userId, passwordHashSealed } = row;
  return { tenantId, user: status === 'active' && userId !== null ? { id: userId, passwordHashSealed } : undefined };
}

function isNamed(slug: string): SQL | undefined {
  // The database refuses some texts, such as NUL, with an error; a slug never holds them.
  const sane = /^[a-z0-9-]{1,63}$/.test(slug) ? slug : '';
  return and(eq(tenants.slug, sane), ne(tenants.status, 'deleted'));
}

function storedHash({ user }: Account, vault: TenantVault): string | undefined {
  return user?.passwordHashSealed ? vault.open(passwordCell(user.id), user.passwordHashSealed) : undefined;
}

/** The user, held until commit, unless status or password changed while we hashed; those changes end sessions. */
async function lockUnchanged(tx: TenantTx, { user }: Account): Promise<{ id: string } | undefined> {
  if (!user?.passwordHashSealed) return undefined;
  const isUnchanged = and(
    eq(users.id, user.id),
    eq(users.status, 'active'),
    eq(users.passwordHashSealed, user.passwordHashSealed),
  );
  const [row] = await tx.select({ id: users.id }).from(users).where(isUnchanged).for('share');
  return row;
}

function loginEvent(request: LoginRequest, email: string, userId: string | undefined, isSuccess: boolean): AuditEvent {
  const actor =
    isSuccess && userId !== undefined
      ? ({ kind: 'user', id: userId } as const)
      : ({ kind: 'system', id: 'login' } as const);
  return {
    action: isSuccess ? 'login.succeeded' : 'login.failed',
    outcome: isSuccess ? 'success' : 'failure',
    actor,
    personal: { email },
    ...(userId === undefined ? {} : { resource: { kind: 'user', id: userId } }),
    ...(request.requestId === undefined ? {} : { requestId: request.requestId }),
  };
}

function idsOf({ user }: Account, { requestId }: LoginRequest) {
  return { ...(user === undefined ? {} : { userId: user.id }), ...(requestId === undefined ? {} : { requestId }) };
}
