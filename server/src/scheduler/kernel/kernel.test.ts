import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dump } from './dump.ts';
import { violationsOf } from './invariants.ts';
import { transition } from './kernel.ts';
import type { Operation, Policy } from './operations.ts';
import { createPoolState } from './state.ts';

const policy: Policy = {
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
const tiers = Object.keys(policy.tierWeights);

/** Operations on few things, so that they meet. Nonces are filled in: mostly the right one. */
const jobId = fc.integer({ min: 1, max: 14 }).map((number) => `job_${number}`);
const podId = fc.constantFrom('pod_1', 'pod_2', 'pod_3');
const tenant = fc.integer({ min: 0, max: 5 }).map((number) => ({
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
const operation = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant('enqueue' as const), podId, job: newJob }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('beat' as const),
      podId,
      generation: fc.constantFrom('g1', 'lost'),
      workers: fc.integer({ min: 0, max: 5 }),
      flights: fc.constant([]),
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

describe('the kernel', () => {
  it.each([policy, { ...policy, capPolicy: 'strict' as const }, { ...policy, headroomSlots: 1 }])(
    'keeps its invariants after any operations, in any order ($capPolicy, headroom $headroomSlots)',
    (used) => {
      fc.assert(
        fc.property(
          fc.array(fc.tuple(operation, fc.integer({ min: 0, max: 60 })), { maxLength: 120, size: 'max' }),
          (steps) => {
            const state = createPoolState(used, 6, 'g1');
            let nowMs = 0;
            for (const [number, [drawn, passedMs]] of steps.entries()) {
              nowMs += passedMs;
              const holder = 'jobId' in drawn ? state.jobs.get(drawn.jobId) : undefined;
              const step = (
                'isRight' in drawn
                  ? {
                      ...drawn,
                      nonce: drawn.isRight ? (holder?.nonce ?? '') : 'wrong',
                      podId: holder?.podId ?? drawn.podId,
                    }
                  : drawn
              ) as Operation;
              const { hasMore } = transition(state, step, nowMs, `r${number}`);
              expect(violationsOf(dump(state), used, !hasMore)).toEqual([]);
            }
          },
        ),
        { numRuns: 300 },
      );
    },
  );
});
