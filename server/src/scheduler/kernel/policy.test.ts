/** What each part of a policy does, in examples small enough to follow. */

import { describe, expect, it } from 'vitest';
import { transition } from './kernel.ts';
import type { Message, NewJob, Operation, Policy, Reply } from './operations.ts';
import { createPoolState } from './state.ts';

const usual: Policy = {
  tierWeights: { enterprise: 50, professional: 30, starter: 15, free: 5 },
  capPercent: 20,
  capPolicy: 'entitlement',
  headroomSlots: 0,
  bandOffsetsMs: [0, 5000, 30_000, 120_000],
  costMax: 1000,
  queuedMax: 1000,
  inboxMax: 100,
  attemptsMax: 3,
  deathsMax: 2,
  leaseMs: 1000,
  ghostMs: 0,
  deadMax: 10,
};

type Granted = Message & { type: 'granted' };

/** A pool of one pod that remembers what it was told. */
function openPool({ slots = 10, ...policy }: Partial<Policy> & { slots?: number } = {}) {
  const state = createPoolState({ ...usual, ...policy }, slots, 'g');
  const told: Message[] = [];
  let [nowMs, steps, jobs] = [0, 0, 0];

  function take(operation: Operation): Reply {
    steps += 1;
    const reply = transition(state, operation, nowMs, `r${steps}`);
    told.push(...reply.messages);
    return reply;
  }
  const beat = (podId = 'pod', workers = 1000) => take({ type: 'beat', podId, generation: 'g', workers, flights: [] });
  beat();
  return {
    state,
    take,
    beat,
    pass: (ms: number) => {
      nowMs += ms;
    },
    /** Queues a job; returns its id. */
    add(tenantId: string, job: Partial<NewJob> & { podId?: string } = {}): string {
      jobs += 1;
      const { podId = 'pod', ...given } = job;
      const [tier = ''] = tenantId.split('_');
      const id = `job_${jobs}`;
      const facts = { id, kind: 'attached', tenantId, tier, weight: 100, queueMax: 1000, estimatedCost: 100 } as const;
      take({ type: 'enqueue', podId, job: { ...facts, priority: 0, deadlineMs: 1e9, attempts: 0, ...given } });
      return id;
    },
    settle(jobId: string, given: Partial<Operation & { type: 'settle' }> = {}): void {
      const { nonce = '', podId = '' } = state.jobs.get(jobId) ?? {};
      take({ type: 'settle', podId, jobId, nonce, outcome: 'done', actualCost: undefined, retryAtMs: 0, ...given });
    },
    start(jobId: string): void {
      const { nonce = '', podId = '' } = state.jobs.get(jobId) ?? {};
      take({ type: 'start', podId, jobId, nonce });
    },
    inFlight: (tenantId: string) => state.tenants.get(tenantId)?.inFlight ?? 0,
    granted: () => told.filter((one): one is Granted => one.type === 'granted').map(({ jobId }) => jobId),
    told,
  };
}

type Pool = ReturnType<typeof openPool>;

/** Serves one job after the other and counts them by tenant. */
function serve(pool: Pool, count: number): Record<string, number> {
  const served: Record<string, number> = {};
  for (let index = 0; index < count; index++) {
    const job = [...pool.state.jobs.values()].find(({ state }) => state === 'running');
    if (job === undefined) break;
    served[job.tenantId] = (served[job.tenantId] ?? 0) + 1;
    pool.settle(job.id);
  }
  return served;
}

const fill = (pool: Pool, tenantId: string, count: number) => {
  for (let index = 0; index < count; index++) pool.add(tenantId);
};

