import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTokenBuckets } from './token-bucket.ts';

const anyLimit = fc.integer({ min: 1, max: 100_000 });
/** Steps of a client: how long it waits, and how much it then asks for. */
const anySteps = fc.array(fc.tuple(fc.integer({ min: 0, max: 90_000 }), fc.integer({ min: 1, max: 2000 })), {
  minLength: 1,
  maxLength: 200,
});

describe('a token bucket', () => {
  it('never admits more than its burst and what refilled since', () => {
    fc.assert(
      fc.property(anyLimit, anySteps, (limit, steps) => {
        const buckets = createTokenBuckets(10);
        let nowMs = 1_000_000;
        let admitted = 0;
        for (const [waitMs, amount] of steps) {
          nowMs += waitMs;
          if (buckets.peek('k', limit, amount, nowMs).retryAfterMs > 0) continue;
          buckets.take('k', limit, amount, nowMs);
          admitted += amount;
          expect(admitted).toBeLessThanOrEqual(limit + ((nowMs - 1_000_000) * limit) / 60_000 + 1e-6);
        }
      }),
    );
  });

  it('admits what it has refused once the client has waited as long as it said, and not a moment sooner than needed', () => {
    fc.assert(
      fc.property(anyLimit, anySteps, (limit, steps) => {
        const buckets = createTokenBuckets(10);
        let nowMs = 0;
        for (const [waitMs, asked] of steps) {
          nowMs += waitMs;
          const amount = Math.min(asked, limit);
          const { retryAfterMs } = buckets.peek('k', limit, amount, nowMs);
          if (retryAfterMs > 1)
            expect(buckets.peek('k', limit, amount, nowMs + retryAfterMs - 2).retryAfterMs).toBeGreaterThan(0);
          nowMs += retryAfterMs;
          expect(buckets.peek('k', limit, amount, nowMs).retryAfterMs).toBeLessThanOrEqual(1);
          buckets.take('k', limit, amount, nowMs);
        }
      }),
    );
  });

  it('takes nothing by looking, also when it refuses', () => {
    const buckets = createTokenBuckets(10);
    buckets.take('k', 60, 30, 0);
    const before = buckets.peek('k', 60, 0, 0);
    for (const amount of [0, 1, 30, 31, 1000]) buckets.peek('k', 60, amount, 0);
    expect(buckets.peek('k', 60, 0, 0)).toEqual(before);
  });

  it('says what is left, until when it is full, and how long to wait', () => {
    const buckets = createTokenBuckets(10);
    expect(buckets.peek('k', 60, 1, 0)).toEqual({ limit: 60, remaining: 59, resetMs: 1000, retryAfterMs: 0 });
    buckets.take('k', 60, 60, 0);
    expect(buckets.peek('k', 60, 1, 500)).toEqual({ limit: 60, remaining: 0, resetMs: 59_500, retryAfterMs: 500 });
    expect(buckets.peek('k', 60, 1, 1000)).toMatchObject({ remaining: 0, retryAfterMs: 0 });
    expect(buckets.peek('k', 60, 0, 10_000)).toMatchObject({ remaining: 10, resetMs: 50_000 });
  });

  it('is never fuller than one minute of its rate, whatever comes back', () => {
    const buckets = createTokenBuckets(10);
    buckets.take('k', 60, -1000, 0);
    expect(buckets.peek('k', 60, 0, 600_000).remaining).toBe(60);
  });

  it('lets refilling pay what was used beyond the reservation', () => {
    const buckets = createTokenBuckets(10);
    buckets.take('k', 60, 120, 0);
    expect(buckets.peek('k', 60, 1, 0)).toMatchObject({ remaining: 0, retryAfterMs: 61_000 });
  });

  it('stands still while the clock is set back', () => {
    const buckets = createTokenBuckets(10);
    buckets.take('k', 60, 10, 3_600_000);
    expect(buckets.peek('k', 60, 0, 0).remaining).toBe(50);
    buckets.take('k', 60, 1, 0);
    expect(buckets.peek('k', 60, 0, 1000).remaining).toBe(50);
  });

  it('forgets the bucket used longest ago when there are too many, and no other', () => {
    const buckets = createTokenBuckets(2);
    buckets.take('a', 60, 10, 0);
    buckets.take('b', 60, 10, 0);
    buckets.take('a', 60, 10, 0);
    buckets.take('c', 60, 10, 0);
    expect(['a', 'b', 'c'].map((key) => buckets.peek(key, 60, 0, 0).remaining)).toEqual([40, 60, 50]);
  });
});
