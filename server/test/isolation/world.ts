/** Two tenants on one server, what was made in each, and how the ids of the server and the names of the model belong together. */

import { createForeignIdWatch } from '../../src/audit/index.ts';
import { createFileBlobs } from '../../src/blobs/index.ts';
import { newId } from '../../src/db/index.ts';
import { createDocuments } from '../../src/documents/index.ts';
import { AppError, isAppError } from '../../src/errors.ts';
import { createIngest } from '../../src/ingest/index.ts';
import { createLedger } from '../../src/ledger/index.ts';
import { createAnswer, createRetrieve } from '../../src/query/index.ts';
import { createCosts, createEmbeddedBackend, createScheduler } from '../../src/scheduler/index.ts';
import { createSearchIndex } from '../../src/search/index.ts';
import { answerSettings, schedulerPolicy } from '../../src/settings.ts';
import { createMetrics } from '../../src/telemetry/index.ts';
import type { TestDatabase } from '../support/database.ts';
import { openTestServer, type ServerParts } from '../support/http.ts';
import { ingestSettings, type ingestTools } from '../support/ingest.ts';
import { testLimits } from '../support/limits.ts';
import type { Label, Name, Role, Tenant } from './model.ts';

/** Kinds of things that have ids. */
export type Kind = 'user' | 'key' | 'collection' | 'document';

/** One of the two tenants. */
export interface Side {
  readonly id: string;
  readonly slug: string;
  /** Stands in every name, title and address of this tenant and nowhere else. */
  readonly canary: string;
  /** The secrets of keys, by name. */
  readonly secrets: Map<Name, string>;
  /** Names by kind, oldest first, also of what is gone. `root` is not among them: nothing is done to it. */
  readonly made: Readonly<Record<Kind, Name[]>>;
  readonly idOf: Map<Name, string>;
  readonly nameOf: Map<string, Name>;
  /** As it was seeded. */
  readonly seeded: Tenant;
}

/** Everybody's clearance differs from their role's rank, so that neither can stand in for the other. */
const cast: readonly (readonly [person: string, role: Role, clearance: Label])[] = [
  ['root', 'admin', 'restricted'],
  ['ada', 'admin', 'confidential'],
  ['ana', 'analyst', 'internal'],
  ['vic', 'viewer', 'confidential'],
];

