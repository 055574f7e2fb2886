import { expect, it } from 'vitest';
import { transition } from './kernel.ts';
import type { Flight, Operation } from './operations.ts';
import { createPoolState } from './state.ts';

const policy = {
  tierWeights: { free: 5 },
  capPercent: 20,
  capPolicy: 'entitlement',
  headroomSlots: 0,
  bandOffsetsMs: [0],
  costMax: 1000,
  queuedMax: 10,
  inboxMax: 10,
  attemptsMax: 3,
  deathsMax: 3,
  leaseMs: 100,
  ghostMs: 1000,
  deadMax: 10,
} as const;

it('keeps a slot for each death of a job, also when a pod brings it back with the same nonce', () => {
  const state = createPoolState(policy, 10, 'new');
  const ofTenant = { tenantId: 'ten_1', tier: 'free', weight: 100, queueMax: 9 };
  const job = {
    id: 'job_1',
    kind: 'attached',
    ...ofTenant,
    estimatedCost: 1,
    priority: 0,
    deadlineMs: 1e9,
    attempts: 0,
  } as const;
  const flight: Flight = { jobId: job.id, nonce: 'n', progressCost: 0, job };
  const steps: Operation[] = [1, 2].flatMap(() => [
    { type: 'beat', podId: 'pod', generation: 'lost', workers: 9, flights: [flight] },
    { type: 'reap', podId: 'other', deadPodId: 'pod' },
  ]);
  for (const [number, step] of steps.entries()) transition(state, step, number, `r${number}`);
  expect([state.ghosts, state.timers.size()]).toEqual([2, 2]);
  transition(state, { type: 'grant', podId: 'other' }, 2000, 'r');
  expect([state.ghosts, state.timers.size()]).toEqual([0, 0]);
});
