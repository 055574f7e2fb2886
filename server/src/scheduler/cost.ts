/**
 * What model work costs of a tenant's fair share, before it ran and after.
 *
 * The share is counted in tokens, output weighing more (Sheng et al., OSDI 2024, count 1 to 2); the bill is another matter.
 */

/** Weight of a token of each kind. */
export interface CostWeights {
  readonly costInputToken: number;
  readonly costCachedToken: number;
  readonly costOutputToken: number;
}

/** Tokens of a piece of work. */
export interface CostTokens {
  readonly inputTokens: number;
  /** Input that the upstream had read before. */
  readonly cachedTokens?: number;
  readonly outputTokens: number;
}

/** Costs of work by kind. */
export interface Costs {
  /** Whole units that tokens cost, at least one. */
  readonly of: (tokens: CostTokens) => number;
  /** What work of a kind is expected to cost for a tenant; never more than `bound` costs. */
  readonly expected: (tenantId: string, kind: string, bound: CostTokens) => number;
  /** Notes what work really cost. */
  readonly note: (tenantId: string, kind: string, cost: number) => void;
}

/** Pairs of tenant and kind that are remembered; those noted longest ago are forgotten. */
const rememberedMax = 10_000;
/** Weight of the last cost in a mean. */
const noteWeight = 0.2;
/** What nobody knows anything of is expected to cost this part of its bound. */
const unknownPart = 0.25;
/** Nobody is expected to cost less than this part of what others do: constant under-estimates delay corrections. */
const floorPart = 0.5;

/** Makes costs that learn from what work of this process costs. */
export function createCosts({ costInputToken, costCachedToken, costOutputToken }: CostWeights): Costs {
  const means = new Map<string, number>();

  function of({ inputTokens, cachedTokens = 0, outputTokens }: CostTokens): number {
    const cost = (inputTokens - cachedTokens) * costInputToken + cachedTokens * costCachedToken;
    return Math.max(Math.ceil(cost + outputTokens * costOutputToken), 1);
  }

  function noteMean(key: string, cost: number): void {
    const mean = means.get(key);
    means.delete(key);
    means.set(key, mean === undefined ? cost : mean + noteWeight * (cost - mean));
    const oldest = means.keys().next();
    if (means.size > rememberedMax && oldest.done !== true) means.delete(oldest.value);
  }

  return {
    of,
    expected(tenantId, kind, bound) {
      const boundCost = of(bound);
      const ofAll = means.get(kind) ?? boundCost * unknownPart;
      const mean = Math.max(means.get(`${tenantId} ${kind}`) ?? ofAll, ofAll * floorPart);
      return Math.max(Math.min(Math.ceil(mean), boundCost), 1);
    },
    note(tenantId, kind, cost) {
      noteMean(`${tenantId} ${kind}`, cost);
      noteMean(kind, cost);
    },
  };
}
