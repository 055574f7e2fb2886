/** `genai isolation verify` finds leaks: a FAKE edge before a real server has many of them, and each is told where it is. */

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SignedReport } from '../src/cli/isolation/report.ts';
import { startTestApp, type TestApp } from './support/app.ts';
import { runCommand } from './support/command-line.ts';
import { testDatabases } from './support/database.ts';
import { startGenai } from './support/genai-process.ts';
import { type Leak, type Passing, type Reply, startLeakingEdge } from './support/leaking-edge.ts';

type Report = SignedReport['report'];
type Kind = Report['findings'][number]['kind'];

/** A leak, and how it must be told. */
interface Planted extends Leak {
  readonly what: string;
  readonly operation: string;
  /** Kinds of findings that must be there at the operation. */
  readonly kinds: readonly Kind[];
  /** Who alone is told, or where alone, when it matters. */
  readonly only?: { readonly credential?: RegExp; readonly place?: RegExp };
  /** A place where it must be told, whatever else tells it. */
  readonly at?: RegExp;
}

const lastIn = ({ pathname }: URL) => pathname.split('/').at(-1) ?? '';
const nextToLastIn = ({ pathname }: URL) => pathname.split('/').at(-2) ?? '';

/** As the owner, where whoever asks is told that there is nothing. */
async function unfiltered({ honest, asOwner }: Passing): Promise<Reply> {
  const reply = await honest();
  return reply.status === 404 ? asOwner() : reply;
}

/** The answer with another status, and a text that says so. */
function refused(reply: Reply, status: number): Reply {
  return { ...reply, status, text: JSON.stringify({ status, code: 'forbidden', title: 'No.' }) };
}

let askedBefore = '';

