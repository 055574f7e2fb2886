import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTurns } from './turns.ts';

describe('turns', () => {
  it('give no tenant more than two while another waits, whatever arrives when', () => {
    const anyArrivals = fc.array(fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 4 }), { maxLength: 60 });
    fc.assert(
      fc.property(anyArrivals, (arrivals) => {
        const turns = createTurns();
        const waiting = Array.from({ length: 20 }, () => ({ tenant: 'many', tag: turns.next('many') }));
        /** By tenant that waits: how often each other one had its turn meanwhile. */
        const passedOver = new Map<string, Map<string, number>>();
        for (const tenants of arrivals) {
          for (const tenant of tenants) waiting.push({ tenant, tag: turns.next(tenant) });
          waiting.sort((one, other) => one.tag - other.tag);
          const job = waiting.shift();
          if (job === undefined) continue;
          turns.started(job.tag);
          passedOver.delete(job.tenant);
          for (const tenant of new Set(waiting.map(({ tenant }) => tenant))) {
            if (tenant === job.tenant) continue;
            const turnsOf = passedOver.get(tenant) ?? new Map<string, number>();
            passedOver.set(tenant, turnsOf.set(job.tenant, (turnsOf.get(job.tenant) ?? 0) + 1));
            expect(turnsOf.get(job.tenant)).toBeLessThanOrEqual(2);
          }
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
