/** Any operations of the scheduler's kernel, on few things so that they meet. */

import fc from 'fast-check';
import type { Flight, Operation, Policy } from '../../src/scheduler/kernel/operations.ts';
import type { PoolState } from '../../src/scheduler/kernel/state.ts';

/** A policy whose bounds are soon reached. */
const tightPolicy: Policy = {
  tierWeights: { enterprise: 50, professional: 30, starter: 15, free: 5 },
  capPercent: 20,
  capPolicy: 'entitlement',
  headroomSlots: 0,
  bandOffsetsMs: [0, 5000, 30_000, 120_000],
  costMax: 1000,
  queuedMax: 12,
  inboxMax: 5,
  attemptsMax: 3,
  deathsMax: 2,
  leaseMs: 100,
  ghostMs: 50,
  deadMax: 3,
};

/** Policies that differ in how they choose. */
export const tightPolicies: readonly Policy[] = [
  tightPolicy,
  { ...tightPolicy, capPolicy: 'strict' },
  { ...tightPolicy, headroomSlots: 1 },
];

const tiers = Object.keys(tightPolicy.tierWeights);
const jobId = fc.integer({ min: 1, max: 14 }).map((number) => `job_${number}`);
const podId = fc.constantFrom('pod_1', 'pod_2', 'pod_3');
const tenant = fc.integer({ min: 0, max: 7 }).map((number) => ({
  tenantId: `ten_${number}`,
  tier: tiers[number % 4] ?? '',
  weight: number === 5 ? 300 : 100,
}));
const newJob = fc
  .record({
    id: jobId,
    kind: fc.constantFrom('attached' as const, 'detached' as const),
    queueMax: fc.integer({ min: 1, max: 6 }),
    estimatedCost: fc.integer({ min: 1, max: 1500 }),
    priority: fc.integer({ min: 0, max: 3 }),
    deadlineMs: fc.integer({ min: 50, max: 5000 }),
    attempts: fc.integer({ min: 0, max: 1 }),
    tenant,
  })
  .map(({ tenant, ...job }) => ({ ...job, ...tenant }));
const isRight = fc.boolean();
const flight = fc.record({ isRight, progressCost: fc.integer({ min: 0, max: 2000 }), job: newJob });

/** Operations whose nonces are still to be filled in. */
const drawn = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant('enqueue' as const), podId, job: newJob }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('beat' as const),
      podId,
      generation: fc.constantFrom('g1', 'lost'),
      workers: fc.integer({ min: 0, max: 5 }),
      flights: fc.array(flight, { maxLength: 3 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('start' as const), podId, jobId, isRight }) },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('settle' as const),
      podId,
      jobId,
      isRight,
      outcome: fc.constantFrom('done' as const, 'retry' as const),
      actualCost: fc.option(fc.integer({ min: 0, max: 3000 }), { nil: undefined }),
      retryAtMs: fc.integer({ min: 0, max: 3000 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('cancel' as const), podId, jobId }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('grant' as const), podId }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('redrive' as const), podId, jobId }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('reap' as const), podId, deadPodId: podId }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('setCapacity' as const),
      podId,
      upstreamSlots: fc.integer({ min: 1, max: 9 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ podId, tenant, isPaused: fc.boolean() })
      .map(({ tenant, ...rest }) => ({ type: 'setTenant' as const, ...tenant, ...rest })),
  },
);

/** An operation as it was drawn. */
export type Drawn = typeof drawn extends fc.Arbitrary<infer One> ? One : never;

/** Operations, each with the time that passed before it. */
export const drawnSteps = fc.array(fc.tuple(drawn, fc.integer({ min: 0, max: 60 })), { maxLength: 120, size: 'max' });

/** The operation, by who holds the job and with its nonce where it was drawn to be right. */
export function operationFrom(drawn: Drawn, state: PoolState): Exclude<Operation, { type: 'configure' }> {
  if (drawn.type === 'beat') {
    const flights = drawn.flights.map(({ isRight, progressCost, job }): Flight => {
      const nonce = (isRight ? state.jobs.get(job.id)?.nonce : undefined) ?? 'other';
      return { jobId: job.id, nonce, progressCost, job };
    });
    return { ...drawn, flights };
  }
  if (drawn.type !== 'start' && drawn.type !== 'settle') return drawn;
  const { isRight, ...operation } = drawn;
  const holder = state.jobs.get(drawn.jobId);
  return { ...operation, nonce: (isRight ? holder?.nonce : undefined) ?? 'wrong', podId: holder?.podId ?? drawn.podId };
}