const planted: readonly Planted[] = [
  {
    what: 'a document read without its tenant',
    ...{ method: 'GET', path: /^\/api\/documents\/[^/]+$/, answer: unfiltered },
    ...{ operation: 'getDocument', kinds: ['canary', 'difference', 'wrong_answer'] },
  },
  {
    what: '403 in place of 404 for what another tenant has',
    ...{ method: 'DELETE', path: /^\/api\/keys\/[^/]+$/ },
    async answer({ honest, url, isOfOwner }) {
      const reply = await honest();
      return reply.status === 404 && isOfOwner(lastIn(url)) ? refused(reply, 403) : reply;
    },
    ...{ operation: 'revokeKey', kinds: ['difference', 'wrong_answer'] },
  },
  {
    what: 'success for whatever id there is or is not',
    ...{ method: 'DELETE', path: /^\/api\/sessions\/[^/]+$/ },
    async answer({ honest }) {
      const reply = await honest();
      return reply.status === 404 ? { ...reply, status: 204, text: '' } : reply;
    },
    ...{ operation: 'endSession', kinds: ['wrong_answer'], at: /^path id$/ },
  },
  {
    what: '403 for whatever is not there',
    ...{ method: 'GET', path: /^\/api\/users\/[^/]+\/sessions$/ },
    async answer({ honest }) {
      const reply = await honest();
      return reply.status === 404 ? refused(reply, 403) : reply;
    },
    ...{ operation: 'listUserSessions', kinds: ['wrong_answer'] },
  },
  {
    what: 'a list with what another tenant has, for one role only',
    ...{ method: 'GET', path: /^\/api\/collections$/ },
    async answer({ honest, asOwner, role }) {
      const reply = await honest();
      if (role !== 'viewer' || reply.status !== 200) return reply;
      const [own, theirs] = [reply, await asOwner()].map(({ text }) => JSON.parse(text) as { data: unknown[] });
      return { ...reply, text: JSON.stringify({ data: [...(own?.data ?? []), ...(theirs?.data ?? [])] }) };
    },
    ...{ operation: 'listCollections', kinds: ['canary'], only: { credential: /viewer/ } },
  },
  {
    what: 'a change of what another tenant has, told as if there were nothing',
    ...{ method: 'PATCH', path: /^\/api\/users\/[^/]+$/ },
    async answer({ honest, asOwner }) {
      const reply = await honest();
      if (reply.status === 404) await asOwner();
      return reply;
    },
    ...{ operation: 'listUsers', kinds: ['side_effect'] },
  },
  {
    what: 'answers kept without the tenant',
    ...{ method: 'POST', path: /^\/api\/query$/ },
    keep: ({ body }) => `query ${body.toString()}`,
    answer: async ({ honest, kept, body, role }) =>
      (role === undefined ? undefined : kept(`query ${body.toString()}`)) ?? honest(),
    ...{ operation: 'ask', kinds: ['canary'] },
  },
  {
    what: 'an error that names the title of another tenant',
    ...{ method: 'GET', path: /^\/api\/documents\/[^/]+\/content$/ },
    async answer({ honest, asOwner, url }) {
      const reply = await honest();
      const document = await asOwner(url.pathname.replace(/\/content$/, ''));
      if (reply.status !== 404 || document.status !== 200) return reply;
      const { title } = JSON.parse(document.text) as { title: string };
      return { ...reply, text: JSON.stringify({ ...JSON.parse(reply.text), detail: `"${title}" is not yours.` }) };
    },
    ...{ operation: 'downloadDocument', kinds: ['canary', 'difference'] },
  },
  {
    what: 'a header that changes the tenant',
    ...{ method: 'GET', path: /^\/api\/keys$/ },
    answer: ({ honest, asOwner, headers, owner, role }) =>
      headers['x-org-id'] === owner.id && role !== undefined ? asOwner() : honest(),
    ...{ operation: 'listKeys', kinds: ['canary'], only: { place: /^headers/ } },
  },
  {
    what: 'a field that changes the tenant and is not described',
    ...{ method: 'GET', path: /^\/api\/roles$/ },
    answer: ({ honest, asOwner, url, owner }) =>
      url.searchParams.get('tenantId') === owner.id ? asOwner(url.pathname) : honest(),
    ...{ operation: 'listRoles', kinds: ['canary', 'difference'], only: { place: /^query tenantId/ } },
  },
  {
    what: 'a field that takes ids and is not described as doing so',
    ...{ method: 'GET', path: /^\/api\/documents$/ },
    answer: ({ honest, asOwner, url, isOfOwner }) =>
      isOfOwner(url.searchParams.get('collection') ?? '') ? asOwner() : honest(),
    ...{ operation: 'listDocuments', kinds: ['difference'], only: { place: /^query collection/ } },
  },
  {
    what: 'a path whose parts are checked against each other and not against the tenant',
    ...{ method: 'PUT', path: /^\/api\/teams\/[^/]+\/members\/[^/]+$/ },
    answer({ honest, asOwner, url, isOfOwner }) {
      const [, , , team = '', , user = ''] = url.pathname.split('/');
      return isOfOwner(team) && isOfOwner(user) ? asOwner() : honest();
    },
    ...{ operation: 'addTeamMember', kinds: ['difference', 'wrong_answer'], at: /^path id and the path$/ },
  },
  {
    what: 'a cursor that carries its tenant along',
    ...{ method: 'GET', path: /^\/api\/audit$/ },
    answer: ({ honest, asOwner, url, isOfOwner, role }) =>
      role !== undefined && isOfOwner(url.searchParams.get('cursor') ?? '') ? asOwner() : honest(),
    ...{ operation: 'listAuditEvents', kinds: ['canary'], only: { place: /^query cursor/ } },
  },
  {
    what: 'an answer repeated to whoever knows the key of the request',
    ...{ method: 'POST', path: /^\/api\/teams$/ },
    keep: ({ headers }) => headers['idempotency-key'],
    answer: async ({ honest, headers, kept }) => kept(headers['idempotency-key'] ?? '') ?? honest(),
    ...{ operation: 'createTeam', kinds: ['canary'] },
  },
  {
    what: 'an id that somebody asked for before',
    ...{ method: 'GET', path: /^\/api\/documents\/[^/]+\/text$/ },
    async answer({ honest, url }) {
      const [reply, before] = [await honest(), askedBefore];
      askedBefore = nextToLastIn(url);
      return { ...reply, headers: { ...reply.headers, 'x-asked-before': before } };
    },
    ...{ operation: 'getDocumentText', kinds: ['canary'] },
  },
  {
    what: 'a label of a metric',
    ...{ method: 'GET', path: /^\/metrics$/ },
    async answer({ honest, asOwner }) {
      const [reply, collections] = [await honest(), await asOwner('/api/collections')];
      return { ...reply, text: `${reply.text}\n# ${collections.text}\n` };
    },
    ...{ operation: 'getMetrics', kinds: ['canary'] },
  },
];

