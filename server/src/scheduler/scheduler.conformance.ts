/** What every place for the state of a pool guarantees; call it from the test file of each. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SchedulerBackend } from './backend.ts';
import { violationsOf } from './kernel/invariants.ts';
import type { Flight, JobKind, Message, NewJob, Operation, Policy, Reply } from './kernel/operations.ts';

/** A pool of a test, with the time of the test. */
export interface TestBackend {
  readonly backend: SchedulerBackend;
  readonly close: () => Promise<void>;
}

/** Makes a fresh pool. */
export type OpenBackend = (policy: Policy, upstreamSlots: number, now: () => number) => Promise<TestBackend>;

/** A policy whose bounds are soon reached. */
export const conformancePolicy: Policy = {
  tierWeights: { enterprise: 50, professional: 30, starter: 15, free: 5 },
  capPercent: 20,
  capPolicy: 'entitlement',
  headroomSlots: 0,
  bandOffsetsMs: [0, 500],
  costMax: 1000,
  queuedMax: 30,
  inboxMax: 10,
  attemptsMax: 2,
  deathsMax: 2,
  leaseMs: 1000,
  ghostMs: 500,
  deadMax: 10,
};

/** Runs the suite. */
export function describeSchedulerConformance(name: string, open: OpenBackend): void {
  const policy = conformancePolicy;
  describe(`scheduler conformance: ${name}`, () => {
    let opened: TestBackend;
    let nowMs: number;
    let generation: string;
    /** Jobs in flight, in the order of their grants. */
    let granted: (Message & { type: 'granted' })[];
    /** What else was said. */
    let told: Message[];

    async function begin(upstreamSlots: number, changes: Partial<Policy> = {}): Promise<void> {
      opened = await open({ ...policy, ...changes }, upstreamSlots, () => nowMs);
      await beat('pod_1', 100);
    }
    beforeEach(() => {
      nowMs = 1_764_000_000_000;
      generation = '';
      granted = [];
      told = [];
    });
    afterEach(async () => {
      const dumped = await opened.backend.dump();
      await opened.close();
      expect(violationsOf(dumped, policy)).toEqual([]);
    });

    async function take(operation: Operation): Promise<Reply> {
      const reply = await opened.backend.transition(operation);
      for (const message of reply.messages) {
        if (message.type === 'granted') granted.push(message);
        else told.push(message);
      }
      return reply;
    }
    async function beat(podId: string, workers: number, flights: readonly Flight[] = []): Promise<Reply> {
      const reply = await take({ type: 'beat', podId, generation, workers, flights });
      generation = reply.generation ?? '';
      return reply;
    }
    const newJob = (id: string, tenantId: string, changes: Partial<NewJob> = {}): NewJob => ({
      id,
      tenantId,
      kind: 'attached',
      tier: 'free',
      weight: 100,
      queueMax: 25,
      estimatedCost: 100,
      priority: 0,
      deadlineMs: nowMs + 60_000,
      attempts: 0,
      ...changes,
    });
    const enqueue = (id: string, tenantId: string, changes: Partial<NewJob> = {}, podId = 'pod_1') =>
      take({ type: 'enqueue', podId, job: newJob(id, tenantId, changes) });
    async function settle(jobId: string, changes: Partial<Operation & { type: 'settle' }> = {}): Promise<Reply> {
      const nonce = granted.findLast((grant) => grant.jobId === jobId)?.nonce ?? '';
      const usual = { podId: 'pod_1', outcome: 'done', actualCost: undefined, retryAtMs: nowMs } as const;
      return take({ type: 'settle', jobId, nonce, ...usual, ...changes });
    }
    const start = (jobId: string, podId = 'pod_1') =>
      take({ type: 'start', podId, jobId, nonce: granted.findLast((grant) => grant.jobId === jobId)?.nonce ?? '' });
    /** Settles what runs, and what is granted by that, one after the other; says which jobs were granted. */
    async function serveAll(): Promise<readonly string[]> {
      for (const { jobId } of granted) await settle(jobId);
      return granted.map(({ jobId }) => jobId);
    }

    it('grants the jobs of a tenant in the order in which they came, less urgent ones as if they had come later', async () => {
      await begin(1);
      await enqueue('first', 'ten_1');
      await enqueue('later', 'ten_1', { priority: 1 });
      for (const id of ['second', 'third']) await enqueue(id, 'ten_1');
      nowMs += 600;
      await enqueue('last', 'ten_1');
      expect(await serveAll()).toEqual(['first', 'second', 'third', 'later', 'last']);
    });

    it('shares the pool between tiers by their weights, counted in cost', async () => {
      await begin(1);
      for (let number = 0; number < 12; number++) {
        await enqueue(`big_${number}`, 'ten_1', { tier: 'professional', estimatedCost: 200 });
        await enqueue(`small_${number}`, 'ten_2', { tier: 'starter' });
      }
      const order = await serveAll();
      // Twice the weight and twice the cost: as many jobs of each.
      for (let count = 4; count <= 24; count += 4) {
        const big = order.slice(0, count).filter((id) => id.startsWith('big'));
        expect(Math.abs(big.length - count / 2)).toBeLessThanOrEqual(1);
      }
    });

    it('corrects what was charged by what a job really cost', async () => {
      await begin(1);
      for (let number = 0; number < 9; number++) {
        await enqueue(`dear_${number}`, 'ten_1');
        await enqueue(`cheap_${number}`, 'ten_2');
      }
      for (const { jobId } of granted) await settle(jobId, { actualCost: jobId.startsWith('dear') ? 800 : 100 });
      const first = granted.slice(0, 9).map(({ jobId }) => jobId);
      expect(first.filter((id) => id.startsWith('dear'))).toHaveLength(1);
    });

    it('lets no tenant hold more than its cap while another waits, and lends it what would be idle', async () => {
      await begin(10);
      for (let number = 0; number < 20; number++) await enqueue(`a_${number}`, 'ten_1');
      expect(granted).toHaveLength(10);
      for (let number = 0; number < 9; number++) await enqueue(`b_${number}`, 'ten_2', { tier: 'enterprise' });
      for (let number = 0; number < 9; number++) await settle(`a_${number}`);
      const ofOther = granted.slice(10).filter(({ tenantId }) => tenantId === 'ten_2');
      expect(ofOther).toHaveLength(9);
    });

    it('makes room in a full pool by ending the youngest job of the tenant that weighs most', async () => {
      await begin(1, { queuedMax: 3 });
      for (let number = 0; number < 4; number++) await enqueue(`heavy_${number}`, 'ten_1');
      expect(await enqueue('heavy_4', 'ten_1')).toMatchObject({
        status: 'pool_queue_full',
        backlog: { queuedCost: 300, shareMillionths: 1_000_000 },
      });
      expect(await enqueue('light', 'ten_2')).toMatchObject({ status: 'ok' });
      expect(told).toEqual([{ type: 'ended', jobId: 'heavy_3', reason: 'evicted' }]);
      expect(await enqueue('one_more', 'ten_1', { queueMax: 2 })).toMatchObject({ status: 'tenant_queue_full' });
    });

    it.each<JobKind>(['attached', 'detached'])('never starts a job whose deadline has passed (%s)', async (kind) => {
      await begin(1);
      await enqueue('running', 'ten_1');
      await enqueue('late', 'ten_1', { kind, deadlineMs: nowMs + 100 });
      nowMs += 100;
      await settle('running');
      expect(told).toEqual([{ type: 'ended', jobId: 'late', reason: 'expired' }]);
      expect(granted).toHaveLength(1);
    });

    it('tries a detached job again when asked, until it is a dead letter, and from the beginning when it is redriven', async () => {
      await begin(1);
      await enqueue('job', 'ten_1', { kind: 'detached' });
      expect(await start('job')).toMatchObject({ status: 'ok' });
      await settle('job', { outcome: 'retry', retryAtMs: nowMs + 100 });
      expect(granted).toHaveLength(1);
      nowMs += 100;
      await take({ type: 'grant', podId: 'pod_1' });
      expect(granted.at(-1)).toMatchObject({ jobId: 'job', attempts: 1 });
      await start('job');
      await settle('job', { outcome: 'retry' });
      expect(told).toEqual([{ type: 'dead', jobId: 'job', reason: 'attempts' }]);
      expect((await opened.backend.dump()).dead).toHaveLength(1);
      await take({ type: 'redrive', podId: 'pod_1', jobId: 'job' });
      expect(granted.at(-1)).toMatchObject({ jobId: 'job', attempts: 0 });
      expect(granted).toHaveLength(3);
    });

    it('takes the jobs of a pod whose lease has passed: detached ones run elsewhere, attached ones end, and slots stay taken for a while', async () => {
      await begin(4);
      await beat('pod_2', 2);
      await enqueue('attached', 'ten_1', {}, 'pod_2');
      await take({ type: 'beat', podId: 'pod_1', generation, workers: 0, flights: [] });
      await enqueue('running', 'ten_2', { kind: 'detached' }, 'pod_2');
      await start('running', 'pod_2');
      nowMs += 600;
      await beat('pod_1', 4);
      nowMs += 500;
      await beat('pod_1', 4);
      expect(granted.filter(({ jobId }) => jobId === 'running')).toHaveLength(2);
      expect(granted.at(-1)).toMatchObject({ jobId: 'running', attempts: 1 });
      const after = await opened.backend.dump();
      expect(Object.keys(after.jobs)).toEqual(['running']);
      expect(after).toMatchObject({ ghosts: 2, inFlight: 1 });
      nowMs += 500;
      await beat('pod_1', 4);
      expect(await opened.backend.dump()).toMatchObject({ ghosts: 0, inFlight: 1 });
    });

    it('takes the jobs of a pod at once when somebody says that it died', async () => {
      await begin(2);
      await beat('pod_2', 1);
      await take({ type: 'beat', podId: 'pod_1', generation, workers: 0, flights: [] });
      await enqueue('job', 'ten_1', { kind: 'detached' }, 'pod_2');
      await beat('pod_1', 2);
      await take({ type: 'reap', podId: 'pod_1', deadPodId: 'pod_2' });
      // It was never started: no attempt counts, and no ghost keeps its slot.
      expect(granted.at(-1)).toMatchObject({ jobId: 'job', attempts: 0 });
      expect(await opened.backend.dump()).toMatchObject({ ghosts: 0, inFlight: 1 });
    });

    it('ends a job that waits when it is cancelled, and tells the pod of one that runs', async () => {
      await begin(1);
      for (const id of ['runs', 'waits']) await enqueue(id, 'ten_1');
      expect(await take({ type: 'cancel', podId: 'pod_1', jobId: 'waits' })).toMatchObject({ status: 'ok' });
      expect(await take({ type: 'cancel', podId: 'pod_1', jobId: 'runs' })).toMatchObject({ status: 'cancelling' });
      expect(told).toEqual([{ type: 'cancel', jobId: 'runs', nonce: granted[0]?.nonce }]);
      expect(await serveAll()).toEqual(['runs']);
    });

    it('holds back the jobs of a tenant that is paused', async () => {
      await begin(1);
      const setPaused = (isPaused: boolean) =>
        take({ type: 'setTenant', podId: 'pod_1', tenantId: 'ten_1', tier: 'free', weight: 100, isPaused });
      await setPaused(true);
      await enqueue('held', 'ten_1');
      await enqueue('other', 'ten_2');
      expect(await serveAll()).toEqual(['other']);
      await setPaused(false);
      expect(granted.map(({ jobId }) => jobId)).toEqual(['other', 'held']);
    });

    it('leaves jobs in flight alone when the capacity shrinks, and grants no more until they are few enough', async () => {
      await begin(3);
      for (let number = 0; number < 5; number++) await enqueue(`job_${number}`, 'ten_1');
      await take({ type: 'setCapacity', podId: 'pod_1', upstreamSlots: 1 });
      expect(granted).toHaveLength(3);
      for (const id of ['job_0', 'job_1']) await settle(id);
      expect(granted).toHaveLength(3);
      await settle('job_2');
      expect(granted).toHaveLength(4);
    });

    it('repeats a grant until the pod names the job, and charges what the pod says it has cost so far', async () => {
      await begin(1);
      await enqueue('job', 'ten_1');
      const grant = granted[0];
      expect((await beat('pod_1', 100)).messages).toEqual([grant]);
      const flight = { jobId: 'job', nonce: grant?.nonce ?? '', progressCost: 700, job: newJob('job', 'ten_1') };
      const reply = await beat('pod_1', 100, [flight, { ...flight, jobId: 'lost', job: newJob('lost', 'ten_1') }]);
      expect(reply).toMatchObject({ messages: [], staleJobIds: ['lost'], isNewPod: false });
      expect(reply.pool).toEqual({
        pods: 1,
        slots: 1,
        inFlight: 1,
        queuedAttached: 0,
        queuedDetached: 0,
        servedCost: 700,
      });
    });

    it('takes back the jobs that a pod brings from another generation', async () => {
      await begin(1);
      const flights = ['one', 'two'].map((id) => ({ jobId: id, nonce: id, progressCost: 5, job: newJob(id, 'ten_1') }));
      const reply = await take({ type: 'beat', podId: 'pod_1', generation: 'lost', workers: 100, flights });
      expect(reply.staleJobIds).toEqual([]);
      await enqueue('waits', 'ten_1');
      expect(await opened.backend.dump()).toMatchObject({ inFlight: 2, queuedAttached: 1 });
      for (const nonce of ['one', 'two']) expect(await settle(nonce, { nonce })).toMatchObject({ status: 'ok' });
      expect(granted.map(({ jobId }) => jobId)).toEqual(['waits']);
    });

    it('changes nothing when an operation is repeated', async () => {
      await begin(1);
      await enqueue('runs', 'ten_1', { kind: 'detached' });
      const nonce = granted[0]?.nonce ?? '';
      const ends = { outcome: 'done', actualCost: 50, retryAtMs: 0 } as const;
      const operations: readonly Operation[] = [
        { type: 'configure', policy },
        { type: 'setCapacity', podId: 'pod_1', upstreamSlots: 1 },
        { type: 'setTenant', podId: 'pod_1', tenantId: 'ten_1', tier: 'starter', weight: 200, isPaused: false },
        { type: 'enqueue', podId: 'pod_1', job: newJob('waits', 'ten_1') },
        { type: 'start', podId: 'pod_1', jobId: 'runs', nonce },
        { type: 'beat', podId: 'pod_1', generation, workers: 9, flights: [] },
        { type: 'cancel', podId: 'pod_1', jobId: 'waits' },
        { type: 'settle', podId: 'pod_1', jobId: 'runs', nonce, ...ends },
        { type: 'redrive', podId: 'pod_1', jobId: 'runs' },
        { type: 'reap', podId: 'pod_2', deadPodId: 'pod_1' },
        { type: 'grant', podId: 'pod_2' },
      ];
      for (const operation of operations) {
        await take(operation);
        const once = await opened.backend.dump();
        const { status } = await take(operation);
        expect(status, operation.type).toMatch(/^(ok|known|stale)$/);
        expect(await opened.backend.dump(), operation.type).toEqual(once);
      }
    });

    it('knows no pod that never beat, and no nonce but the last', async () => {
      await begin(1);
      expect(await enqueue('job', 'ten_1', {}, 'pod_9')).toMatchObject({ status: 'unknown_pod' });
      await enqueue('job', 'ten_1');
      expect(await settle('job', { nonce: 'other' })).toMatchObject({ status: 'stale' });
      expect(await settle('job', { podId: 'pod_9' })).toMatchObject({ status: 'stale' });
      expect(await settle('job')).toMatchObject({ status: 'ok' });
    });

    it('says how the pool does, with one tenant or with those that have most waiting', async () => {
      await begin(1);
      await enqueue('runs', 'ten_1');
      for (const tenantId of ['ten_1', 'ten_2', 'ten_2', 'ten_3'])
        await enqueue(`${tenantId}_${Math.random()}`, tenantId, { tier: 'starter' });
      const two = { tenantId: 'ten_2', tier: 'starter', standing: 'fresh', inFlight: 0, waitingAttached: 2 };
      expect(await opened.backend.survey('ten_2', 9)).toMatchObject({ inFlight: 1, queuedAttached: 4, tenants: [two] });
      const { tenants } = await opened.backend.survey(undefined, 2);
      expect(tenants.map(({ tenantId }) => tenantId)).toEqual(['ten_2', 'ten_3']);
      expect((await opened.backend.survey('ten_9', 9)).tenants).toEqual([]);
    });

    it('goes on at once with what one step leaves: more grants than it may give', async () => {
      await begin(200, { queuedMax: 1000 });
      await take({ type: 'setCapacity', podId: 'pod_1', upstreamSlots: 1 });
      for (let number = 0; number < 151; number++) await enqueue(`job_${number}`, 'ten_1', { queueMax: 1000 });
      await beat('pod_1', 200);
      await take({ type: 'setCapacity', podId: 'pod_1', upstreamSlots: 150 });
      expect(granted.map(({ jobId }) => jobId).filter((id) => id !== 'job_0')).toHaveLength(149);
      expect(await opened.backend.dump()).toMatchObject({ inFlight: 150, queuedAttached: 1 });
    });
  });
}
