/**
 * Login by password, and by a code where the user has a second factor.
 *
 * Whether tenant, address or password was wrong, or the account is suspended, the answer and the work are the same: one
 * look-up, one hash, one audit row. Only to the right password the answer tells that there is a second factor; a code that
 * is wrong is a failed login like any other, and counted as one. Failures at no known tenant are audited in the operators' realm.
 */

import { and, eq, ne, type SQL } from 'drizzle-orm';
import type { AuditEvent, AuditLog } from '../../audit/index.ts';
import type { Database, SystemTx, TenantTx } from '../../db/index.ts';
import { AppError } from '../../errors.ts';
import type { TenantVault, Vault } from '../../vault/index.ts';
import type { LoginFailures } from '../credentials/login-failures.ts';
import { type Passwords, passwordCell } from '../credentials/passwords.ts';
import { normalisedEmail } from '../input.ts';
import { operatorRealm } from '../operators/operators.ts';
import { loginFailed } from '../refusals.ts';
import { tenants, users } from '../tables.ts';
import type { Origin } from './origin.ts';
import type { Beginning, Sessions, TokenPair } from './sessions.ts';

/** What a person types, and what their browser adds. */
export interface LoginRequest {
  /** Slug of the tenant; may be left out by whoever has an account in one tenant only. */
  readonly tenant?: string;
  readonly email: string;
  readonly password: string;
  /** Of the second factor: what the device shows, or a recovery code. */
  readonly code?: string;
  readonly origin?: Origin;
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

/**
 * Makes the login. The function it returns throws login_failed, second_factor_required when the password was right and a
 * code is missing, or rate_limit_exceeded after too many failures.
 */
export function createLogin({ database, vault, audit, passwords, failures, sessions }: LoginOptions) {
  return async function login(request: LoginRequest): Promise<TokenPair> {
    const email = normalisedEmail(request.email) ?? '';
    const isLastAttempt = await failures.begin(email);
    const account = await database.asSystem('identity.authenticate', (tx) => findAccount(tx, email, request.tenant));
    const scope = { tenantId: account.tenantId ?? operatorRealm.tenantId };
    const tenantVault = await vault.forTenant(scope);
    const isCorrect = await passwords.verify(storedHash(account, tenantVault), request.password);

    const beginning = await database.withTenant(scope, async (tx) => {
      const user = isCorrect ? await lockUnchanged(tx, account) : undefined;
      const proof = { kind: 'password', code: request.code } as const;
      const begun = user && (await sessions.start(tx, tenantVault, user.id, { proof, origin: request.origin ?? {} }));
      await audit.append(tx, tenantVault, loginEvent(request, email, account.user?.id, begun?.outcome));
      return begun;
    });
    if (beginning?.outcome === 'started') {
      await failures.forgive(email);
      return beginning.tokens();
    }
    // Whoever gets this far knows the password, and should not.
    if (beginning?.outcome === 'code_wrong') await tellOperators('second_factor.failed', 'medium');
    if (isLastAttempt) await tellOperators('login.blocked', 'medium');
    if (beginning?.outcome === 'code_missing') throw new AppError('second_factor_required');
    throw loginFailed('No active account fits, or the password or the code does not.');

    function tellOperators(kind: string, severity: 'medium'): Promise<void> {
      return audit.recordSecurityEvent({ ...scope, kind, severity, details: {}, ...idsOf(account, request) });
    }
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

const actions = {
  started: { action: 'login.succeeded', outcome: 'success' },
  code_missing: { action: 'login.challenged', outcome: 'success' },
  code_wrong: { action: 'login.failed', outcome: 'failure', details: { reason: 'second_factor' } },
  provider_required: { action: 'login.failed', outcome: 'failure', details: { reason: 'provider_required' } },
} as const;

function loginEvent(
  { requestId }: LoginRequest,
  email: string,
  userId: string | undefined,
  outcome: Beginning['outcome'] | undefined,
): AuditEvent {
  const actor =
    outcome === 'started' && userId !== undefined
      ? ({ kind: 'user', id: userId } as const)
      : ({ kind: 'system', id: 'login' } as const);
  return {
    ...(outcome === undefined ? ({ action: 'login.failed', outcome: 'failure' } as const) : actions[outcome]),
    actor,
    personal: { email },
    ...(userId === undefined ? {} : { resource: { kind: 'user', id: userId } }),
    ...(requestId === undefined ? {} : { requestId }),
  };
}

function idsOf({ user }: Account, { requestId }: LoginRequest) {
  return { ...(user === undefined ? {} : { userId: user.id }), ...(requestId === undefined ? {} : { requestId }) };
}
