/** An operator looks into a tenant that consented, over HTTP on a whole server; the tenant sees every step. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operations } from '../src/http/routes/index.ts';
import { startTestApp, type TestApp } from './support/app.ts';
import { anyTestDatabase } from './support/database.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startTestApp(anyTestDatabase(), { RATE_LIMIT_ANONYMOUS_REQUESTS_PER_MINUTE: '100000' });
}, 120_000);
afterAll(() => server?.close());

const admin = () => server.user('acme', 'admin');
const open = (slug: 'acme' | 'globex', more: object = {}) => {
  const { id } = server.firstRun.tenants.find((tenant) => tenant.slug === slug) ?? { id: '' };
  const body = { reason: 'A document does not open.', clearance: 'internal', ...more };
  return server.call(server.firstRun.operator_key, 'POST', `/api/operator/tenants/${id}/break-glass`, body);
};

/** The events of break-glass in the tenant's own log, oldest first. */
async function logged(): Promise<Record<string, unknown>[]> {
  const events: Record<string, unknown>[] = [];
  let cursor: unknown = '';
  do {
    const { body } = await server.call(admin(), 'GET', `/api/audit?limit=200${cursor}`);
    events.push(...(body['data'] as { event: Record<string, unknown> }[]).map(({ event }) => event));
    cursor = body['next_cursor'] === null ? undefined : `&cursor=${body['next_cursor']}`;
  } while (cursor !== undefined);
  return events.filter(({ action }) => String(action).startsWith('break_glass.')).reverse();
}

describe('an operator', () => {
  it('opens nothing at an enterprise that did not consent, and anything but that at others', async () => {
    expect(await open('acme')).toMatchObject({ status: 403, body: { detail: expect.stringContaining('consent') } });
    expect((await open('globex')).status).toBe(201);
    for (const body of [{ reason: 'short' }, { duration_minutes: 61 }, { clearance: 'all' }, { tenant: 'globex' }]) {
      expect((await open('globex', body)).status, JSON.stringify(body)).toBe(400);
    }
    expect(
      (await server.call(admin(), 'POST', `/api/operator/tenants/${server.firstRun.tenants[0]?.id}/break-glass`, {}))
        .status,
    ).toBe(403);
  });

  it('reads within the clearance, does nothing else whatever the operation, and is seen each time', async () => {
    expect((await server.call(admin(), 'PUT', '/api/break-glass-consent', { hours: 1 })).status).toBe(200);
    const { status, body: access } = await open('acme', { clearance: 'public' });
    expect(status).toBe(201);
    const token = String(access['token']);
    const requests: { operation: string; status: number }[] = [];
    const send = async (operation: string, method: string, path: string) => {
      const answer = await server.call(token, method, path);
      requests.push({ operation, status: answer.status });
      return answer;
    };
    const documents = async (as: Parameters<TestApp['call']>[0]) =>
      (await server.call(as, 'GET', '/api/documents')).body['data'] as { classification: string; id: string }[];
    const visible = (await send('listDocuments', 'GET', '/api/documents')).body['data'] as { classification: string }[];
    expect(visible.length).toBeLessThan((await documents(admin())).length);
    expect(new Set(visible.map(({ classification }) => classification))).toEqual(
      new Set(visible.length > 0 ? ['public'] : []),
    );
    const secret = (await documents(admin())).find(({ classification }) => classification !== 'public');
    expect((await send('getDocument', 'GET', `/api/documents/${secret?.id}`)).status).toBe(404);
    const foreign = (await documents(server.user('globex', 'admin')))[0]?.id ?? '';
    expect((await send('getDocument', 'GET', `/api/documents/${foreign}`)).status).toBe(404);

    const allowed = new Set<string>();
    for (const { method, path, operationId, access: needed } of operations) {
      if (needed === 'public') continue;
      const answer = await send(operationId, method, path.replace('{id}', `doc_${'0'.repeat(32)}`));
      if (answer.status === 403) continue;
      allowed.add(operationId);
      expect(method === 'GET' || operationId === 'logout', operationId).toBe(true);
    }
    expect([...allowed]).toEqual(expect.arrayContaining(['listDocuments', 'listUsers', 'listAuditEvents', 'getUsage']));
    for (const closed of ['ask', 'createChatCompletion', 'listKeys', 'listSessions', 'endBreakGlass', 'listTenants'])
      expect(allowed).not.toContain(closed);

    const events = await logged();
    expect(events[0]).toMatchObject({ action: 'break_glass.consented' });
    expect(events[1]).toMatchObject({ action: 'break_glass.opened', details: { clearance: 'public' } });
    const used = events.filter(({ action }) => action === 'break_glass.used');
    expect(used.map(({ details, outcome }) => [(details as { operation: string }).operation, outcome])).toEqual(
      // Somebody of no tenant's users learns that after the log knows of it.
      requests.map(({ operation, status }) => [
        operation,
        status === 403 && operation !== 'getMe' ? 'denied' : 'success',
      ]),
    );
  });

  it('is gone when the tenant says so, and operators learn of every opening', async () => {
    const { body: access } = await open('acme');
    const token = String(access['token']);
    const { body } = await server.call(admin(), 'GET', '/api/break-glass');
    const [newest] = body['data'] as Record<string, unknown>[];
    expect(newest).toMatchObject({ id: access['id'], reason: 'A document does not open.', ended_at: null });
    expect(newest).not.toHaveProperty('token');
    const foreign = await server.call(server.user('globex', 'admin'), 'DELETE', `/api/break-glass/${access['id']}`);
    const absent = await server.call(
      server.user('globex', 'admin'),
      'DELETE',
      `/api/break-glass/brk_${'0'.repeat(32)}`,
    );
    expect([foreign.status, absent.status]).toEqual([404, 404]);
    expect((await server.call(admin(), 'DELETE', `/api/break-glass/${access['id']}`)).status).toBe(204);
    expect((await server.call(token, 'GET', '/api/documents')).status).toBe(401);

    const again = await open('acme');
    const path = `/api/operator/break-glass/${again.body['id']}`;
    expect((await server.call(server.firstRun.operator_key, 'DELETE', path)).status).toBe(204);
    expect((await server.call(server.firstRun.operator_key, 'DELETE', path)).status).toBe(404);
    const last = await open('acme');
    expect((await server.call(admin(), 'PUT', '/api/break-glass-consent', { hours: 0 })).body).toMatchObject({
      valid_until: null,
    });
    expect((await server.call(String(last.body['token']), 'GET', '/api/documents')).status).toBe(401);
    const events = await server.call(server.firstRun.operator_key, 'GET', '/api/operator/security-events');
    const opened = (events.body['data'] as { kind: string }[]).filter(({ kind }) => kind === 'break_glass.opened');
    expect(opened.length).toBeGreaterThanOrEqual(5);
  });
});