describe('a policy', () => {
  it('shares the pool by tierWeights while all tiers wait', () => {
    const pool = openPool({ slots: 1, tierWeights: { enterprise: 40, professional: 40, starter: 10, free: 10 } });
    for (const tier of ['enterprise', 'professional', 'starter', 'free']) fill(pool, `${tier}_1`, 100);
    expect(serve(pool, 100)).toEqual({ enterprise_1: 40, professional_1: 40, starter_1: 10, free_1: 10 });
  });

  it.each([
    { capPercent: 30, held: [3, 2, 2, 2, 2] },
    { capPercent: 100, held: [7, 1, 1, 1, 1] },
  ])('lets a tenant hold $capPercent percent of the slots while others wait, however little its jobs cost', (given) => {
    const pool = openPool({ capPercent: given.capPercent, slots: 1 });
    const holder = pool.add('free_0');
    for (let index = 0; index < 20; index++) pool.add('free_1', { estimatedCost: 1 });
    for (const number of [2, 3, 4, 5]) fill(pool, `free_${number}`, 10);
    pool.take({ type: 'setCapacity', podId: 'pod', upstreamSlots: 11 });
    pool.settle(holder);
    expect([1, 2, 3, 4, 5].map((number) => pool.inFlight(`free_${number}`)).toSorted((a, b) => b - a)).toEqual(
      given.held,
    );
  });

  it('lets a tenant hold what it is entitled to, also when that is more than capPercent', () => {
    const pool = openPool({ slots: 1 });
    const holder = pool.add('free_0');
    fill(pool, 'enterprise_1', 20);
    for (const number of [1, 2, 3]) fill(pool, `free_${number}`, 20);
    pool.take({ type: 'setCapacity', podId: 'pod', upstreamSlots: 12 });
    pool.settle(holder);
    expect(pool.inFlight('enterprise_1')).toBeGreaterThanOrEqual(10);
  });

  it('lends idle slots under the capPolicy entitlement, and never passes the percentage under strict', () => {
    const [lending, strict] = (['entitlement', 'strict'] as const).map((capPolicy) =>
      openPool({ capPolicy, slots: 10 }),
    );
    for (const pool of [lending, strict]) if (pool !== undefined) fill(pool, 'free_1', 10);
    expect([lending?.inFlight('free_1'), strict?.inFlight('free_1')]).toEqual([10, 2]);
  });

  it('keeps headroomSlots for tenants with nothing in flight', () => {
    const pool = openPool({ headroomSlots: 2, slots: 10 });
    fill(pool, 'free_1', 20);
    expect(pool.inFlight('free_1')).toBe(8);
    pool.add('free_2');
    expect(pool.inFlight('free_2')).toBe(1);
  });

  it('counts less urgent jobs as come later, by bandOffsetsMs', () => {
    const pool = openPool({ slots: 1, bandOffsetsMs: [0, 50, 100, 150] });
    pool.add('free_1');
    const late = pool.add('free_1', { priority: 1 });
    pool.pass(40);
    const urgent = pool.add('free_1');
    pool.pass(20);
    const tooLate = pool.add('free_1');
    serve(pool, 10);
    expect(pool.granted().slice(1)).toEqual([urgent, late, tooLate]);
  });

  it('charges no more than costMax before a job ran', () => {
    const pool = openPool({ costMax: 70 });
    const jobId = pool.add('free_1', { estimatedCost: 5000 });
    expect(pool.state.jobs.get(jobId)?.chargedCost).toBe(70);
  });

  it('lets queuedMax jobs wait, and evicts the youngest of whoever has most waiting for its share', () => {
    const pool = openPool({ slots: 1, queuedMax: 3 });
    fill(pool, 'free_1', 4);
    pool.add('enterprise_1');
    expect(pool.told.filter(({ type }) => type === 'ended')).toEqual([
      { type: 'ended', jobId: 'job_4', reason: 'evicted' },
    ]);
    expect([...pool.state.jobs.keys()]).toEqual(['job_1', 'job_2', 'job_3', 'job_5']);
  });

  it('keeps inboxMax messages for a pod, and repeats grants with its next beat', () => {
    const pool = openPool({ inboxMax: 1, slots: 1 });
    pool.beat('other');
    const first = pool.add('free_1');
    const second = pool.add('free_1', { podId: 'other' });
    const third = pool.add('free_1', { podId: 'other' });
    pool.take({ type: 'setCapacity', podId: 'pod', upstreamSlots: 3 });
    expect(pool.state.pods.get('other')?.inbox.map(({ jobId }) => jobId)).toEqual([second]);
    expect(pool.granted()).toEqual([first]);
    pool.beat('other');
    expect(pool.granted()).toEqual([first, second, third]);
  });

  it('starts a detached job attemptsMax times, then makes it a dead letter', () => {
    const pool = openPool({ attemptsMax: 2 });
    const jobId = pool.add('free_1', { kind: 'detached' });
    for (const _ of [1, 2]) {
      pool.start(jobId);
      pool.settle(jobId, { outcome: 'retry' });
    }
    expect(pool.told.at(-1)).toEqual({ type: 'dead', jobId, reason: 'attempts' });
    expect(pool.take({ type: 'redrive', podId: 'pod', jobId }).status).toBe('ok');
    expect(pool.state.jobs.get(jobId)).toMatchObject({ state: 'granted', attempts: 0 });
  });

  it('makes a detached job over which deathsMax pods died a dead letter', () => {
    const pool = openPool({ deathsMax: 1, slots: 1 });
    const jobId = pool.add('free_1', { kind: 'detached' });
    pool.start(jobId);
    pool.take({ type: 'reap', podId: 'other', deadPodId: 'pod' });
    expect(pool.told.at(-1)).toEqual({ type: 'dead', jobId, reason: 'deaths' });
  });

  it('takes the jobs of a pod from it leaseMs after its last beat', () => {
    const pool = openPool({ leaseMs: 500, slots: 1 });
    const [attached, detached] = [pool.add('free_1'), pool.add('free_1', { kind: 'detached' })];
    pool.pass(500);
    pool.beat('other');
    expect(pool.state.jobs.has(attached)).toBe(false);
    expect(pool.state.jobs.get(detached)).toMatchObject({ podId: 'other', attempts: 0 });
  });

  it('keeps the slot of a job whose pod died for ghostMs', () => {
    const pool = openPool({ ghostMs: 300, slots: 1 });
    pool.add('free_1');
    pool.take({ type: 'reap', podId: 'other', deadPodId: 'pod' });
    pool.beat('other');
    const next = pool.add('free_1', { podId: 'other' });
    expect(pool.granted()).not.toContain(next);
    pool.pass(300);
    pool.beat('other');
    expect(pool.granted()).toContain(next);
  });

  it('keeps deadMax dead letters, the latest', () => {
    const pool = openPool({ deadMax: 1, attemptsMax: 1 });
    const [first, second] = [pool.add('free_1', { kind: 'detached' }), pool.add('free_1', { kind: 'detached' })];
    for (const jobId of [first, second]) {
      pool.start(jobId);
      pool.settle(jobId, { outcome: 'retry' });
    }
    expect([...pool.state.jobs.keys()]).toEqual([second]);
  });

  it('may change while jobs wait', () => {
    const pool = openPool({ slots: 1 });
    for (const tier of ['enterprise', 'free']) fill(pool, `${tier}_1`, 50);
    pool.take({ type: 'configure', policy: { ...usual, tierWeights: { ...usual.tierWeights, free: 50 } } });
    const { free_1: free = 0, enterprise_1: enterprise = 0 } = serve(pool, 40);
    expect(Math.abs(free - enterprise)).toBeLessThanOrEqual(2);
  });
});