/** Leaves out what the description says of `collection`, and nothing else. */
function withoutNames(openApi: string): string {
  const document = JSON.parse(openApi) as {
    paths: Record<string, { get: { parameters: { name?: string; schema?: Record<string, unknown> }[] } }>;
  };
  for (const { name, schema } of document.paths['/api/documents']?.get.parameters ?? [])
    if (name === 'collection') delete schema?.['x-names'];
  return JSON.stringify(document);
}

/** Gives the description two operations: one with an id of something that nothing makes, one with an id of nobody knows what. */
function withUnknown(openApi: string): string {
  const document = JSON.parse(openApi) as { paths: Record<string, unknown> };
  const operation = (operationId: string, schema: object) => ({
    get: {
      ...{ operationId, 'x-permission': 'documents:read', security: [{ bearer: [] }], responses: { 200: {} } },
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string', ...schema } }],
    },
  });
  const unknown = {
    '/api/unicorns/{id}': operation('getUnicorn', { 'x-names': ['unicorn.id'] }),
    '/api/riddles/{id}': operation('getRiddle', {}),
  };
  return JSON.stringify({ ...document, paths: { ...document.paths, ...unknown } });
}

let server: TestApp;
beforeAll(async () => {
  const [kind] = testDatabases;
  if (kind === undefined) throw new Error('There is no database to test on.');
  server = await startTestApp(kind);
}, 60_000);
afterAll(() => server.close());

/** Runs the command against an address. */
function run(url: string, options: readonly string[]) {
  const { dataDir: directory, firstRun } = server;
  const files = ['--report', join(directory, 'report.json'), '--sign-with', join(directory, 'report-key.pem')];
  const environment = { GENAI_OPERATOR_KEY: firstRun.operator_key, GENAI_DATA_DIR: directory };
  const argv = ['--json', 'isolation', 'verify', '--url', url, ...files, ...options];
  return runCommand(argv, { directory, environment });
}

/** Verifies to the end. */
async function verify(url: string, options: readonly string[]) {
  const { code, stdout, stderr } = await run(url, options);
  if (stdout === '') throw new Error(stderr);
  return { code, stderr, report: JSON.parse(stdout) as Report };
}

describe('behind an edge that leaks', () => {
  let code: number;
  let findings: Report['findings'];
  beforeAll(async () => {
    const edge = await startLeakingEdge(server.baseUrl, planted, withoutNames);
    try {
      const tried = [...planted.map(({ operation }) => operation), 'updateUser'];
      const outcome = await verify(
        edge.url,
        tried.flatMap((name) => ['--operation', name]),
      );
      code = outcome.code;
      findings = outcome.report.findings;
    } finally {
      await edge.close();
    }
  }, 120_000);

  it('ends with the code of findings', () => {
    expect(code).toBe(9);
  });

  it.each(planted)('finds $what', ({ operation, kinds, only = {}, at = /^/ }) => {
    const here = findings.filter((finding) => finding.operation === operation);
    expect(here.map(({ kind }) => kind)).toEqual(expect.arrayContaining([...kinds]));
    expect(here.filter(({ place = '' }) => at.test(place))).not.toEqual([]);
    for (const { credential = '', place = '' } of here.filter(({ kind }) => kinds.includes(kind))) {
      expect(credential).toMatch(only.credential ?? /^/);
      expect(place).toMatch(only.place ?? /^/);
    }
  });

  it('blames no other operation', () => {
    const blamed = new Set(findings.filter(({ kind }) => kind !== 'side_effect').map(({ operation }) => operation));
    expect([...blamed].toSorted()).toEqual(
      planted
        .map(({ operation }) => operation)
        .filter((one) => one !== 'listUsers')
        .toSorted(),
    );
  });
});

