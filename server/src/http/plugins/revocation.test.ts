import { once } from 'node:events';
import { fastify } from 'fastify';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFlowServer } from '../../../test/support/http.ts';
import type { RequestContext } from '../../context.ts';
import type { AppError } from '../../errors.ts';
import type { Authenticated } from '../../identity/index.ts';
import type { RunningRequest } from './drain.ts';
import { installRevocation } from './revocation.ts';

const log = pino({ level: 'silent' });

/** A request under way, and why it ended. */
function runningRequest(confirmedMs = performance.now()) {
  const ended = Promise.withResolvers<AppError>();
  const caller = { tenantId: 'ten_1', principal: {} } as Authenticated;
  const request: RunningRequest = { caller, end: ended.resolve, confirmedMs };
  return { request, ended: ended.promise };
}

describe('work whose credential fell', () => {
  let server: Awaited<ReturnType<typeof openFlowServer>>;
  beforeAll(async () => {
    server = await openFlowServer();
  });
  afterAll(() => server.stop());

  it('ends within CREDENTIAL_CHECK_INTERVAL_MS, and its client learns no more than from any refusal', async () => {
    const http = await server.serve({ security: { credentialCheckIntervalMs: 100 } });
    const begun = Promise.withResolvers<RequestContext>();
    server.flows.answer = async (ctx) => {
      begun.resolve(ctx);
      await once(ctx.signal, 'abort');
      throw ctx.signal.reason;
    };
    const response = server.post('/api/query', { question: 'Is it?' });
    const { principal } = await begun.promise;
    const { status } = await server.as(server.acme.admin, 'DELETE', `/api/keys/${principal.credential.id}`);
    expect(status).toBe(204);
    const revokedMs = performance.now();
    expect((await response).status).toBe(401);
    // A second is what a busy machine needs; the default of the setting would take up to two.
    expect(performance.now() - revokedMs).toBeLessThan(1000);
    const told = async (answer: Response) => (await answer.text()).replace(/req_[0-9a-f]+/, 'REQ');
    expect(await told(await response)).toBe(await told(await server.post('/api/query', { question: 'Is it?' })));
    await http.close();
  });
});

describe('the look at credentials', () => {
  it('goes on after one that failed, and ends what could not be confirmed for too long', async () => {
    const app = fastify();
    const recent = runningRequest();
    const forgotten = runningRequest(performance.now() - 60_000);
    let looks = 0;
    const stillStanding = async () => {
      looks += 1;
      if (looks < 3) throw new Error('The database is away.');
      return new Set<Authenticated>();
    };
    const running = new Set([recent.request, forgotten.request]);
    installRevocation(app, { identity: { stillStanding }, running, intervalMs: 1, log });
    expect(await forgotten.ended).toMatchObject({ code: 'dependency_unavailable' });
    expect(looks).toBeLessThan(3);
    expect(await recent.ended).toMatchObject({ code: 'authentication_required' });
    expect(looks).toBe(3);
    expect(running.size).toBe(0);
    await app.close();
  });

  it('asks nothing while nothing runs, once for all that do, and never twice at once', async () => {
    const app = fastify();
    const running = new Set<RunningRequest>();
    const asked = Promise.withResolvers<readonly Authenticated[]>();
    let looks = 0;
    const stillStanding = (callers: readonly Authenticated[]) => {
      looks += 1;
      asked.resolve(callers);
      return new Promise<ReadonlySet<Authenticated>>(() => {});
    };
    installRevocation(app, { identity: { stillStanding }, running, intervalMs: 1, log });
    const turns = async (count: number) => {
      let turn = 0;
      await expect.poll(() => (turn += 1), { interval: 2 }).toBeGreaterThan(count);
    };
    await turns(10);
    expect(looks).toBe(0);
    const requests = [runningRequest().request, runningRequest().request];
    for (const request of requests) running.add(request);
    expect(await asked.promise).toEqual(requests.map(({ caller }) => caller));
    await turns(10);
    expect(looks).toBe(1);
    await app.close();
  });
});
