/**
 * What models cost, and the arithmetic of it. Money is integer nano-dollars (10^-9 US dollars) in bigint.
 */

/** Price of a model. */
export interface Price {
  /** Nano-dollars per input token. */
  readonly inputNano: bigint;
  /** Nano-dollars per output token. */
  readonly outputNano: bigint;
  /** Where the price stands, and when it was read. */
  readonly source: string;
}

/** Tokens of a piece of work. */
export interface Tokens {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

const openAi = 'OpenAI price list, read in 2026-11';

/** Dollars per million tokens are micro-dollars per token; times 1000 gives nano-dollars. */
function perMillion(inputDollars: number, outputDollars: number, source: string): Price {
  return {
    inputNano: BigInt(Math.round(inputDollars * 1000)),
    outputNano: BigInt(Math.round(outputDollars * 1000)),
    source,
  };
}

/** Prices by model name. Quoted answers have none: they use no tokens, so they cost nothing. */
const prices: ReadonlyMap<string, Price> = new Map([
  ['gpt-4-turbo', perMillion(10, 30, openAi)],
  ['gpt-4', perMillion(30, 60, openAi)],
  ['gpt-4o', perMillion(2.5, 10, openAi)],
  ['gpt-4o-mini', perMillion(0.15, 0.6, openAi)],
  ['gpt-4.1', perMillion(2, 8, openAi)],
  ['gpt-4.1-mini', perMillion(0.4, 1.6, openAi)],
  ['gpt-3.5-turbo', perMillion(0.5, 1.5, openAi)],
]);

/** Unknown models are charged like the dearest known one, so that a missing entry cannot overrun a budget. */
const unknownModel = perMillion(30, 60, 'not listed: charged like the dearest listed model');

/** The date in a name such as `gpt-4o-2024-08-06` or `gpt-4-0613`. Any other ending can be another model. */
const dated = /-(\d{4}-\d{2}-\d{2}|\d{4})$/;

/** The price of a model; a dated name has the price of the name without its date. */
export function priceOf(model: string): Price {
  return prices.get(model) ?? prices.get(model.replace(dated, '')) ?? unknownModel;
}

/** What tokens of a model cost, in nano-dollars. */
export function costNanoOf(model: string, tokens: Tokens): bigint {
  const price = priceOf(model);
  return BigInt(tokens.inputTokens) * price.inputNano + BigInt(tokens.outputTokens) * price.outputNano;
}

/** Nano-dollars as decimal dollars, exact, for example `0.001234`. */
export function dollarsFromNano(nano: bigint): string {
  const sign = nano < 0n ? '-' : '';
  const digits = (nano < 0n ? -nano : nano).toString().padStart(10, '0');
  const fraction = digits.slice(-9).replace(/0+$/, '');
  return `${sign}${digits.slice(0, -9)}${fraction === '' ? '' : `.${fraction}`}`;
}
