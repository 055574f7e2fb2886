/** Prices, attempts, charges. */

export {
  type Attempt,
  type Cost,
  createLedger,
  type Ledger,
  type Settlement,
  type UsageQuery,
  type UsageRow,
  usageGroupings,
} from './ledger.ts';
export { costNanoOf, dollarsFromNano, priceOf, type Tokens } from './prices.ts';
