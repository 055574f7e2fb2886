import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { costNanoOf, dollarsFromNano, priceOf } from './prices.ts';

describe('prices', () => {
  it('are nano-dollars per token', () => {
    // 0.15 and 0.60 dollars per million tokens.
    expect(costNanoOf('gpt-4o-mini', { inputTokens: 1_000_000, outputTokens: 1_000_000 })).toBe(750_000_000n);
    expect(costNanoOf('gpt-4o', { inputTokens: 1, outputTokens: 1 })).toBe(12_500n);
    expect(costNanoOf('gpt-4o', { inputTokens: 0, outputTokens: 0 })).toBe(0n);
  });

  it.each([
    ['gpt-4o-2024-08-06', 'gpt-4o'],
    ['gpt-4o-mini-2024-07-18', 'gpt-4o-mini'],
    ['gpt-4-turbo-2024-04-09', 'gpt-4-turbo'],
    ['gpt-4-0613', 'gpt-4'],
    ['gpt-3.5-turbo-0125', 'gpt-3.5-turbo'],
  ])('of %s is that of %s', (dated, plain) => {
    expect(priceOf(dated)).toBe(priceOf(plain));
    expect(priceOf(dated).source).not.toMatch(/not listed/);
  });

  it.each([
    'gpt-4-32k',
    'gpt-4.5-preview',
    'gpt-4o-audio-preview',
    'extractive',
    'extractive-2024-08-06',
    '',
    'constructor',
    '__proto__',
    'my-model',
  ])('of %j, which is not listed, are at least as high as any that is listed', (model) => {
    const unknown = costNanoOf(model, { inputTokens: 1, outputTokens: 1 });
    for (const listed of ['gpt-4', 'gpt-4-turbo', 'gpt-4o', 'gpt-4.1', 'gpt-3.5-turbo']) {
      expect(unknown).toBeGreaterThanOrEqual(costNanoOf(listed, { inputTokens: 1, outputTokens: 1 }));
    }
  });

  it('never lose a token to rounding, at any size', () => {
    const tokens = fc.nat({ max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(tokens, tokens, fc.constantFrom('gpt-4o', 'gpt-4', 'other'), (inputTokens, outputTokens, model) => {
        const { inputNano, outputNano } = priceOf(model);
        expect(costNanoOf(model, { inputTokens, outputTokens })).toBe(
          BigInt(inputTokens) * inputNano + BigInt(outputTokens) * outputNano,
        );
      }),
    );
  });
});

describe('nano-dollars as dollars', () => {
  it('are exact decimals, without trailing zeros', () => {
    const cases: [bigint, string][] = [
      [0n, '0'],
      [1n, '0.000000001'],
      [1_234_000n, '0.001234'],
      [1_000_000_000n, '1'],
      [-1_500_000_000n, '-1.5'],
      [123_456_789_012_345_678_901n, '123456789012.345678901'],
    ];
    for (const [nano, dollars] of cases) expect(dollarsFromNano(nano)).toBe(dollars);
  });

  it('can be turned back without loss', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }), (nano) => {
        const dollars = dollarsFromNano(nano);
        expect(dollars).toMatch(/^-?(0|[1-9]\d*)(\.\d{0,8}[1-9])?$/);
        const [whole = '', fraction = ''] = dollars.replace('-', '').split('.');
        const back = BigInt(whole) * 10n ** 9n + BigInt(fraction.padEnd(9, '0'));
        expect(dollars.startsWith('-') ? -back : back).toBe(nano);
      }),
    );
  });
});
