/** Background jobs. The only module that knows the job queue's library. */

export { createJobs, type JobHandlers, type Jobs, type JobsOptions } from './jobs.ts';
export { createPlacement } from './placement.ts';
