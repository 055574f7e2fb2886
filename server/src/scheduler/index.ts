/** Places for model work. */

export { createScheduler, type Scheduler } from './slots.ts';
