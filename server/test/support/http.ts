/**
 * The HTTP server over real tenants, identity, audit, limits and documents, on a real database. Only the flows that call
 * models are stand-ins, which a test gives; nothing is ingested.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFileBlobs } from '../../src/blobs/index.ts';
import { type Config, loadConfig } from '../../src/config/index.ts';
import type { BuiltInRole, Logger } from '../../src/context.ts';
import { createDocuments } from '../../src/documents/index.ts';
import { createHttpServer, type Services } from '../../src/http/index.ts';
import type { AnswerQuestion, Chat } from '../../src/query/index.ts';
import { createEmbeddedBackend } from '../../src/scheduler/index.ts';
import { createSearchIndex } from '../../src/search/index.ts';
import { schedulerPolicy } from '../../src/settings.ts';
import { createLogger, createMetrics } from '../../src/telemetry/index.ts';
import { openTestDatabase, type TestDatabase } from './database.ts';
import { contextOf, identityOn, type TestIdentity, type TestIdentityOptions, testPassword } from './identity.ts';
import { testLimits, testPolicy } from './limits.ts';

/** What a test changes. */
export interface TestServerOptions {
  /** Settings, by their variables. */
  readonly environment?: Readonly<Record<string, string>>;
  /** In the place of the usual ones. */
  readonly services?: Partial<Services> | ((parts: ServerParts) => Partial<Services>);
  readonly identity?: TestIdentityOptions;
  /** The database; one that is there by default. */
  readonly open?: () => Promise<TestDatabase>;
}

/** What the services of a test server are made of. */
export interface ServerParts {
  readonly people: TestIdentity;
  readonly config: Config;
  readonly log: Logger;
  /** Removed with the server. */
  readonly folder: string;
}

/** Somebody with a credential. */
export interface Person {
  readonly userId: string;
  readonly email: string;
  /** Of a session; `headers` has an API key, which no logout ends. */
  readonly accessToken: string;
  readonly apiKey: string;
  readonly headers: { readonly authorization: string };
}

/** Starts a server with the tenants `acme` and `globex`; the caller closes it. */
export async function openTestServer(options: TestServerOptions = {}) {
  const { environment = {}, services: overrides, open = openTestDatabase } = options;
  const testDatabase = await open();
  const people = identityOn(testDatabase, { accessTokenTtlSeconds: 3600 }, options.identity);
  const folder = mkdtempSync(join(tmpdir(), 'genai-http-'));
  const { config } = loadConfig({ environment: { PORT: '0', LOG_LEVEL: 'trace', ...environment }, directory: folder });
  const { log, lines } = captureLog(config.observability);
  const enqueued: string[] = [];
  const services = {
    ...servicesOver(people, config, log, { folder, onEnqueue: (documentId) => enqueued.push(documentId) }),
    ...(typeof overrides === 'function' ? overrides({ people, config, log, folder }) : overrides),
  };
  const server = await createHttpServer({ services, config, log });
  const operator = await people.identity.createOperatorKey('tests', people.actor);
  const acme = await addTenant(people, services, 'acme', 'enterprise');
  return {
    ...server,
    /** Statements beyond all walls, to see what there is. */
    superuser: testDatabase.superuser,
    /** In-process requests. */
    inject: server.app.inject.bind(server.app),
    /** The same with a JSON body and answer, as somebody or nobody. */
    async as<T = Record<string, unknown>>(
      who: Pick<Person, 'headers'> | undefined,
      method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
      url: string,
      payload?: object,
    ) {
      const headers = who?.headers ?? {};
      const response = await server.app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
      const body = (response.body === '' ? undefined : JSON.parse(response.body)) as T;
      return { status: response.statusCode, headers: response.headers, body };
    },
    acme,
    globex: await addTenant(people, services, 'globex', 'free'),
    testDatabase,
    operator: { headers: { authorization: `Bearer ${operator.key}` } },
    /** An operator's access to acme. */
    breakGlass: await openBreakGlass(people, acme, operator.id),
    password: testPassword,
    clock: people.clock,
    services,
    config,
    log,
    securityEvents: () => people.audit.listSecurityEvents({ limit: 1000 }),
    enqueued,
    logLines: lines,
    async stop() {
      await server.close();
      // Fastify only warns when an answer is written twice, or never.
      const warning = lines.find((line) => line.includes('FST_ERR_'));
      if (warning !== undefined) throw new Error(`Fastify complained: ${warning}`);
      people.close();
      rmSync(folder, { recursive: true, force: true });
      await testDatabase.close();
    },
  };
}