/** Opens a server for many pairs of tenants; the caller closes it. */
export async function openArena(database: TestDatabase, { parser, embedder }: ReturnType<typeof ingestTools>) {
  let running = 0;
  /** Counts the calls that are under way, also of clients that have left. */
  function tracked<T extends object>(service: T): T {
    return new Proxy(service, {
      get(target, property) {
        const member: unknown = Reflect.get(target, property);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => {
          const result: unknown = Reflect.apply(member, target, args);
          if (!(result instanceof Promise)) return result;
          running += 1;
          const done = () => {
            running -= 1;
          };
          result.then(done, done);
          return result;
        };
      },
    });
  }

  const parts = Promise.withResolvers<ReturnType<typeof flowsOver>>();
  const server = await openTestServer({
    open: async () => database,
    environment: { LOG_LEVEL: 'fatal' },
    services(given) {
      const flows = flowsOver(given, parser, embedder);
      parts.resolve(flows);
      const { documents, ledger, answer, onNotFound, limits } = flows;
      const { identity, audit, tenants } = given.people;
      const calls = tracked({ answer });
      return {
        identity: tracked(identity),
        audit: tracked(audit),
        tenants: tracked(tenants),
        documents: tracked(documents),
        ledger: tracked(ledger),
        limits,
        answer: (...args) => calls.answer(...args),
        onNotFound,
      };
    },
  });
  const { ingest, people, documents, ledger } = await parts.promise;

  return {
    inject: server.inject,
    stop: server.stop,
    ingest,
    /** Resolves when nothing runs any more. */
    async idle(): Promise<void> {
      for (let quietTurns = 0; quietTurns < 5; quietTurns = running + ledger.pending() === 0 ? quietTurns + 1 : 0) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    /** A new tenant with its people, a key for each, and an empty collection for everyone. */
    async addSide(): Promise<Side> {
      for (;;) {
        // Faults that are meant for others end what is under way here too; then another tenant is made.
        const side = await addSide().catch((error: unknown) => {
          if (!isAppError(error)) throw error;
        });
        if (side !== undefined) return side;
      }
    },
  };

  async function addSide(): Promise<Side> {
    const canary = `zq${newId('team').slice(-12)}`;
    const { actor, identity } = people;
    const slug = `t-${canary}`;
    const { id } = await people.tenants.create({ slug, name: canary, tier: 'free' }, { actor });
    const scope = { tenantId: id, actor };
    const side = emptySide(id, slug, canary);
    for (const [person, role, clearance] of cast) {
      const details = { email: `${person}@${canary}.example`, name: `${person} ${canary}`, role, clearance };
      const user = await identity.createUser(scope, details);
      const { id: keyId, key } = await identity.createApiKey(scope, { name: canary, userId: user.id });
      learn(side, person === 'root' ? undefined : 'user', `${slug}.${person}`, user.id);
      learn(side, person === 'root' ? undefined : 'key', `${slug}.${person}.key`, keyId);
      side.secrets.set(`${slug}.${person}.key`, key);
    }
    await documents.ensureDefaultCollection(scope);
    const listed = await server.as(bearer(side, `${slug}.root.key`), 'GET', '/api/collections');
    const [general] = (listed.body['data'] ?? []) as { id: string }[];
    if (general === undefined) throw new AppError('dependency_unavailable');
    learn(side, 'collection', `${slug}.general`, general.id);
    return side;
  }
}

/** What `openArena` gives. */
export type Arena = Awaited<ReturnType<typeof openArena>>;

/** Notes the id of a thing; of what kind says that things may be done to it. */
export function learn(side: Side, kind: Kind | undefined, name: Name, id: string): void {
  side.idOf.set(name, id);
  side.nameOf.set(id, name);
  if (kind !== undefined && !side.made[kind].includes(name)) side.made[kind].push(name);
}

/** The headers of somebody with a key. */
export function bearer(side: Side, key: Name) {
  return { headers: { authorization: `Bearer ${side.secrets.get(key) ?? 'unknown'}` } };
}

function emptySide(id: string, slug: string, canary: string): Side {
  const users = Object.fromEntries(
    cast.map(([person, role, clearance]) => [`${slug}.${person}`, { role, clearance, isActive: true }]),
  );
  const keys = Object.fromEntries(
    cast.map(([person]) => [`${slug}.${person}.key`, { user: `${slug}.${person}`, scopes: null }]),
  );
  const collections = { [`${slug}.general`]: { title: 'general', grants: [{ kind: 'everyone' } as const] } };
  const events = { 'tenant.created': 1, 'user.created': cast.length, 'api_key.created': cast.length };
  return {
    id,
    slug,
    canary,
    secrets: new Map(),
    made: { user: [], key: [], collection: [], document: [] },
    idOf: new Map(),
    nameOf: new Map(),
    seeded: { users, keys, collections, documents: {}, questions: {}, events },
  };
}

/** The real flows, and the real work behind them. */
function flowsOver(
  { people, config, log, folder }: ServerParts,
  parser: ReturnType<typeof ingestTools>['parser'],
  embedder: ReturnType<typeof ingestTools>['embedder'],
) {
  const { database, vault, audit } = people;
  const blobs = createFileBlobs(`${folder}/blobs`);
  const search = createSearchIndex();
  const metrics = createMetrics();
  const documents = createDocuments({
    ...{ database, vault, audit, blobs, search, log },
    uploadBytesMax: 10_000,
    // Sequences say when a document is indexed.
    enqueueIngest: async () => {},
  });
  const ledger = createLedger({ database, vault, audit, settleDelayMs: 0, settleBatchMax: 100 });
  const limits = testLimits({ tier: { budgetNanoPerMonth: 1e15 }, loadSpent: ledger.spentSince });
  const retrieve = createRetrieve({ database, vault, documents, search, embedder, candidates: 100 });
  const policy = schedulerPolicy(config.scheduler);
  const backend = createEmbeddedBackend({ policy, upstreamSlots: config.scheduler.slots });
  const scheduler = createScheduler({ ...config.scheduler, backend, log, onServed: () => {} });
  const settings = { ...answerSettings(config), passagesMax: 100 };
  const answer = createAnswer({
    limits,
    ledger,
    metrics,
    now: Date.now,
    retrieve,
    scheduler,
    costs: createCosts(config.scheduler),
    provider: undefined,
    settings,
  });
  const ingest = createIngest({
    ...{ database, vault, blobs, search, parser, embedder, metrics, log },
    settings: { ...ingestSettings, ingestAttemptsMax: 1000 },
  });
  return {
    people,
    documents,
    ledger,
    limits,
    answer,
    ingest,
    onNotFound: createForeignIdWatch(database, audit).notice,
  };
}
