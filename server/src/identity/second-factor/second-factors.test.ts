import { Secret, TOTP } from 'otpauth';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../../test/support/database.ts';
import { contextOf, identityOn, type TestIdentity, testPassword } from '../../../test/support/identity.ts';
import { AppError, isAppError } from '../../errors.ts';

const codeIs = (code: Parameters<typeof isAppError>[1]) => (error: unknown) => isAppError(error, code);

describe.each(testDatabases)('second factors on $name', ({ open }) => {
  let test: TestDatabase;
  let platform: TestIdentity;
  beforeAll(async () => {
    test = await open();
    platform = identityOn(test, { loginFailuresMax: 5 }, { isFactorRequiredOfAdmins: true });
  });
  afterAll(async () => {
    platform.close();
    await test.close();
  });

  /** What the device of a secret shows now. */
  const shown = (secret: string) =>
    new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: platform.clock.nowMs });
  /** The device shows another code. */
  const wait = () => {
    platform.clock.nowMs += 30_000;
  };
  /** Six digits that are none of the codes of now. */
  const wrong = (secret: string) => {
    const near = [-30_000, 0, 30_000].map((off) =>
      new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: platform.clock.nowMs + off }),
    );
    return ['111111', '222222', '333333', '444444'].find((code) => !near.includes(code)) ?? '';
  };
  async function outcomeOf(attempt: Promise<unknown>): Promise<string> {
    const error = await attempt.then(
      () => 'accepted',
      (caught: unknown) => caught,
    );
    return error instanceof AppError ? error.code : String(error);
  }

  let people = 0;
  /** Somebody with an active factor, whose device shows a code that was not used yet. */
  async function furnish(role = 'analyst') {
    people += 1;
    const email = `factor${people}@example.com`;
    const tenant = await platform.addTenant();
    const admin = await platform.addUser(tenant, {
      email: `admin${people}@example.com`,
      role: 'admin',
      clearance: 'restricted',
    });
    const person = await platform.addUser(tenant, { email, role });
    const { secret, uri } = await platform.identity.secondFactors.enrol(person.ctx, testPassword);
    const recoveryCodes = await platform.identity.secondFactors.confirm(person.ctx, shown(secret));
    wait();
    const login = (code?: string, password = testPassword) =>
      platform.identity.login({ tenant: tenant.slug, email, password, ...(code === undefined ? {} : { code }) });
    return { tenant, admin, email, ...person, secret, uri, recoveryCodes, login };
  }
  async function auditOf(tenantId: string) {
    const { data } = await platform.audit.list({ tenantId }, { limit: 100, cursor: undefined });
    return data.map(({ event }) => event as { action: string; outcome: string; details?: object });
  }

  it('are asked for after the right password and after nothing else', async () => {
    const { login, secret } = await furnish();
    expect(await outcomeOf(login(undefined, 'wrong'))).toBe('login_failed');
    expect(await outcomeOf(login(shown(secret), 'wrong'))).toBe('login_failed');
    expect(await outcomeOf(login())).toBe('second_factor_required');
    expect(await outcomeOf(login(wrong(secret)))).toBe('login_failed');
    expect(await outcomeOf(login(shown(secret)))).toBe('accepted');
  });

  it('are asked for once they are confirmed, and not before', async () => {
    const tenant = await platform.addTenant();
    const { ctx } = await platform.addUser(tenant, { email: 'pending@example.com' });
    const { secondFactors } = platform.identity;
    expect(await secondFactors.status(ctx)).toEqual({
      ...{ state: 'none', isRequired: false, recoveryCodesLeft: 0, activeSince: null },
    });
    const first = await secondFactors.enrol(ctx, testPassword);
    const second = await secondFactors.enrol(ctx, testPassword);
    expect(await secondFactors.status(ctx)).toMatchObject({ state: 'pending' });
    await platform.identity.login({ tenant: tenant.slug, email: 'pending@example.com', password: testPassword });
    // Only the secret that was shown last counts.
    await expect(secondFactors.confirm(ctx, shown(first.secret))).rejects.toSatisfy(codeIs('request_invalid'));
    expect(await secondFactors.confirm(ctx, shown(second.secret))).toHaveLength(10);
    expect(await secondFactors.status(ctx)).toMatchObject({ state: 'active', recoveryCodesLeft: 10 });
    await expect(secondFactors.enrol(ctx, testPassword)).rejects.toSatisfy(codeIs('state_conflict'));
    await expect(secondFactors.confirm(ctx, shown(second.secret))).rejects.toSatisfy(codeIs('state_conflict'));
  });

  it('end the sessions that began without them, but not the one that set them up', async () => {
    const tenant = await platform.addTenant();
    const email = 'sessions@example.com';
    const { ctx, tokens } = await platform.addUser(tenant, { email });
    const elsewhere = await platform.identity.login({ tenant: tenant.slug, email, password: testPassword });
    const { secret } = await platform.identity.secondFactors.enrol(ctx, testPassword);
    await platform.identity.secondFactors.confirm(ctx, shown(secret));
    await platform.identity.authenticate(tokens.accessToken);
    await expect(platform.identity.authenticate(elsewhere.accessToken)).rejects.toSatisfy(
      codeIs('authentication_required'),
    );
  });

  it('refuse a code that was used, also the one of the confirmation and one of the step before', async () => {
    const { login, secret } = await furnish();
    const earlier = shown(secret);
    wait();
    const code = shown(secret);
    expect(await outcomeOf(login(code))).toBe('accepted');
    expect(await outcomeOf(login(code))).toBe('login_failed');
    expect(await outcomeOf(login(earlier))).toBe('login_failed');
    wait();
    expect(await outcomeOf(login(shown(secret)))).toBe('accepted');
  });

  it('let one of many parallel logins with one code in', async () => {
    await Promise.all(Array.from({ length: 5 }, () => platform.database.ping()));
    const { login, secret, recoveryCodes } = await furnish();
    for (const code of [shown(secret), recoveryCodes[3]]) {
      const outcomes = await Promise.all(Array.from({ length: 5 }, () => outcomeOf(login(code))));
      expect(outcomes.filter((outcome) => outcome === 'accepted')).toHaveLength(1);
    }
  });

  it('take each recovery code once, however it is typed, and count what is left', async () => {
    const { login, ctx, recoveryCodes, tenant } = await furnish();
    const [one = '', two = ''] = recoveryCodes;
    expect(await outcomeOf(login(one))).toBe('accepted');
    expect(await outcomeOf(login(one))).toBe('login_failed');
    expect(await outcomeOf(login(two.toUpperCase().replaceAll('-', ' ')))).toBe('accepted');
    expect(await platform.identity.secondFactors.status(ctx)).toMatchObject({ recoveryCodesLeft: 8 });
    const other = await furnish();
    expect(await outcomeOf(other.login(recoveryCodes[2]))).toBe('login_failed');
    const rows = await test.superuser('select * from genai.recovery_codes where tenant_id = $1', [tenant.id]);
    expect(rows).toHaveLength(8);
    expect(JSON.stringify(rows)).not.toContain(recoveryCodes[5]?.replaceAll('-', ''));
  });

  it('cannot be guessed: wrong codes count as failed logins, and the right password forgives none of them', async () => {
    const { login, secret, email, tenant } = await furnish();
    const before = platform.securityEvents.length;
    const outcomes = [];
    for (let attempt = 0; attempt < 6; attempt += 1)
      outcomes.push(await outcomeOf(login(attempt % 2 ? wrong(secret) : undefined)));
    expect(outcomes).toEqual([
      ...['second_factor_required', 'login_failed', 'second_factor_required', 'login_failed', 'second_factor_required'],
      'rate_limit_exceeded',
    ]);
    expect(await outcomeOf(login(shown(secret)))).toBe('rate_limit_exceeded');
    expect(platform.securityEvents.slice(before)).toEqual([
      'second_factor.failed',
      'second_factor.failed',
      'login.blocked',
    ]);
    expect(await auditOf(tenant.id)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ action: 'login.failed', outcome: 'failure', details: { reason: 'second_factor' } }),
        expect.objectContaining({ action: 'login.challenged', outcome: 'success' }),
      ]),
    );
    platform.clock.nowMs += 15 * 60_000;
    expect(await outcomeOf(login(shown(secret)))).toBe('accepted');
    expect(email).toContain('@');
  });

  it('cannot be guessed by who is signed in either: removing takes password and code, and each failure counts', async () => {
    const { ctx, secret, login } = await furnish();
    const { secondFactors } = platform.identity;
    const remove = (password: string, code: string) => outcomeOf(secondFactors.remove(ctx, { password, code }));
    expect(await remove('wrong', shown(secret))).toBe('request_invalid');
    for (let attempt = 0; attempt < 4; attempt += 1)
      expect(await remove(testPassword, wrong(secret))).toBe('request_invalid');
    expect(await remove(testPassword, shown(secret))).toBe('rate_limit_exceeded');
    expect(await outcomeOf(login(shown(secret)))).toBe('rate_limit_exceeded');
    platform.clock.nowMs += 15 * 60_000;
    expect(await remove(testPassword, shown(secret))).toBe('accepted');
    expect(await outcomeOf(login())).toBe('accepted');
    await expect(secondFactors.remove(ctx, { password: testPassword, code: '123456' })).rejects.toSatisfy(
      codeIs('resource_not_found'),
    );
  });

  it('are reset by an admin, with the sessions, but neither their own nor that of who may do more', async () => {
    const { tenant, admin, user, login, tokens } = await furnish();
    const { secondFactors } = platform.identity;
    const { secret } = await secondFactors.enrol(admin.ctx, testPassword);
    await secondFactors.confirm(admin.ctx, shown(secret));
    const lifted = contextOf(await platform.identity.authenticate(admin.tokens.accessToken));
    await expect(secondFactors.reset(lifted, admin.user.id)).rejects.toSatisfy(codeIs('permission_denied'));
    const foreign = await furnish();
    await expect(secondFactors.reset(lifted, foreign.user.id)).rejects.toSatisfy(codeIs('resource_not_found'));
    await secondFactors.reset(lifted, user.id);
    await expect(secondFactors.reset(lifted, user.id)).rejects.toSatisfy(codeIs('resource_not_found'));
    await expect(platform.identity.authenticate(tokens.accessToken)).rejects.toSatisfy(
      codeIs('authentication_required'),
    );
    expect(await outcomeOf(login())).toBe('accepted');
    expect((await auditOf(tenant.id)).map(({ action }) => action)).toContain('second_factor.reset');
    const scope = { ...lifted, principal: { ...lifted.principal, clearance: 'public' } as const };
    const again = await platform.addUser(tenant, { email: 'again@example.com' });
    const made = await secondFactors.enrol(again.ctx, testPassword);
    await secondFactors.confirm(again.ctx, shown(made.secret));
    await expect(secondFactors.reset(scope, again.user.id)).rejects.toSatisfy(codeIs('classification_denied'));
  });

  it('are all that an admin without one can set up where admins must have one; with one the same session is whole', async () => {
    const tenant = await platform.addTenant();
    const { ctx, tokens, user } = await platform.addUser(tenant, { email: 'new@example.com', role: 'admin' });
    expect(ctx.principal.scopes).toEqual(['account:write']);
    const { secondFactors } = platform.identity;
    expect(await secondFactors.status(ctx)).toMatchObject({ state: 'none', isRequired: true });
    const page = { limit: 10, cursor: undefined };
    await expect(async () => platform.identity.listUsers(ctx, page)).rejects.toSatisfy(codeIs('permission_denied'));
    const { secret } = await secondFactors.enrol(ctx, testPassword);
    expect((await platform.identity.authenticate(tokens.accessToken)).principal.scopes).toEqual(['account:write']);
    await secondFactors.confirm(ctx, shown(secret));
    const { principal } = await platform.identity.authenticate(tokens.accessToken);
    expect(principal.scopes).toBeUndefined();
    // Keys are for programs, which have no device; who makes them has one.
    const { key } = await platform.identity.createApiKey(platform.setUp(tenant.id), { name: 'k', userId: user.id });
    expect((await platform.identity.authenticate(key)).principal.scopes).toBeUndefined();
  });

  it('go with their user, and keep the secret sealed until then', async () => {
    const { tenant, secret, user } = await furnish();
    const rows = () => test.superuser('select * from genai.second_factors where tenant_id = $1', [tenant.id]);
    const [row] = await rows();
    expect(Buffer.from(row?.['secret_sealed'] as Uint8Array).toString('latin1')).not.toContain(secret);
    for (const entry of await test.superuser('select body, personal_sealed from genai.audit_events')) {
      expect(JSON.stringify(entry)).not.toContain(secret);
    }
    await platform.identity.updateUser(platform.setUp(tenant.id), user.id, { status: 'deleted' });
    expect(await rows()).toEqual([]);
    expect(await test.superuser('select from genai.recovery_codes where tenant_id = $1', [tenant.id])).toEqual([]);
  });

  it('are not for who has no password here', async () => {
    const tenant = await platform.addTenant();
    const input = { email: 'keys@example.com', name: 'K', role: 'viewer', clearance: 'public' } as const;
    const { id } = await platform.identity.createUser(platform.setUp(tenant.id), input);
    const { key } = await platform.identity.createApiKey(platform.setUp(tenant.id), { name: 'k', userId: id });
    const ctx = contextOf(await platform.identity.authenticate(key));
    await expect(platform.identity.secondFactors.enrol(ctx, '')).rejects.toSatisfy(codeIs('state_conflict'));
  });
});
