/** What the kernel does in cases that random operations seldom meet. */

import { beforeEach, describe, expect, it } from 'vitest';
import { dump } from './dump.ts';
import { violationsOf } from './invariants.ts';
import { transition } from './kernel.ts';
import type { NewJob, Operation, Policy, Reply } from './operations.ts';
import { createPoolState, type PoolState } from './state.ts';

const policy: Policy = {
  tierWeights: { enterprise: 50, free: 5 },
  capPercent: 20,
  capPolicy: 'entitlement',
  headroomSlots: 0,
  bandOffsetsMs: [0],
  costMax: 1000,
  queuedMax: 1000,
  inboxMax: 100,
  attemptsMax: 3,
  deathsMax: 2,
  leaseMs: 100,
  ghostMs: 50,
  deadMax: 3,
};
const newJob: NewJob = {
  id: 'job_1',
  kind: 'attached',
  tenantId: 'ten_1',
  tier: 'free',
  weight: 100,
  queueMax: 1000,
  estimatedCost: 10,
  priority: 0,
  deadlineMs: 100_000,
  attempts: 0,
};

let state: PoolState;
let steps: number;

beforeEach(() => {
  state = createPoolState(policy, 10, 'g1');
  steps = 0;
});

/** Takes a step, and holds the state after it against the invariants. */
function step(operation: Operation, nowMs: number): Reply {
  steps += 1;
  const reply = transition(state, operation, nowMs, `r${steps}`);
  expect(violationsOf(dump(state), policy, !reply.hasMore)).toEqual([]);
  return reply;
}

const beat = (podId: string, nowMs: number, workers = 10) =>
  step({ type: 'beat', podId, generation: 'g1', workers, flights: [] }, nowMs);
const enqueue = (podId: string, job: Partial<NewJob>, nowMs: number) =>
  step({ type: 'enqueue', podId, job: { ...newJob, ...job } }, nowMs);
const settle = (podId: string, jobId: string, actualCost: number, nowMs: number, outcome: 'done' | 'retry' = 'done') =>
  step(
    { type: 'settle', podId, jobId, nonce: state.jobs.get(jobId)?.nonce ?? '', outcome, actualCost, retryAtMs: nowMs },
    nowMs,
  );

describe('a pod that dies over many jobs', () => {
  beforeEach(() => {
    beat('pod_1', 0);
    for (let number = 1; number <= 200; number++) enqueue('pod_1', { id: `job_${number}` }, 0);
    expect(state.inFlight).toBe(10);
  });

  it('leaves no ghosts but of the jobs that ran, though it is buried in several steps', () => {
    step({ type: 'setCapacity', podId: 'pod_1', upstreamSlots: 60 }, 50);
    let reply = beat('pod_2', 100, 50);
    while (reply.hasMore) reply = step({ type: 'grant', podId: 'pod_2' }, 100);
    expect(state.jobs.size).toBe(0);
    expect(state.ghosts).toBe(10);
  });

  it('is buried by the steps after a reap, whatever they are', () => {
    beat('pod_2', 10);
    let reply = step({ type: 'reap', podId: 'pod_2', deadPodId: 'pod_1' }, 20);
    for (let count = 0; count < 3; count++) {
      expect(reply.hasMore).toBe(true);
      reply = step({ type: 'grant', podId: 'pod_2' }, 20);
    }
    expect(reply.hasMore).toBe(false);
    expect([...state.pods.keys()]).toEqual(['pod_2']);
    expect(state.jobs.size).toBe(0);
  });
});

it('says that more is due, also when a whole step of grants found its end', () => {
  beat('pod_1', 0, 0);
  for (let number = 1; number <= 64; number++) enqueue('pod_1', { id: `job_${number}`, deadlineMs: 50 }, 0);
  for (let number = 1; number <= 70; number++)
    enqueue('pod_1', { id: `detached_${number}`, kind: 'detached', tenantId: 'ten_2', deadlineMs: 50 }, 0);
  step({ type: 'setTenant', podId: 'pod_1', tenantId: 'ten_2', tier: 'free', weight: 100, isPaused: true }, 1);
  // 64 grants would find the attached jobs too late, while 6 of the detached ones are still to be ended.
  const reply = step({ type: 'beat', podId: 'pod_1', generation: 'g1', workers: 1, flights: [] }, 60);
  expect(reply.hasMore).toBe(true);
  expect(step({ type: 'grant', podId: 'pod_1' }, 60).hasMore).toBe(false);
  expect(state.jobs.size).toBe(0);
});

describe('a tenant that was given another tier', () => {
  beforeEach(() => {
    beat('pod_1', 0);
    enqueue('pod_1', { kind: 'detached' }, 0);
    step({ type: 'setTenant', podId: 'pod_1', tenantId: 'ten_1', tier: 'enterprise', weight: 200, isPaused: false }, 1);
  });

  it('keeps it when an older job of it is tried again', () => {
    settle('pod_1', 'job_1', 10, 2, 'retry');
    expect(state.tenants.get('ten_1')).toMatchObject({ tier: 'enterprise', weight: 200 });
  });

  it('keeps it when a pod takes an older job into a new state', () => {
    const flight = { jobId: 'old', nonce: 'n', progressCost: 5, job: { ...newJob, id: 'old' } };
    step({ type: 'beat', podId: 'pod_1', generation: 'lost', workers: 10, flights: [flight] }, 2);
    expect(state.jobs.get('old')?.state).toBe('running');
    expect(state.tenants.get('ten_1')).toMatchObject({ tier: 'enterprise', weight: 200, inFlight: 2 });
  });
});

it('tells whoever asks for a dead letter that it is one, since the message that said so may be lost', () => {
  beat('pod_1', 0);
  enqueue('pod_1', { kind: 'detached', attempts: 2 }, 0);
  const nonce = state.jobs.get('job_1')?.nonce ?? '';
  step({ type: 'start', podId: 'pod_1', jobId: 'job_1', nonce }, 1);
  settle('pod_1', 'job_1', 10, 2, 'retry');
  expect(state.jobs.get('job_1')?.state).toBe('dead');
  expect(enqueue('pod_1', { kind: 'detached', attempts: 2 }, 3).status).toBe('exhausted');
});

it('keeps a tenant at rest whose job a pod takes into the state, when the clock has passed it', () => {
  beat('pod_1', 0);
  enqueue('pod_1', {}, 0);
  settle('pod_1', 'job_1', 500, 1);
  expect(state.tiers.get('free')?.parked.size()).toBe(1);
  const flight = { jobId: 'old', nonce: 'n', progressCost: 5, job: { ...newJob, id: 'old' } };
  step({ type: 'beat', podId: 'pod_1', generation: 'lost', workers: 10, flights: [flight] }, 2);
  for (let number = 1; number <= 20; number++) {
    enqueue('pod_1', { id: `other_${number}`, tenantId: 'ten_2' }, 3);
    settle('pod_1', `other_${number}`, 100, 3);
  }
  expect(settle('pod_1', 'old', 5, 4).status).toBe('ok');
  expect(state.inFlight).toBe(0);
});
