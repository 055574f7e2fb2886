import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestServer, type TestServer } from '../../../test/support/http.ts';

let server: TestServer;
beforeAll(async () => {
  server = await openTestServer();
});
afterAll(() => server.stop());

interface Explanation {
  readonly allowed: boolean;
  readonly rule: string;
  readonly rules: readonly { readonly rule: string; readonly verdict: string }[];
}

const ask = (question: object, who = server.acme.admin) =>
  server.as<Explanation & { code: string }>(who, 'POST', '/api/policy/explain', question);

/** The rules that were looked at, with what they said. */
const verdictsOf = ({ rules }: Explanation) => rules.map(({ rule, verdict }) => `${rule} ${verdict}`);

async function upload(classification: string): Promise<string> {
  const form = new FormData();
  form.set('classification', classification);
  form.set('file', new Blob([`about ${classification}`]), 'notes.txt');
  const { headers: credential } = server.acme.admin;
  const request = new Request('http://localhost', { method: 'POST', body: form });
  const headers = { ...credential, 'content-type': request.headers.get('content-type') ?? '' };
  const payload = Buffer.from(await request.arrayBuffer());
  const response = await server.inject({ method: 'POST', url: '/api/documents', headers, payload });
  return response.json<{ id: string }>().id;
}

describe('an explanation', () => {
  it('lists the rules that were looked at, and the one that decided', async () => {
    const { viewer } = server.acme;
    const [internal, restricted] = [await upload('internal'), await upload('restricted')];
    const reading = { user: viewer.email, permission: 'documents:read' };
    const allowed = await ask({ ...reading, document_id: internal });
    expect(allowed).toMatchObject({
      status: 200,
      body: { allowed: true, rule: 'role', user: { id: viewer.userId, role: 'viewer', clearance: 'internal' } },
    });
    expect(verdictsOf(allowed.body)).toEqual(['tenant passes', 'clearance passes', 'grant passes', 'role allows']);
    const above = await ask({ ...reading, document_id: restricted });
    expect(above.body).toMatchObject({
      allowed: false,
      rule: 'clearance',
      reason: 'Its classification, restricted, is above the clearance, internal.',
    });
    expect(verdictsOf((await ask({ ...reading, permission: 'users:write' })).body)).toEqual(['role denies']);
    const asAdmin = await ask({ user: server.acme.admin.userId, permission: 'query:ask', document_id: restricted });
    expect(verdictsOf(asAdmin.body)).toEqual(['tenant passes', 'clearance passes', 'read_all allows']);
  });

  it('is what the server then does, for every role and permission and through keys with scopes', async () => {
    const document_id = await upload('public');
    for (const role of ['admin', 'analyst', 'viewer'] as const) {
      const { userId } = server.acme[role];
      const make = { name: 'narrow', user_id: userId, scopes: ['query:ask'] };
      const { body: key } = await server.as<{ id: string; key: string }>(server.acme.admin, 'POST', '/api/keys', make);
      const asked = { user: userId, permission: 'documents:read', document_id };
      const byKey = { headers: { authorization: `Bearer ${key.key}` } };
      for (const [who, api_key_id, allowed] of [
        [server.acme[role], undefined, true],
        [byKey, key.id, false],
      ] as const) {
        const question = api_key_id === undefined ? asked : { ...asked, api_key_id };
        expect((await ask(question)).body.allowed).toBe(allowed);
        expect((await server.as(who, 'GET', `/api/documents/${document_id}`)).status === 200).toBe(allowed);
      }
    }
  });

  it('answers for absent, foreign and unreadable things alike', async () => {
    const { viewer, admin } = server.acme;
    const collections = await server.as<{ data: { id: string }[] }>(server.globex.admin, 'GET', '/api/collections');
    const foreign = collections.body.data[0]?.id ?? '';
    const reading = { user: viewer.userId, permission: 'documents:read' };
    const restricted = await upload('restricted');
    const cleared = { clearance: 'internal', role: 'admin', email: 'low@acme.example', name: 'Low' };
    const { body: low } = await server.as<{ id: string }>(admin, 'POST', '/api/users', cleared);
    const { body: key } = await server.as<{ key: string }>(admin, 'POST', '/api/keys', {
      name: 'low',
      user_id: low.id,
    });
    const asLow = { ...admin, headers: { authorization: `Bearer ${key.key}` } };
    const answers = [
      await ask({ ...reading, collection_id: foreign }),
      await ask({ ...reading, collection_id: `col_${'0'.repeat(32)}` }),
      await ask({ ...reading, document_id: `doc_${'0'.repeat(32)}` }),
      await ask({ ...reading, document_id: restricted }, asLow),
      await ask({ ...reading, user: server.globex.viewer.userId }),
      await ask({ ...reading, user: server.globex.viewer.email }),
      await ask({ ...reading, user: `usr_${'0'.repeat(32)}` }),
      await ask({ ...reading, api_key_id: `key_${'0'.repeat(32)}` }),
    ].map(({ status, body }) => ({ status, body: { ...body, request_id: '', instance: '' } }));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]).toMatchObject({ status: 404, body: { code: 'resource_not_found' } });
  });

  it('is refused for both a document and a collection, and for a permission that is none', async () => {
    const both = { document_id: 'doc_1', collection_id: 'col_1' };
    const reading = { user: server.acme.viewer.userId, permission: 'documents:read' };
    expect((await ask({ ...reading, ...both })).status).toBe(400);
    for (const permission of ['documents:everything', '__proto__', '*', '']) {
      expect((await ask({ ...reading, permission })).status).toBe(400);
    }
    expect((await ask(reading, server.acme.analyst)).status).toBe(403);
  });
});

describe('a role of the tenant', () => {
  it('is made, held, explained and removed', async () => {
    const { admin } = server.acme;
    const made = await server.as(admin, 'POST', '/api/roles', { name: 'auditor', permissions: ['audit:read'] });
    expect(made).toMatchObject({ status: 201, body: { name: 'auditor', is_built_in: false } });
    const input = { email: 'aud@acme.example', name: 'Aud', role: 'auditor', clearance: 'public' };
    const { body: user } = await server.as<{ id: string }>(admin, 'POST', '/api/users', input);
    expect((await ask({ user: user.id, permission: 'audit:read' })).body.allowed).toBe(true);
    await server.as(admin, 'PATCH', '/api/roles/auditor', { permissions: [] });
    expect((await ask({ user: user.id, permission: 'audit:read' })).body.allowed).toBe(false);
    expect((await server.as(admin, 'DELETE', '/api/roles/auditor')).status).toBe(409);
    await server.as(admin, 'PATCH', `/api/users/${user.id}`, { role: 'viewer' });
    expect((await server.as(admin, 'DELETE', '/api/roles/auditor')).status).toBe(204);
    const list = await server.as<{ data: { name: string }[] }>(admin, 'GET', '/api/roles');
    expect(list.body.data.map(({ name }) => name)).toEqual(['admin', 'analyst', 'viewer']);
  });
});
