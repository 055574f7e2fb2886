import { describe, expect, it } from 'vitest';
import { createCapacityControl } from './capacity.ts';

/** A control over a pool that is always full. */
function open({ slots = 20, slotsMax = 64, usedPart = 1 } = {}) {
  let nowMs = 0;
  const pool = { slots, inFlight: Math.floor(slots * usedPart) };
  const control = createCapacityControl({
    slotsMax,
    pool: () => pool,
    setSlots: (value) => {
      pool.slots = value;
      pool.inFlight = Math.floor(value * usedPart);
    },
    now: () => nowMs,
  });
  return {
    pool,
    pass: (ms: number) => {
      nowMs += ms;
    },
    overloaded: () => control.note({ kind: 'overloaded' }),
    answered: (count: number, firstByteMs = 100) => {
      for (let index = 0; index < count; index++) control.note({ kind: 'answered', firstByteMs });
    },
  };
}

describe('the capacity of an upstream', () => {
  it('falls to four fifths when it refuses for overload, once for all refusals of one overload', () => {
    const upstream = open();
    for (let index = 0; index < 30; index++) upstream.overloaded();
    expect(upstream.pool.slots).toBe(16);
    upstream.pass(1000);
    upstream.overloaded();
    expect(upstream.pool.slots).toBe(12);
  });

  it('never falls below one', () => {
    const upstream = open({ slots: 2 });
    for (let index = 0; index < 10; index++) {
      upstream.overloaded();
      upstream.pass(1000);
    }
    expect(upstream.pool.slots).toBe(1);
  });

  it('grows by one with as many answers as it has slots, up to its bound', () => {
    const upstream = open({ slots: 3, slotsMax: 5 });
    upstream.answered(3);
    expect(upstream.pool.slots).toBe(4);
    upstream.answered(4);
    expect(upstream.pool.slots).toBe(5);
    upstream.answered(50);
    expect(upstream.pool.slots).toBe(5);
  });

  it('does not grow while nobody needs it', () => {
    const upstream = open({ usedPart: 0.5 });
    upstream.answered(500);
    expect(upstream.pool.slots).toBe(20);
  });

  it('falls when first bytes come late for a while, though not for a single one', () => {
    const upstream = open({ slotsMax: 20 });
    upstream.answered(200, 100);
    upstream.answered(1, 900);
    expect(upstream.pool.slots).toBe(20);
    upstream.answered(30, 400);
    expect(upstream.pool.slots).toBe(16);
    upstream.answered(30, 400);
    expect(upstream.pool.slots).toBe(16);
  });
});
