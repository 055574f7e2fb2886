/**
 * Whatever takes access away takes it from answers that are already being written, within five seconds, whichever of two
 * servers on one database writes them and whichever was told. Nothing but the rows connects the two.
 *
 * They also share one Redis, and so their limits.
 */

import { createParser } from 'eventsource-parser';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type ServerProcess, startServer, temporaryDataDir } from '../bench/support/server-process.ts';
import { type GenaiProcess, startGenai } from './support/genai-process.ts';
import { makeServerDatabase, type ServerDatabase } from './support/server-database.ts';
import { startUpstream, type Upstream } from './support/upstream/index.ts';

const promisedMs = 5000;
const redisUrl = inject('redisUrl');
/** Two processes need a database and a Redis that both can reach. */
const isPossible = inject('postgresUrl') !== undefined && redisUrl !== undefined;

/** A token every 20 ms, for longer than any test. */
const endless = 'test-echo?gap=20&tokens=100000';

interface Person {
  readonly id: string;
  readonly accessToken: string;
  readonly sessionId: string;
  readonly apiKey: string;
  readonly keyId: string;
}

interface Tenant {
  readonly id: string;
  readonly admin: Person;
  readonly member: Person;
}

interface Ending {
  readonly code: string;
  readonly atMs: number;
}

