/** Turns for model work, shared fairly among tenants. */

export { type Costs, type CostWeights, createCosts } from './cost.ts';
export { createEmbeddedBackend } from './embedded-backend.ts';
export type { Policy } from './kernel/operations.ts';
export { createScheduler, type Scheduler } from './scheduler.ts';
