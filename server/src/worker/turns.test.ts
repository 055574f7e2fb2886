import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTurns } from './turns.ts';

describe('turns', () => {
  it('give no tenant with work two turns more than another, whatever arrives when', () => {
    const anyArrivals = fc.array(fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 4 }), { maxLength: 60 });
    fc.assert(
      fc.property(anyArrivals, (arrivals) => {
        const turns = createTurns();
        const waiting: { tenant: string; tag: number }[] = [];
        const add = (tenant: string) => waiting.push({ tenant, tag: turns.next(tenant) });
        // The first tenant always has work; every other may have some at times.
        for (let number = 0; number < 100; number++) add('always');
        let since = new Map<string, number>();
        for (const tenants of arrivals) {
          for (const tenant of tenants) add(tenant);
          waiting.sort((one, other) => one.tag - other.tag);
          const job = waiting.shift();
          if (job === undefined) return;
          turns.started(job.tag);
          if (job.tenant === 'always') since = new Map();
          else since.set(job.tenant, (since.get(job.tenant) ?? 0) + 1);
          for (const served of since.values()) expect(served).toBeLessThanOrEqual(2);
        }
      }),
    );
  });

  it('do not make a tenant pay for the time in which nobody else had work', () => {
    const turns = createTurns();
    for (let number = 0; number < 50; number++) turns.started(turns.next('busy'));
    expect(turns.next('new')).toBe(49);
    expect(turns.next('busy')).toBe(50);
  });
});