function servicesOver(
  people: TestIdentity,
  config: Config,
  log: Logger,
  { folder, onEnqueue }: { readonly folder: string; readonly onEnqueue: (documentId: string) => void },
): Services {
  const { database, vault, audit, identity, tenants } = people;
  const documents = createDocuments({
    database,
    vault,
    audit,
    blobs: createFileBlobs(join(folder, 'blobs')),
    search: createSearchIndex(),
    uploadBytesMax: config.documents.uploadBytesMax,
    enqueueIngest: async (_tenantId, documentId) => onEnqueue(documentId),
    log,
  });
  const { tiers } = testPolicy();
  const limits = testLimits({
    policy: {
      tiers: { ...tiers, free: { ...tiers.free, requestsPerMinute: 60 } },
      key: { requestsPerMinute: config.limits.keyRequestsPerMinute, tokensPerMinute: 0, concurrency: 0 },
      anonymousRequestsPerMinute: config.limits.anonymousRequestsPerMinute,
    },
  });
  return {
    identity,
    tenants,
    documents,
    audit,
    limits,
    scheduler: {
      survey: (tenantId) =>
        createEmbeddedBackend({ policy: schedulerPolicy(config.scheduler), upstreamSlots: 1 }).survey(tenantId, 100),
    },
    metrics: createMetrics(),
    answer: standIn,
    chat: standIn,
    models: async () => [{ id: 'test-model', created: 1, ownedBy: 'tests' }],
    ledger: { usage: async () => [] },
    health: { components: async () => [{ name: 'database', status: 'ok', required: true }] },
  };
}

async function addTenant(
  people: TestIdentity,
  services: Pick<Services, 'documents'>,
  slug: string,
  tier: 'enterprise' | 'free',
) {
  const tenant = await people.tenants.create({ slug, name: slug, tier }, { actor: people.actor });
  await services.documents.ensureDefaultCollection({ tenantId: tenant.id });
  const add = (role: BuiltInRole) => addPerson(people, tenant, role);
  return { ...tenant, admin: await add('admin'), analyst: await add('analyst'), viewer: await add('viewer') };
}

async function addPerson(
  people: TestIdentity,
  tenant: { readonly id: string; readonly slug: string },
  role: BuiltInRole,
): Promise<Person> {
  const email = `${role}@${tenant.slug}.example`;
  const clearance = role === 'admin' ? 'restricted' : 'internal';
  const { user, tokens } = await people.addUser(tenant, { email, role, clearance });
  const scope = { tenantId: tenant.id, actor: people.actor };
  const { key } = await people.identity.createApiKey(scope, { name: 'tests', userId: user.id });
  const { accessToken } = tokens;
  return { userId: user.id, email, accessToken, apiKey: key, headers: { authorization: `Bearer ${key}` } };
}

async function openBreakGlass({ identity }: TestIdentity, tenant: TestTenant, operatorId: string) {
  const { admin } = tenant;
  await identity.breakGlassConsents.set(contextOf(await identity.authenticate(admin.apiKey)), 1);
  const scope = { tenantId: tenant.id, tier: tenant.tier, actor: { kind: 'operator', id: operatorId } } as const;
  const { id, token } = await identity.breakGlass.open(scope, {
    reason: 'A test looks around.',
    clearance: 'internal',
  });
  return { id, token, headers: { authorization: `Bearer ${token}` } };
}

type TestTenant = Awaited<ReturnType<typeof addTenant>>;

/** What `openTestServer` gives. */
export type TestServer = Awaited<ReturnType<typeof openTestServer>>;

async function standIn(): Promise<never> {
  throw new Error('This test gave no stand-in for the flow that it calls.');
}

function captureLog(settings: Parameters<typeof createLogger>[0]): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const log = createLogger(settings, { debug: false, destination: { write: (line: string) => void lines.push(line) } });
  return { log, lines };
}

/**
 * A test server on real sockets whose flows do what a test says, and further servers over the same services with other
 * settings; `post` goes to the one that was started last.
 */
export async function openFlowServer() {
  const notGiven = async (): Promise<never> => standIn();
  const flows: { answer: AnswerQuestion; chat: Chat } = { answer: notGiven, chat: notGiven };
  const services: Partial<Services> = {
    answer: (...args) => flows.answer(...args),
    chat: (...args) => flows.chat(...args),
  };
  const server = await openTestServer({ services });
  let base = '';
  return {
    ...server,
    flows,
    base: () => base,
    /** Starts another HTTP server. */
    async serve(settings: { readonly [K in 'query' | 'security' | 'server']?: object } = {}) {
      const { config } = server;
      const changed = {
        ...config,
        query: { ...config.query, ...settings.query },
        security: { ...config.security, ...settings.security },
        server: { ...config.server, ...settings.server },
      };
      const http = await createHttpServer({ services: server.services, config: changed, log: server.log });
      base = await http.listen();
      return http;
    },
    post(path: string, body: object, init: RequestInit = {}): Promise<Response> {
      const headers = { ...server.acme.analyst.headers, 'content-type': 'application/json' };
      return fetch(base + path, { method: 'POST', headers, body: JSON.stringify(body), ...init });
    },
    /** Sends a request on a socket of its own, which reads nothing until it is resumed. */
    postUnread(path: string, body: object): Socket {
      const socket = connect(Number(new URL(base).port), '127.0.0.1');
      const payload = JSON.stringify(body);
      socket.pause();
      socket.on('error', () => {});
      socket.write(
        `POST ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: ${server.acme.analyst.headers.authorization}\r\n` +
          `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(payload)}\r\nConnection: close\r\n\r\n${payload}`,
      );
      return socket;
    },
  };
}
