import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../../test/support/database.ts';
import { identityOn, type TestIdentity, testPassword } from '../../../test/support/identity.ts';
import { AppError, isAppError } from '../../errors.ts';
import { operatorRealm } from '../index.ts';

describe.each(testDatabases)('login on $name', ({ open }) => {
  let test: TestDatabase;
  let platform: TestIdentity;
  beforeAll(async () => {
    test = await open();
    platform = identityOn(test, { loginFailuresMax: 3 });
  });
  afterAll(async () => {
    platform.close();
    await test.close();
  });

  async function codeOf(attempt: Promise<unknown>): Promise<string> {
    const error = await attempt.then(
      () => 'accepted',
      (caught: unknown) => caught,
    );
    return error instanceof AppError ? error.code : String(error);
  }
  async function auditOf(tenantId: string, action: string) {
    const { data } = await platform.audit.list({ tenantId } as never, { limit: 100, cursor: undefined });
    return data.filter(({ event }) => (event as { action: string }).action === action);
  }
  let people = 0;
  async function addPerson(tenant: { id: string; slug: string }) {
    people += 1;
    const email = `person${people}@example.com`;
    return { email, ...(await platform.addUser(tenant, { email })) };
  }

  it('accepts the address in any case and a tenant left out when the address is in one tenant only', async () => {
    const [one, two] = [await platform.addTenant(), await platform.addTenant()];
    const { email, user } = await addPerson(one);
    const tokens = await platform.identity.login({ email: ` ${email.toUpperCase()} `, password: testPassword });
    expect(tokens).toMatchObject({ expiresInSeconds: 900 });
    expect((await platform.identity.authenticate(tokens.accessToken)).principal.userId).toBe(user.id);

    await platform.addUser(two, { email });
    expect(await codeOf(platform.identity.login({ email, password: testPassword }))).toBe('login_failed');
    await platform.tenants.update(two.id, { status: 'suspended' }, platform);
    await platform.identity.login({ email, password: testPassword });
  });

  it('fails in the same words whichever part was wrong', async () => {
    const tenant = await platform.addTenant();
    const other = await platform.addTenant();
    const { email } = await addPerson(tenant);
    await platform.identity.createUser(platform.setUp(tenant.id), {
      email: 'keys-only@example.com',
      name: 'K',
      role: 'viewer',
      clearance: 'public',
    });
    const right = { tenant: tenant.slug, email, password: testPassword };
    const attempts = [
      { ...right, password: 'wrong' },
      { ...right, tenant: other.slug },
      { ...right, tenant: 'no-such-tenant' },
      { ...right, email: 'nobody@example.com' },
      { ...right, email: 'keys-only@example.com' },
      { ...right, email: 'keys-only@example.com', password: '' },
    ];
    const errors = await Promise.all(
      attempts.map((attempt) => platform.identity.login(attempt).catch((caught: unknown) => caught)),
    );
    for (const error of errors) {
      expect(isAppError(error, 'login_failed')).toBe(true);
      expect(error).toMatchObject({
        message: 'Login failed.',
        detail: undefined,
        errors: undefined,
        retryAfterMs: undefined,
      });
    }
  });

  it('audits each login in the tenant it named, with the address kept apart, and the rest in the operators’ realm', async () => {
    const tenant = await platform.addTenant();
    const { email, user } = await addPerson(tenant);
    await codeOf(platform.identity.login({ tenant: tenant.slug, email, password: 'wrong', requestId: 'req_7' }));
    await codeOf(platform.identity.login({ tenant: tenant.slug, email: 'stranger@example.com', password: 'wrong' }));
    await codeOf(platform.identity.login({ tenant: 'nowhere', email: 'lost@example.com', password: 'wrong' }));
    const [stranger, failed] = await auditOf(tenant.id, 'login.failed');
    expect(failed).toMatchObject({
      event: { outcome: 'failure', resource: { id: user.id }, request_id: 'req_7' },
      personal: { email },
    });
    expect(stranger).toMatchObject({
      event: { actor: { kind: 'system' } },
      personal: { email: 'stranger@example.com' },
    });
    expect(await auditOf(tenant.id, 'login.succeeded')).toMatchObject([
      { event: { actor: { kind: 'user', id: user.id } } },
    ]);
    const elsewhere = await auditOf(operatorRealm.tenantId, 'login.failed');
    expect(elsewhere.map(({ personal }) => personal['email'])).toContain('lost@example.com');
    const rows = await test.superuser('select body from genai.audit_events');
    expect(JSON.stringify(rows)).not.toContain('example.com');
  });

  it('makes an address wait after too many failures, known or not, under any tenant, right password or not', async () => {
    const [tenant, other] = [await platform.addTenant(), await platform.addTenant()];
    const { email } = await addPerson(tenant);
    const eventsBefore = platform.securityEvents.length;
    for (const address of [email, 'unknown@example.com']) {
      const attempts = [{ tenant: tenant.slug }, { tenant: other.slug }, {}];
      for (const where of attempts)
        expect(await codeOf(platform.identity.login({ ...where, email: address, password: 'wrong' }))).toBe(
          'login_failed',
        );
      for (const where of attempts) {
        const error = await platform.identity
          .login({ ...where, email: address, password: testPassword })
          .catch((caught: unknown) => caught);
        expect(isAppError(error, 'rate_limit_exceeded') && error.retryAfterMs).toBe(15 * 60_000);
      }
    }
    expect(platform.securityEvents.slice(eventsBefore)).toEqual(['login.blocked', 'login.blocked']);
    platform.clock.nowMs += 15 * 60_000;
    await platform.identity.login({ tenant: tenant.slug, email, password: testPassword });
  });

  it('gives a burst of parallel guesses no more tries than a slow one', async () => {
    const tenant = await platform.addTenant();
    const { email } = await addPerson(tenant);
    const guess = () => codeOf(platform.identity.login({ tenant: tenant.slug, email, password: 'wrong' }));
    const codes = await Promise.all(Array.from({ length: 20 }, guess));
    expect(codes.filter((code) => code === 'login_failed')).toHaveLength(3);
    expect(codes.filter((code) => code === 'rate_limit_exceeded')).toHaveLength(17);
  });

  it('opens no session with a password that is changed while it is checked', async () => {
    const tenant = await platform.addTenant();
    const { email, user } = await addPerson(tenant);
    const login = platform.identity
      .login({ tenant: tenant.slug, email, password: testPassword })
      .catch(() => undefined);
    await platform.identity.updateUser(platform.setUp(tenant.id), user.id, { password: 'another long password' });
    const tokens = await login;
    // Whichever came first, no session of the old password is left.
    if (tokens !== undefined)
      expect(await codeOf(platform.identity.authenticate(tokens.accessToken))).toBe('authentication_required');
    expect(await test.superuser('select id from genai.sessions where user_id = $1', [user.id])).toEqual([]);
  });

  it('stores passwords sealed', async () => {
    const rows = await test.superuser(
      'select password_hash_sealed as sealed from genai.users where password_hash_sealed is not null',
    );
    expect(rows.length).toBeGreaterThan(0);
    for (const { sealed } of rows) expect((sealed as Buffer).toString('latin1')).not.toContain('argon2');
  });
});
