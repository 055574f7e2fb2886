import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../../test/support/database.ts';
import { contextOf, identityOn, type TestIdentity, testPassword } from '../../../test/support/identity.ts';
import { newId } from '../../db/index.ts';
import { isAppError } from '../../errors.ts';

const codeIs = (code: Parameters<typeof isAppError>[1]) => (error: unknown) => isAppError(error, code);
const isRefused = codeIs('authentication_required');

describe.each(testDatabases)('sessions on $name', ({ open }) => {
  let test: TestDatabase;
  let platform: TestIdentity;
  beforeAll(async () => {
    test = await open();
    platform = identityOn(test);
  });
  afterAll(async () => {
    platform.close();
    await test.close();
  });
  const email = 'ada@example.com';
  async function addPerson() {
    const tenant = await platform.addTenant();
    return { tenant, ...(await platform.addUser(tenant, { email })) };
  }

  it('replaces the refresh token each time and keeps the session', async () => {
    const { tokens, ctx } = await addPerson();
    let current = tokens;
    for (let turn = 0; turn < 3; turn += 1) {
      const next = await platform.identity.refresh(current.refreshToken);
      expect(next.refreshToken).not.toBe(current.refreshToken);
      const { principal } = await platform.identity.authenticate(next.accessToken);
      expect(principal.credential.id).toBe(ctx.principal.credential.id);
      current = next;
    }
  });

  it('ends the session when any earlier refresh token comes again, and tells the operators', async () => {
    const { tenant, tokens: first } = await addPerson();
    const second = await platform.identity.refresh(first.refreshToken);
    const third = await platform.identity.refresh(second.refreshToken);
    const eventsBefore = platform.securityEvents.length;
    // Two rotations old: the thief waited.
    await expect(platform.identity.refresh(first.refreshToken)).rejects.toSatisfy(isRefused);
    await expect(platform.identity.authenticate(third.accessToken)).rejects.toSatisfy(isRefused);
    await expect(platform.identity.refresh(third.refreshToken)).rejects.toSatisfy(isRefused);
    expect(platform.securityEvents.slice(eventsBefore)).toEqual(['refresh_token.replayed']);
    const rows = await test.superuser(
      `select body::jsonb -> 'details' ->> 'reason' as reason from genai.audit_events
      where tenant_id = $1 and action = 'session.ended'`,
      [tenant.id],
    );
    expect(rows).toEqual([{ reason: 'refresh_token_replayed' }]);
  });

  it('lets exactly one of parallel refreshes with one token win', async () => {
    // The pool opens its connections before, so that the refreshes meet in the database and not at its door.
    await Promise.all(Array.from({ length: 5 }, () => platform.database.ping()));
    for (let round = 0; round < 5; round += 1) {
      const { tokens } = await addPerson();
      const refresh = () => platform.identity.refresh(tokens.refreshToken);
      const results = await Promise.allSettled(Array.from({ length: 8 }, refresh));
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      const refused = results.filter((result) => result.status === 'rejected');
      expect(refused.every(({ reason }) => isRefused(reason))).toBe(true);
    }
  });

  it('does not end a session for a token that was only made up from its ids', async () => {
    const { tokens } = await addPerson();
    const invented = `${tokens.refreshToken.slice(0, -43)}${'A'.repeat(43)}`;
    await expect(platform.identity.refresh(invented)).rejects.toSatisfy(isRefused);
    await platform.identity.authenticate(tokens.accessToken);
    await platform.identity.refresh(tokens.refreshToken);
  });

  it('shows a user their own sessions only, and ends one of them', async () => {
    const { tenant, ctx } = await addPerson();
    const colleague = await platform.addUser(tenant, { email: 'eve@example.com' });
    const phone = await platform.identity.login({
      tenant: tenant.slug,
      email,
      password: testPassword,
      origin: { userAgent: 'Phone/1\u0000', address: '203.0.113.77' },
    });
    const listed = await platform.identity.sessions.list(ctx);
    const shown = listed.map(({ userAgent, device, network, isCurrent }) => ({
      userAgent,
      device,
      network,
      isCurrent,
    }));
    expect(shown).toEqual(
      expect.arrayContaining([
        { userAgent: 'Phone/1 ', device: 'Phone', network: '203.0.113.0/24', isCurrent: false },
        { userAgent: null, device: 'Unknown device', network: null, isCurrent: true },
      ]),
    );
    const stored = await test.superuser('select * from genai.sessions where tenant_id = $1', [tenant.id]);
    expect(JSON.stringify(stored)).not.toContain('203.0');
    expect(listed).toHaveLength(2);
    const other = listed.find(({ isCurrent }) => !isCurrent);
    await expect(platform.identity.sessions.end(colleague.ctx, other?.id ?? '')).rejects.toSatisfy(
      codeIs('resource_not_found'),
    );
    await platform.identity.sessions.end(ctx, other?.id ?? '');
    await expect(platform.identity.authenticate(phone.accessToken)).rejects.toSatisfy(isRefused);
    for (const id of [other?.id ?? '', newId('session'), "' or 1=1", '\u0000']) {
      await expect(platform.identity.sessions.end(ctx, id)).rejects.toSatisfy(codeIs('resource_not_found'));
    }
  });

  it('ends nothing on logout with an API key, and says what to do instead', async () => {
    const { tenant, ctx, user } = await addPerson();
    const { key } = await platform.identity.createApiKey(platform.setUp(tenant.id), { name: 'k', userId: user.id });
    const byKey = contextOf(await platform.identity.authenticate(key));
    await expect(async () => platform.identity.logout(byKey)).rejects.toSatisfy(codeIs('state_conflict'));
    expect(await platform.identity.sessions.list(ctx)).toHaveLength(1);
  });

  it('keeps at most 20 sessions of a user, those used last, and none that expired', async () => {
    const { tenant, user } = await addPerson();
    const login = async () => {
      platform.clock.nowMs += 1000;
      return platform.identity.login({ tenant: tenant.slug, email, password: testPassword });
    };
    const early = await login();
    for (let n = 0; n < 20; n += 1) await login();
    const count = () =>
      test.superuser('select count(*)::int as sessions from genai.sessions where user_id = $1', [user.id]);
    expect(await count()).toEqual([{ sessions: 20 }]);
    await expect(platform.identity.refresh(early.refreshToken)).rejects.toSatisfy(isRefused);
    platform.clock.nowMs += 14 * 86_400_000;
    await login();
    expect(await count()).toEqual([{ sessions: 1 }]);
  });
});