describe.runIf(isPossible)('two servers on one database', () => {
  const dataDir = temporaryDataDir();
  let upstream: Upstream;
  let database: ServerDatabase;
  let first: ServerProcess;
  let second: GenaiProcess;
  let bases: readonly [string, string];
  const measuredMs: number[] = [];

  beforeAll(async () => {
    upstream = await startUpstream();
    database = await makeServerDatabase('postgresql', dataDir.path);
    const environment = {
      ...database.environment,
      ...{ REDIS_URL: redisUrl ?? '', OPENAI_BASE_URL: upstream.baseUrl, OPENAI_API_KEY: 'test-key' },
      ...{
        LLM_MODEL: 'test-answer?gap=20&tokens=100000',
        QUERY_TIMEOUT_MS: '600000',
        PASSWORD_HASH_MEMORY_KIB: '8192',
      },
    };
    first = await startServer(dataDir.path, environment);
    second = startGenai(['serve'], dataDir.path, { ...environment, PORT: '0', GENAI_DATA_DIR: dataDir.path });
    await second.said('"listening"');
    const address = /"address":"(http[^"]+)"/.exec(second.stdout())?.[1] ?? '';
    bases = [first.firstRun.base_url, address];
  }, 240_000);
  afterAll(async () => {
    second?.kill('SIGKILL');
    await second?.ended;
    await first?.stop('SIGKILL');
    await database?.remove();
    await upstream?.close();
    dataDir.remove();
    if (measuredMs.length > 0) {
      const slowest = Math.round(Math.max(...measuredMs));
      process.stdout.write(`${measuredMs.length} answers ended, the slowest ${slowest} ms after the change\n`);
    }
  });

  /** Sends JSON to one of the servers; a refusal fails the test. */
  async function send<T>(server: 0 | 1, credential: string, method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(new URL(path, bases[server]), {
      method,
      headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    expect(response.ok, `${method} ${path}: ${text}`).toBe(true);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  async function addPerson(tenant: { id: string; slug: string }, role: string, email: string): Promise<Person> {
    const password = 'a long enough password';
    const user = { email, name: email, role, clearance: 'confidential', password };
    const path = `/api/operator/tenants/${tenant.id}/users`;
    const { id } = await send<{ id: string }>(0, first.firstRun.operator_key, 'POST', path, user);
    const credentials = { tenant: tenant.slug, email, password };
    const { access_token: accessToken } = await send<Record<string, string>>(
      1,
      '-',
      'POST',
      '/api/auth/login',
      credentials,
    );
    const key = await send<{ id: string; key: string }>(0, accessToken ?? '', 'POST', '/api/keys', { name: 'tests' });
    const me = await send<{ credential: { id: string } }>(0, accessToken ?? '', 'GET', '/api/me');
    return { id, accessToken: accessToken ?? '', sessionId: me.credential.id, apiKey: key.key, keyId: key.id };
  }

  let tenants = 0;
  async function addTenant(tier = 'enterprise'): Promise<Tenant> {
    tenants += 1;
    const made = { slug: `revoked-${tenants}`, name: 'Revoked', tier };
    const tenant = await send<{ id: string; slug: string }>(
      0,
      first.firstRun.operator_key,
      'POST',
      '/api/operator/tenants',
      made,
    );
    const admin = await addPerson(tenant, 'admin', 'admin@example.com');
    return { id: tenant.id, admin, member: await addPerson(tenant, 'analyst', 'member@example.com') };
  }

  /** Opens an answer without end and resolves once it has begun; `ended` tells how it ended after all. */
  async function open(server: 0 | 1, credential: string, kind: 'chat' | 'question') {
    const [path, body] =
      kind === 'chat'
        ? ['/v1/chat/completions', { model: endless, stream: true, messages: [{ role: 'user', content: 'on and on' }] }]
        : ['/api/query', { question: 'How many days of paid annual leave are there?', stream: true }];
    const leaving = new AbortController();
    const response = await fetch(new URL(path, bases[server]), {
      method: 'POST',
      headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: leaving.signal,
    });
    expect(response.status, kind).toBe(200);
    const begun = Promise.withResolvers<void>();
    let tokens = 0;
    let ending: Ending | undefined;
    const parser = createParser({
      onEvent({ event, data }) {
        tokens += 1;
        begun.resolve();
        const value = data.startsWith('{') ? (JSON.parse(data) as { code?: string; error?: { code: string } }) : {};
        const code = event === 'error' ? value.code : value.error?.code;
        if (code !== undefined) ending = { code, atMs: performance.now() };
      },
    });
    async function read(): Promise<Ending> {
      const text = response.body?.pipeThrough(new TextDecoderStream());
      for await (const piece of text ?? []) parser.feed(piece);
      if (ending === undefined) throw new Error('The answer ended without saying why.');
      return ending;
    }
    const ended = read();
    ended.catch(begun.reject);
    await begun.promise;
    return { ended, tokens: () => tokens, leave: () => leaving.abort() };
  }

  const bySession = ({ member }: Tenant) => member.accessToken;
  const byKey = ({ member }: Tenant) => member.apiKey;
  const operatorSends = (tenant: Tenant, change: object) =>
    send(0, first.firstRun.operator_key, 'PATCH', `/api/operator/tenants/${tenant.id}`, change);
  const adminSends = ({ admin, member }: Tenant, change: object) =>
    send(0, admin.apiKey, 'PATCH', `/api/users/${member.id}`, change);

  // Each has a tenant of its own and waits for the next look at what stands, so they wait together.
  it.concurrent.for<[string, (tenant: Tenant) => string, (tenant: Tenant) => Promise<unknown>]>([
    ['a session whose user is suspended', bySession, (tenant) => adminSends(tenant, { status: 'suspended' })],
    ['a key whose user is suspended', byKey, (tenant) => adminSends(tenant, { status: 'suspended' })],
    ['a session whose user is deleted', bySession, (tenant) => adminSends(tenant, { status: 'deleted' })],
    ['a key whose user is deleted', byKey, (tenant) => adminSends(tenant, { status: 'deleted' })],
    ['a session whose tenant is suspended', bySession, (tenant) => operatorSends(tenant, { status: 'suspended' })],
    ['a key whose tenant is suspended', byKey, (tenant) => operatorSends(tenant, { status: 'suspended' })],
    [
      'a session that is logged out',
      bySession,
      ({ member }) => send(0, member.accessToken, 'POST', '/api/auth/logout'),
    ],
    [
      'a session that its user ends',
      bySession,
      ({ member }) => send(0, member.apiKey, 'DELETE', `/api/sessions/${member.sessionId}`),
    ],
    [
      'a session whose password is changed',
      bySession,
      (tenant) => adminSends(tenant, { password: 'another password of theirs' }),
    ],
    [
      'a key that is revoked',
      byKey,
      ({ member, admin }) => send(0, admin.accessToken, 'DELETE', `/api/keys/${member.keyId}`),
    ],
    ['a session whose role becomes smaller', bySession, (tenant) => adminSends(tenant, { role: 'viewer' })],
    ['a key whose clearance becomes lower', byKey, (tenant) => adminSends(tenant, { clearance: 'internal' })],
  ])('end the answers to %s', { timeout: 60_000 }, async ([, credentialOf, change], { expect }) => {
    const tenant = await addTenant();
    const credential = credentialOf(tenant);
    const answers = await Promise.all([open(0, credential, 'chat'), open(1, credential, 'chat')]);
    const bystander = await open(1, first.firstRun.tenants[0]?.users[0]?.api_key ?? '', 'chat');

    await change(tenant);
    const changedMs = performance.now();
    for (const { ended } of answers) {
      const { code, atMs } = await ended;
      expect(code).toBe('authentication_required');
      expect(atMs - changedMs).toBeLessThan(promisedMs);
      measuredMs.push(atMs - changedMs);
    }
    const seen = bystander.tokens();
    await expect.poll(bystander.tokens).toBeGreaterThan(seen + 5);
    bystander.leave();
    await expect(bystander.ended).rejects.toThrow();
  });

  it('end the answer to a question in the same way, and no answer of who may do more than before', async () => {
    const key = first.firstRun.tenants[0]?.users.find(({ role }) => role === 'viewer')?.api_key ?? '';
    const admin = first.firstRun.tenants[0]?.users.find(({ role }) => role === 'admin')?.api_key ?? '';
    const { user } = await send<{ user: { id: string } }>(0, key, 'GET', '/api/me');
    const answer = await open(1, key, 'question');
    await send(0, admin, 'PATCH', `/api/users/${user.id}`, { role: 'analyst' });
    const seen = answer.tokens();
    // Two looks and more go by in the time of so many tokens.
    await expect.poll(answer.tokens, { timeout: 30_000 }).toBeGreaterThan(seen + 250);
    await send(0, admin, 'PATCH', `/api/users/${user.id}`, { status: 'suspended' });
    const changedMs = performance.now();
    const { code, atMs } = await answer.ended;
    expect(code).toBe('authentication_required');
    expect(atMs - changedMs).toBeLessThan(promisedMs);
  }, 60_000);

  it('shut a break-glass access out on both as soon as the tenant ends it on one', async () => {
    const tenant = await addTenant();
    await send(1, tenant.admin.apiKey, 'PUT', '/api/break-glass-consent', { hours: 1 });
    const wanted = { reason: 'A test looks around.', clearance: 'public' };
    const path = `/api/operator/tenants/${tenant.id}/break-glass`;
    const access = await send<Record<string, string>>(0, first.firstRun.operator_key, 'POST', path, wanted);
    await send(1, access['token'] ?? '', 'GET', '/api/documents');
    await send(0, tenant.admin.apiKey, 'DELETE', `/api/break-glass/${access['id']}`);
    for (const base of bases) {
      const headers = { authorization: `Bearer ${access['token']}` };
      expect((await fetch(new URL('/api/documents', base), { headers })).status).toBe(401);
    }
  });

  it('let in a tenant as often as one of them alone would', async () => {
    const { member } = await addTenant('free');
    const headers = { authorization: `Bearer ${member.apiKey}` };
    const statuses = () =>
      Promise.all(
        Array.from({ length: 300 }, async (_, n) => (await fetch(`${bases[n % 2]}/api/me`, { headers })).status),
      );
    const startedMs = performance.now();
    const admitted = (await statuses()).filter((status) => status === 200).length;
    // Making the tenant took some of its 120 a minute; two come back each second.
    expect(admitted).toBeLessThanOrEqual(120 + Math.ceil((performance.now() - startedMs) / 500));
    expect(admitted).toBeGreaterThan(100);
  });
});
