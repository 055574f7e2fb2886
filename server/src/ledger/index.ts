/** Prices, attempts, charges. */

export { createLedger, type Ledger } from './ledger.ts';
export { costNanoOf, dollarsFromNano, type Tokens } from './prices.ts';
export type { Attempt, Cost, Settlement } from './settlement.ts';
export { type UsageQuery, type UsageRow, usageGroupings } from './usage.ts';
