import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { placementPlan, type TenantSize } from './index.ts';

const anySizes = fc.uniqueArray(fc.record({ tenantId: fc.stringMatching(/^t[a-f]{1,2}$/), passages: fc.nat(400) }), {
  selector: ({ tenantId }) => tenantId,
});

/** What has an index after a plan was carried out. */
function after(sizes: readonly TenantSize[], indexed: ReadonlySet<string>, indexFrom: number): Set<string> {
  const { build, drop } = placementPlan(sizes, indexed, indexFrom);
  return new Set([...indexed, ...build].filter((tenantId) => !drop.includes(tenantId)));
}

describe('the plan of indexes', () => {
  it('gives one to every large tenant, takes it from every small one, and leaves those between as they are', () => {
    fc.assert(
      fc.property(anySizes, fc.uniqueArray(fc.stringMatching(/^t[a-f]{1,2}$/)), (sizes, indexed) => {
        const result = after(sizes, new Set(indexed), 100);
        for (const { tenantId, passages } of sizes) {
          if (passages >= 100) expect(result).toContain(tenantId);
          else if (passages < 50) expect(result).not.toContain(tenantId);
          else expect(result.has(tenantId)).toBe(indexed.includes(tenantId));
        }
        // A tenant that is gone is a small one.
        for (const tenantId of result) expect(sizes.map((size) => size.tenantId)).toContain(tenantId);
      }),
    );
  });

  it('is carried out once: the next one is empty', () => {
    fc.assert(
      fc.property(anySizes, (sizes) => {
        const plan = placementPlan(sizes, after(sizes, new Set(), 100), 100);
        expect(plan).toEqual({ build: [], drop: [] });
      }),
    );
  });
});
