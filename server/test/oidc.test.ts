/** Signing in through an identity provider, against a real one: the browser's whole way, and every way to cheat on it. */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testDatabases } from './support/database.ts';
import { newProviderKey } from './support/oidc-provider.ts';
import { connect, openSignInTest, type SignInTest, type Way } from './support/sign-in.ts';

const failed = { 'sign-in-error': 'login_failed', request: expect.stringMatching(/^req_/) };

let test: SignInTest;
describe.each(testDatabases)('signing in with an organisation on $name', ({ open }) => {
  beforeAll(async () => {
    test = await openSignInTest(open);
  });
  afterAll(() => test?.close());
  beforeEach(() => test.reset());

  describe('who comes in', () => {
    it('is taken from the page to the provider and back, and becomes a user with what the first fitting rules give', async () => {
      const rules = [
        { claim: 'groups', value: 'research', role: 'analyst' },
        { claim: 'groups', value: 'everyone', role: 'viewer', clearance: 'public' },
        { claim: 'groups', value: 'research', clearance: 'confidential' },
      ];
      expect(await connect(test.server, test.provider, test.server.acme, { rules })).toMatchObject({ status: 200 });
      const person = test.newPerson({ groups: ['everyone', 'research'], email: 'Grace@Acme.example', name: 'Grace' });
      const { who, fragment } = await test.signIn();
      expect(Object.fromEntries(fragment)).toEqual({ 'sign-in': expect.stringMatching(/^si-gen-/) });
      expect(await test.me(who)).toMatchObject({
        user: { email: 'grace@acme.example', name: 'Grace', role: 'analyst', clearance: 'public' },
        tenant: { slug: 'acme' },
        credential: { kind: 'session' },
      });
      expect((await test.audited('login.succeeded'))[0]).toEqual({ method: 'oidc' });
      expect(person.sub).not.toBe('');
    });

    it('is the same user each time, with what the rules give now: a demotion holds from the next sign-in', async () => {
      const rules = [{ claim: 'groups', value: 'bosses', role: 'admin', clearance: 'restricted' }];
      await connect(test.server, test.provider, test.server.acme, { rules });
      const person = test.newPerson({ groups: ['bosses'] });
      const first = await test.me((await test.signIn()).who);
      expect(first).toMatchObject({ user: { role: 'admin', clearance: 'restricted' } });
      test.provider.be({ ...person, groups: [], email: 'renamed@acme.example' });
      const second = await test.me((await test.signIn()).who);
      expect(second).toMatchObject({
        user: { id: (first['user'] as { id: string }).id, role: 'viewer', clearance: 'internal' },
      });
    });

    it('is one user when two browsers sign in the same new person at once', async () => {
      const person = test.newPerson();
      const both = await Promise.all([test.signIn(), test.signIn(), test.signIn()]);
      expect(both.filter(({ who }) => who !== undefined)).toHaveLength(3);
      expect((await test.users()).filter(({ email }) => email === person.email)).toHaveLength(1);
    });

    it('is nobody whom no rule gives a role and a clearance; what they had signed in to before ends', async () => {
      const person = test.newPerson({ groups: ['staff'] });
      const rules = [{ claim: 'groups', value: 'staff', role: 'viewer', clearance: 'internal' }];
      const closed = { rules, default_role: null, default_clearance: null };
      await connect(test.server, test.provider, test.server.acme, closed);
      const { who } = await test.signIn();
      expect(await test.server.as(who, 'GET', '/api/me')).toMatchObject({ status: 200 });
      test.provider.be({ ...person, groups: ['staff '] });
      expect(test.told(await test.signIn())).toEqual(failed);
      expect(await test.server.as(who, 'GET', '/api/me')).toMatchObject({ status: 401 });
      expect((await test.audited('login.failed'))[0]).toEqual({ method: 'oidc', reason: 'no_access' });
    });

    it('is nobody unknown where the admin did not allow it, nor somebody without an address of theirs', async () => {
      test.newPerson({ email: undefined });
      expect(test.told(await test.signIn())).toEqual(failed);
      test.newPerson({ email_verified: false });
      expect(test.told(await test.signIn())).toEqual(failed);
      await connect(test.server, test.provider, test.server.acme, { provisions_users: false });
      const person = test.newPerson();
      expect(test.told(await test.signIn())).toEqual(failed);
      expect(await test.userOf(person)).toBeUndefined();
      expect((await test.audited('login.failed')).slice(0, 3)).toMatchObject([
        { reason: 'unknown_user' },
        { reason: 'no_address' },
        { reason: 'no_address' },
      ]);
    });

    it('is nobody suspended, and signing in does not lift it', async () => {
      const person = test.newPerson();
      await test.signIn();
      const user = await test.userOf(person);
      await test.server.as(test.server.acme.admin, 'PATCH', `/api/users/${user?.id}`, { status: 'suspended' });
      expect(test.told(await test.signIn())).toEqual(failed);
      expect(await test.userOf(person)).toMatchObject({ status: 'suspended' });
    });

    it('is a user of the same address only where the admin allowed it, the provider is sure, and nothing is lost', async () => {
      const { analyst, viewer, admin } = test.server.acme;
      test.newPerson({ email: viewer.email });
      expect(test.told(await test.signIn())).toEqual(failed);
      await connect(test.server, test.provider, test.server.acme, { links_by_email: true });
      for (const verified of [false, undefined, 'true', 1]) {
        test.newPerson({ email: viewer.email, email_verified: verified });
        expect(test.told(await test.signIn())).toEqual(failed);
      }
      // An admin, or somebody with a higher clearance, is not taken over by rules that give less.
      test.newPerson({ email: admin.email });
      expect(test.told(await test.signIn())).toEqual(failed);
      test.newPerson({ email: analyst.email });
      expect(test.told(await test.signIn())).toEqual(failed);
      test.newPerson({ email: viewer.email.toUpperCase() });
      expect(await test.me((await test.signIn()).who)).toMatchObject({ user: { id: viewer.userId } });
    });

    it('is the user whom the directory provisioned, by the claim that both know them by', async () => {
      const { admin } = test.server.acme;
      const made = await test.server.as(admin, 'POST', '/api/keys', { name: 'directory', scopes: ['users:provision'] });
      const directory = { headers: { authorization: `Bearer ${String(made.body['key'])}` } };
      const resource = {
        schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
        userName: 'hopper@acme.example',
        externalId: 'oid-of-hopper',
      };
      const response = await test.server.inject({
        method: 'POST',
        url: '/scim/v2/Users',
        headers: { ...directory.headers, 'content-type': 'application/scim+json' },
        payload: JSON.stringify(resource),
      });
      const { id } = response.json<{ id: string }>();
      // Entra ID says nothing of whether an address is verified.
      const person = { email: 'hopper@acme.example', email_verified: undefined, oid: 'oid-of-hopper' };
      test.newPerson(person);
      expect(test.told(await test.signIn())).toEqual(failed);
      expect((await test.audited('login.failed'))[0]).toMatchObject({ reason: 'address_taken' });
      await connect(test.server, test.provider, test.server.acme, { links_by_claim: 'oid', provisions_users: false });
      for (const oid of ['', ['oid-of-hopper'], 'OID-OF-HOPPER', undefined]) {
        test.newPerson({ ...person, oid });
        expect(test.told(await test.signIn())).toEqual(failed);
      }
      test.newPerson({ ...person, email: undefined });
      expect(await test.me((await test.signIn()).who)).toMatchObject({ user: { id, email: 'hopper@acme.example' } });
    });

    it('is another user in another tenant, for the same subject, address and issuer', async () => {
      await connect(test.server, test.provider, test.server.globex, { default_role: 'analyst' });
      const person = test.newPerson();
      const here = await test.me((await test.signIn('acme')).who);
      const there = await test.me((await test.signIn('globex')).who);
      expect(here).toMatchObject({ tenant: { slug: 'acme' }, user: { email: person.email, role: 'viewer' } });
      expect(there).toMatchObject({ tenant: { slug: 'globex' }, user: { email: person.email, role: 'analyst' } });
      expect((here['user'] as { id: string }).id).not.toBe((there['user'] as { id: string }).id);
    });

    it('is nobody once the user was deleted, but a new one where that is allowed', async () => {
      const person = test.newPerson();
      await test.signIn();
      const before = await test.userOf(person);
      await test.server.as(test.server.acme.admin, 'PATCH', `/api/users/${before?.id}`, { status: 'deleted' });
      const rows = await test.server.testDatabase.superuser('select * from genai.user_identities where user_id = $1', [
        before?.id,
      ]);
      expect(rows).toEqual([]);
      await test.signIn();
      expect((await test.userOf(person))?.id).not.toBe(before?.id);
    });
  });

  describe('an answer that is not the provider’s, or not for this browser', () => {
    it.each<[string, (address: URL) => void]>([
      ['another state', (url) => url.searchParams.set('state', 'x')],
      ['no state', (url) => url.searchParams.delete('state')],
      ['two states', (url) => url.searchParams.append('state', 'x')],
      ['another code', (url) => url.searchParams.set('code', 'x')],
      ['no code', (url) => url.searchParams.delete('code')],
      ['two codes', (url) => url.searchParams.append('code', 'x')],
      ['another issuer (mix-up)', (url) => url.searchParams.set('iss', 'https://stranger.example')],
      ['no issuer, which this provider always sends', (url) => url.searchParams.delete('iss')],
      ['an error beside the code', (url) => url.searchParams.set('error', 'access_denied')],
      [
        'a token instead of a code',
        (url) => {
          url.searchParams.delete('code');
          url.searchParams.set('id_token', 'a.b.c');
        },
      ],
      ['a JARM response', (url) => url.searchParams.set('response', 'a.b.c')],
    ])('is refused with %s', async (_name, cheat) => {
      const person = test.newPerson();
      const tab = test.browser();
      const back = await tab.visitProvider(await tab.begin('acme'));
      cheat(back);
      expect(Object.fromEntries(await tab.comeBack(back))).toEqual(failed);
      expect(await test.userOf(person)).toBeUndefined();
    });

    it.each<[string, (address: URL) => void]>([
      ['a nonce', (url) => url.searchParams.set('nonce', 'x')],
      ['no nonce', (url) => url.searchParams.delete('nonce')],
      ['the hash of another verifier', (url) => url.searchParams.set('code_challenge', 'x'.repeat(43))],
      ['a state', (url) => url.searchParams.set('state', 'x')],
    ])('is refused when somebody put %s of their own into the way there', async (_name, cheat) => {
      test.newPerson();
      const tab = test.browser();
      const there = await tab.begin('acme');
      cheat(there);
      expect(Object.fromEntries(await tab.comeBack(await tab.visitProvider(there)))).toEqual(failed);
    });

    it('is refused in a browser that did not begin it, and the attacker’s own code signs nobody else in', async () => {
      test.newPerson();
      const attacker = test.browser();
      const back = await attacker.visitProvider(await attacker.begin('acme'));
      const victim = test.browser();
      expect(Object.fromEntries(await victim.comeBack(back))).toEqual(failed);
      await victim.begin('acme');
      expect(Object.fromEntries(await victim.comeBack(back))).toEqual(failed);
      const code = (await attacker.comeBack(back)).get('sign-in') ?? '';
      expect((await victim.exchange(code)).statusCode).toBe(401);
      expect((await test.browser().exchange(code)).statusCode).toBe(401);
      expect((await attacker.exchange(code)).statusCode).toBe(200);
    });

    it('is refused a second time, and so is its one-time code', async () => {
      test.newPerson();
      const tab = test.browser();
      const back = await tab.visitProvider(await tab.begin('acme'));
      const cookies = new Map(tab.cookies);
      const code = (await tab.comeBack(back)).get('sign-in') ?? '';
      expect(Object.fromEntries(await tab.comeBack(back))).toEqual(failed);
      const tries = await Promise.all([tab.exchange(code), tab.exchange(code), tab.exchange(code)]);
      expect(tries.map(({ statusCode }) => statusCode).toSorted()).toEqual([200, 401, 401]);
      for (const [name, value] of cookies) tab.cookies.set(name, value);
      expect((await tab.exchange(code)).statusCode).toBe(401);
    });

    it('counts once even from a provider that gives out the same code twice', async () => {
      test.newPerson();
      const tab = test.browser();
      const back = await tab.visitProvider(await tab.begin('acme'));
      const answers = new Map<string, Response>();
      test.setWay((address, answer) => {
        if (!address.endsWith('/token') && !address.endsWith('/me')) return answer;
        const first = answers.get(address) ?? answer;
        answers.set(address, first.clone());
        return first;
      });
      expect((await tab.comeBack(back)).get('sign-in')).not.toBeNull();
      expect(Object.fromEntries(await tab.comeBack(back))).toEqual(failed);
    });

    it('is refused ten minutes after the beginning, and its code a minute after the end', async () => {
      test.newPerson();
      const slow = test.browser();
      const back = await slow.visitProvider(await slow.begin('acme'));
      test.server.clock.nowMs += 601_000;
      expect(Object.fromEntries(await slow.comeBack(back))).toEqual(failed);
      test.server.clock.nowMs = Date.now();
      const code = (await slow.comeBack(await slow.visitProvider(await slow.begin('acme')))).get('sign-in') ?? '';
      test.server.clock.nowMs += 61_000;
      expect((await slow.exchange(code)).statusCode).toBe(401);
    });

    it('is refused with a cookie that was changed, planted twice, or made for another tenant or provider', async () => {
      test.newPerson();
      await connect(test.server, test.provider, test.server.globex);
      const tab = test.browser();
      const back = await tab.visitProvider(await tab.begin('acme'));
      const [name = '', value = ''] = [...tab.cookies][0] ?? [];
      expect(name).toBe('__Host-genai-sign-in');
      for (const bad of [
        `${value.slice(0, -2)}AA`,
        'x',
        '',
        value.slice(4),
        `${value}; ${name}=${value}`,
        'a'.repeat(5000),
      ]) {
        tab.cookies.set(name, bad);
        expect(Object.fromEntries(await tab.comeBack(back)), bad).toEqual(failed);
        tab.cookies.set(name, value);
      }
      const elsewhere = new URL(back);
      elsewhere.pathname = '/api/auth/oidc/globex/callback';
      expect(Object.fromEntries(await tab.comeBack(elsewhere))).toEqual(failed);
      const put = (clientId: string) =>
        test.server.as(test.server.acme.admin, 'PUT', '/api/identity-provider', {
          issuer: test.provider.issuer,
          client_id: clientId,
        });
      await put('another-client');
      const before = test.provider.count('/token');
      expect(Object.fromEntries(await tab.comeBack(back))).toEqual(failed);
      expect(test.provider.count('/token')).toBe(before);
    });

    it('has nothing written before the provider confirmed it, however many begin', async () => {
      const tables = ['sign_ins', 'audit_events', 'security_events', 'user_identities'];
      const counts = () =>
        test.server.testDatabase.superuser(
          `select ${tables.map((table) => `(select count(*)::int from genai.${table}) as ${table}`).join(', ')}`,
        );
      const before = await counts();
      const beginnings = await Promise.all(Array.from({ length: 50 }, () => test.browser().begin('acme')));
      expect(beginnings.every(({ origin }) => origin === test.provider.issuer)).toBe(true);
      expect(await counts()).toEqual(before);
    });

    it('is refused when the person turned away at the provider', async () => {
      test.provider.be(undefined);
      expect(test.told(await test.signIn())).toEqual(failed);
    });
  });

  describe('an ID token that is not right', () => {
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    /** Exchanges the ID token on its way to us. */
    const exchanged = (make: (claims: Record<string, unknown>) => Promise<string> | string): Way => {
      return async (address, answer) => {
        if (!address.endsWith('/token')) return answer;
        const body = (await answer.json()) as { id_token: string };
        const claims = JSON.parse(Buffer.from(body.id_token.split('.')[1] ?? '', 'base64url').toString()) as Record<
          string,
          unknown
        >;
        return Response.json({ ...body, id_token: await make(claims) });
      };
    };
    const sign = (change: object, header: Record<string, unknown> = {}, key = test.provider.key()) =>
      exchanged((claims) => test.provider.sign({ ...claims, ...change }, { typ: 'JWT', ...header }, key));

    it('lets in when it was only signed again, which is what the rest of this starts from', async () => {
      test.newPerson();
      test.setWay(sign({}));
      expect((await test.signIn()).who).toBeDefined();
    });

    it.each<[string, () => Way]>([
      ['signed by nobody', () => exchanged((claims) => `${encode({ alg: 'none' })}.${encode(claims)}.`)],
      ['signed by a stranger', () => sign({}, {}, newProviderKey())],
      [
        'signed by a stranger under the name of the right key',
        () => sign({}, { kid: test.provider.key().kid }, newProviderKey()),
      ],
      ['signed with an algorithm that was not set', () => sign({}, {}, { ...newProviderKey('ES256') })],
      ['that brings its key along', () => sign({}, { jwk: test.provider.key().publicKey.export({ format: 'jwk' }) })],
      ['for another client', () => sign({ aud: 'another-client' })],
      ['for us and others, without saying for whom', () => sign({ aud: ['client-of-acme', 'another'] })],
      ['of another issuer', () => sign({ iss: 'https://stranger.example' })],
      ['that is over', () => sign({ exp: Math.floor(Date.now() / 1000) - 120 })],
      ['without an expiry', () => sign({ exp: undefined })],
      ['with another nonce', () => sign({ nonce: 'x' })],
      ['without a nonce', () => sign({ nonce: undefined })],
      ['without a subject', () => sign({ sub: undefined })],
      ['of another subject than the userinfo', () => sign({ sub: 'p-0' })],
      ['that is an access token', () => sign({}, { typ: 'at+jwt' })],
      ['that is not there', () => exchanged(() => '')],
      ['that is no token', () => exchanged(() => 'a.b.c')],
    ])('lets nobody in: %s', async (_name, tampering) => {
      const person = test.newPerson();
      test.setWay(tampering());
      expect(test.told(await test.signIn())).toEqual(failed);
      expect(await test.userOf(person)).toBeUndefined();
    });
  });
});
