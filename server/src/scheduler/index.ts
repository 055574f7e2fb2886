/** Turns for model work, shared fairly among tenants. */

export { type Costs, type CostWeights, createCosts } from './cost.ts';
export { createEmbeddedBackend } from './embedded-backend.ts';
export type { Policy } from './kernel/operations.ts';
export type { PoolSurvey } from './kernel/survey.ts';
export { createRedisBackend } from './redis-backend.ts';
export { createScheduler, type Scheduler, type Served } from './scheduler.ts';
