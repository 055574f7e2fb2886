import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../../test/support/database.ts';
import { contextOf, identityOn, type TestIdentity, testPassword } from '../../../test/support/identity.ts';
import { isAppError } from '../../errors.ts';

const codeIs = (code: Parameters<typeof isAppError>[1]) => (error: unknown) => isAppError(error, code);
const next = 'another password of mine';

describe.each(testDatabases)('own passwords on $name', ({ open }) => {
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

  let people = 0;
  async function furnish() {
    people += 1;
    const email = `own${people}@example.com`;
    const tenant = await platform.addTenant();
    const person = await platform.addUser(tenant, { email });
    const login = (password: string) => platform.identity.login({ tenant: tenant.slug, email, password });
    return {
      tenant,
      ...person,
      login,
      change: (current: string, wanted: string) =>
        platform.identity.changePassword(person.ctx, { current, next: wanted }),
    };
  }

  it('are changed by who knows them; other sessions end, this one and the keys stay', async () => {
    const { tenant, user, tokens, login, change } = await furnish();
    const elsewhere = await login(testPassword);
    const { key } = await platform.identity.createApiKey(platform.setUp(tenant.id), { name: 'k', userId: user.id });
    await change(testPassword, next);
    await expect(platform.identity.authenticate(elsewhere.accessToken)).rejects.toSatisfy(
      codeIs('authentication_required'),
    );
    await expect(platform.identity.refresh(elsewhere.refreshToken)).rejects.toSatisfy(
      codeIs('authentication_required'),
    );
    await platform.identity.authenticate(tokens.accessToken);
    await platform.identity.authenticate(key);
    await expect(login(testPassword)).rejects.toSatisfy(codeIs('login_failed'));
    await login(next);
    const { data } = await platform.audit.list({ tenantId: tenant.id }, { limit: 10, cursor: undefined });
    expect(data.map(({ event }) => (event as { action: string }).action)).toContain('password.changed');
  });

  it('changed with a key end every session', async () => {
    const { tenant, user, tokens } = await furnish();
    const { key } = await platform.identity.createApiKey(platform.setUp(tenant.id), { name: 'k', userId: user.id });
    const byKey = contextOf(await platform.identity.authenticate(key));
    await platform.identity.changePassword(byKey, { current: testPassword, next });
    await expect(platform.identity.authenticate(tokens.accessToken)).rejects.toSatisfy(
      codeIs('authentication_required'),
    );
  });

  it('stay as they are when the current one is wrong, the new one is the same, or it is too short', async () => {
    const { login, change } = await furnish();
    for (const [current, wanted, pointer] of [
      ['wrong', next, '/current'],
      [testPassword, testPassword, '/new'],
    ] as const) {
      await expect(change(current, wanted)).rejects.toMatchObject({ code: 'request_invalid', errors: [{ pointer }] });
    }
    await login(testPassword);
    await expect(change(testPassword, 'short')).rejects.toMatchObject({ errors: [{ pointer: '/new' }] });
    await login(testPassword);
  });

  it('are not guessed with a stolen session: failures count for the address, here and at login', async () => {
    const { login, change } = await furnish();
    for (let attempt = 0; attempt < 3; attempt += 1)
      await expect(change('wrong', next)).rejects.toSatisfy(codeIs('request_invalid'));
    await expect(change(testPassword, next)).rejects.toSatisfy(codeIs('rate_limit_exceeded'));
    await expect(login(testPassword)).rejects.toSatisfy(codeIs('rate_limit_exceeded'));
    platform.clock.nowMs += 15 * 60_000;
    await change(testPassword, next);
  });

  it('changed twice at once are changed once', async () => {
    const { change } = await furnish();
    const outcomes = await Promise.allSettled([change(testPassword, next), change(testPassword, `${next} too`)]);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});
