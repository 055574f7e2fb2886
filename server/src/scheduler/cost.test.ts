import { describe, expect, it } from 'vitest';
import { createCosts } from './cost.ts';

const weights = { costInputToken: 1, costCachedToken: 0.25, costOutputToken: 2 };

describe('the cost of work', () => {
  it('weighs tokens by kind, and is a whole number and never nothing', () => {
    const costs = createCosts(weights);
    expect(costs.of({ inputTokens: 100, cachedTokens: 60, outputTokens: 10 })).toBe(40 + 15 + 20);
    expect(costs.of({ inputTokens: 1, cachedTokens: 1, outputTokens: 0 })).toBe(1);
    expect(costs.of({ inputTokens: 0, outputTokens: 0 })).toBe(1);
    const dear = createCosts({ costInputToken: 3, costCachedToken: 2, costOutputToken: 5 });
    expect(dear.of({ inputTokens: 10, cachedTokens: 4, outputTokens: 1 })).toBe(18 + 8 + 5);
  });

  it('is expected to be what it was, for a tenant and a kind of work', () => {
    const costs = createCosts(weights);
    const bound = { inputTokens: 4000, outputTokens: 1000 };
    expect(costs.expected('ten_a', 'chat gpt', bound)).toBe(1500);
    for (let index = 0; index < 30; index++) costs.note('ten_a', 'chat gpt', 800);
    expect(costs.expected('ten_a', 'chat gpt', bound)).toBe(800);
    expect(costs.expected('ten_b', 'chat gpt', bound)).toBe(800);
    expect(costs.expected('ten_a', 'query gpt', bound)).toBe(1500);
  });

  it('is never expected above its bound, nor far below that of others', () => {
    const costs = createCosts(weights);
    for (let index = 0; index < 30; index++) costs.note('ten_b', 'chat gpt', 1000);
    for (let index = 0; index < 3; index++) costs.note('ten_a', 'chat gpt', 1);
    expect(costs.expected('ten_a', 'chat gpt', { inputTokens: 4000, outputTokens: 0 })).toBeGreaterThan(200);
    expect(costs.expected('ten_b', 'chat gpt', { inputTokens: 10, outputTokens: 5 })).toBe(20);
  });
});
