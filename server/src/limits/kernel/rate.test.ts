import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ratePerMinuteMax, windowUs } from '../counters.ts';
import { correctedUs, takeRate } from './rate.ts';

const anyLimit = fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: ratePerMinuteMax }));
/** Steps of a client: how long it waits, and how much it then asks for, as a share of the limit in per mille. */
const anySteps = fc.array(
  fc.tuple(
    fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 200_000 }), fc.integer({ min: 0, max: 2 * windowUs })),
    fc.integer({ min: 1, max: 1200 }),
  ),
  { minLength: 1, maxLength: 100 },
);

describe('a rate', () => {
  it('admits in no window more than its burst and what came back since', () => {
    fc.assert(
      fc.property(anyLimit, anySteps, (limit, steps) => {
        let nowUs = 1e15;
        let kept: number | undefined;
        const admitted: { readonly atUs: number; readonly amount: number }[] = [];
        for (const [passedUs, share] of steps) {
          nowUs += passedUs;
          const amount = Math.ceil((limit * share) / 1000);
          const { reading, arrivalUs } = takeRate(kept, { limit, amount }, nowUs);
          if (reading.isOver) continue;
          kept = arrivalUs;
          admitted.push({ atUs: nowUs, amount });
        }
        for (const [index, first] of admitted.entries()) {
          let sum = 0;
          for (const { atUs, amount } of admitted.slice(index)) {
            sum += amount;
            expect(sum).toBeLessThanOrEqual(limit + ((atUs - first.atUs) * limit) / windowUs);
          }
        }
      }),
    );
  });

  it('never counts less than was taken, however small that is beside the limit', () => {
    fc.assert(
      fc.property(anyLimit, fc.integer({ min: 1, max: 50 }), (limit, times) => {
        let kept: number | undefined;
        for (let n = 0; n < Math.min(times, limit); n += 1) kept = takeRate(kept, { limit, amount: 1 }, 1e15).arrivalUs;
        const { remaining } = takeRate(kept, { limit, amount: 0 }, 1e15).reading;
        expect(remaining).toBeLessThanOrEqual(limit - Math.min(times, limit));
      }),
    );
  });

  it('admits what it refused after the time that it said, and not a microsecond before', () => {
    fc.assert(
      fc.property(anyLimit, anySteps, (limit, steps) => {
        let nowUs = 1e15;
        let kept: number | undefined;
        for (const [passedUs, share] of steps) {
          nowUs += passedUs;
          const amount = Math.min(limit, Math.ceil((limit * share) / 1000));
          const { retryAfterUs } = takeRate(kept, { limit, amount }, nowUs).reading;
          const isOverAfter = (us: number) => takeRate(kept, { limit, amount }, nowUs + us).reading.isOver;
          if (retryAfterUs > 0) expect(isOverAfter(retryAfterUs - 1)).toBe(true);
          expect(isOverAfter(retryAfterUs)).toBe(false);
          nowUs += retryAfterUs;
          kept = takeRate(kept, { limit, amount }, nowUs).arrivalUs;
        }
      }),
    );
  });

  it('says what is left and until when all of it is there again', () => {
    const at = (kept: number | undefined, amount: number, nowUs: number) =>
      takeRate(kept, { limit: 60, amount }, nowUs).reading;
    expect(at(undefined, 1, 0)).toEqual({ isOver: false, remaining: 59, resetUs: 1_000_000, retryAfterUs: 0 });
    expect(at(windowUs, 1, 500_000)).toEqual({
      ...{ isOver: true, remaining: 0, resetUs: 59_500_000, retryAfterUs: 500_000 },
    });
    expect(at(windowUs, 0, 10_000_000)).toMatchObject({ isOver: false, remaining: 10, resetUs: 50_000_000 });
  });

  it('is as if only what was used had been taken, once that is known', () => {
    fc.assert(
      fc.property(anyLimit, fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 0, max: 1000 }), (limit, a, b) => {
        const [from, to] = [Math.ceil((limit * a) / 1000), Math.ceil((limit * b) / 1000)];
        const reserved = takeRate(undefined, { limit, amount: from }, 1e15).arrivalUs;
        const used = takeRate(undefined, { limit, amount: to }, 1e15).arrivalUs;
        expect(correctedUs(reserved, { limit, from, to }, 1e15)).toBe(used);
      }),
    );
  });

  it('owes one window at most, also after the clock was set back', () => {
    const kept = correctedUs(undefined, { limit: 60, from: 0, to: 1_000_000 }, 1e15);
    expect(kept).toBe(1e15 + 2 * windowUs);
    const backUs = 1e15 - 3_600_000_000;
    expect(takeRate(kept, { limit: 60, amount: 1 }, backUs).reading.retryAfterUs).toBe(windowUs + 1_000_000);
  });
});
