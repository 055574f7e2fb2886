import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawnSteps, operationFrom, tightPolicies } from '../../../test/support/scheduler-operations.ts';
import { dump } from './dump.ts';
import { violationsOf } from './invariants.ts';
import { transition } from './kernel.ts';
import { createPoolState } from './state.ts';

describe('the kernel', () => {
  it.each(tightPolicies)(
    'keeps its invariants after any operations, in any order ($capPolicy, headroom $headroomSlots)',
    (policy) => {
      fc.assert(
        fc.property(drawnSteps, (steps) => {
          const state = createPoolState(policy, 6, 'g1');
          let nowMs = 0;
          for (const [number, [drawn, passedMs]] of steps.entries()) {
            nowMs += passedMs;
            const { hasMore } = transition(state, operationFrom(drawn, state), nowMs, `r${number}`);
            expect(violationsOf(dump(state), policy, !hasMore)).toEqual([]);
          }
        }),
        { numRuns: 300 },
      );
    },
  );
});