describe('what was not covered', () => {
  it('fails the run: an operation for which nothing makes anything, and one that does not say what it names', async () => {
    const edge = await startLeakingEdge(server.baseUrl, [], withUnknown);
    const only = ['getUnicorn', 'getRiddle'];
    const asked = only.flatMap((name) => ['--operation', name]);
    const { code, report, stderr } = await verify(edge.url, asked).finally(edge.close);
    expect(report).toMatchObject({ covered: 0, leaks: 0, only });
    const findings = report.findings.map(({ kind, operation, message }) => [kind, operation, message]);
    expect(findings).toContainEqual(['not_covered', 'getUnicorn', expect.stringContaining('unicorn.id')]);
    expect(findings).toContainEqual(['not_covered', 'getRiddle', expect.stringContaining('Annotate it')]);
    expect([code, stderr]).toEqual([10, expect.stringContaining('only 0 of')]);
  });

  it('fails the run although it was not asked for, and nothing was found', async () => {
    const { code, report } = await verify(server.baseUrl, ['--operation', 'getDocument', '--keep']);
    expect(report).toMatchObject({ covered: 1, leaks: 0, findings: [], remains: ['Everything was kept, as asked.'] });
    expect([code, await tenantsLeft('active')]).toEqual([10, 2]);
  });

  it('is no operation that the server does not have', async () => {
    await expect(verify(server.baseUrl, ['--operation', 'getUnicorn'])).rejects.toThrow('no operation getUnicorn');
  });
});

it('removes what it made at Ctrl-C, and says by its exit code that it was told to stop', async () => {
  const { dataDir: directory, baseUrl, firstRun } = server;
  const before = await tenantsLeft('deleted');
  const genai = startGenai(['isolation', 'verify', '--url', baseUrl], directory, {
    GENAI_OPERATOR_KEY: firstRun.operator_key,
    GENAI_DATA_DIR: directory,
  });
  await genai.said('filling');
  genai.kill('SIGINT');
  expect(await genai.ended).toBe(130);
  expect(genai.stderr()).toContain('ended before it was done');
  expect(await tenantsLeft('deleted')).toBe(before + 2);
});

it('removes what it made after an error, and tells that error though the removal fails too', async () => {
  const before = await tenantsLeft('deleted');
  let isFirst = true;
  const breaking: readonly Leak[] = [
    { method: 'GET', path: /^\/api\/teams$/, answer: () => Promise.reject(new Error('The line is cut.')) },
    {
      ...{ method: 'PATCH', path: /^\/api\/operator\/tenants\// },
      answer({ honest }) {
        const isCut = isFirst;
        isFirst = false;
        return isCut ? Promise.reject(new Error('The line is cut.')) : honest();
      },
    },
  ];
  const edge = await startLeakingEdge(server.baseUrl, breaking);
  const { code, stdout, stderr } = await run(edge.url, ['--operation', 'listTeams']).finally(edge.close);
  expect([code, stdout]).toEqual([5, '']);
  expect(stderr).toMatch(/could not be deleted.*marked as deleted.*"code":"unreachable"/s);
  expect(await tenantsLeft('deleted')).toBe(before + 1);
});

/** How many tenants of verifications have a status. */
async function tenantsLeft(status: string): Promise<number> {
  const { body } = await server.call(server.firstRun.operator_key, 'GET', '/api/operator/tenants?limit=200');
  const tenants = body['data'] as { slug: string; status: string }[];
  return tenants.filter((tenant) => tenant.slug.startsWith('isolation-') && tenant.status === status).length;
}
