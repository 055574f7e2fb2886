/** Ends a job in flight, or starts a granted one: only whoever holds its nonce may. */

import { charge } from './fairness.ts';
import { end, land, retry } from './flights.ts';
import type { Operation, Status } from './operations.ts';
import { type Job, type PoolState, tenantOf } from './state.ts';
import type { Step } from './step.ts';

/** Counts an attempt of a granted job, before its first call of an upstream. */
export function start({ state, podId }: Step, jobId: string, nonce: string): Status {
  const job = held(state, podId, jobId, nonce);
  if (job === undefined) return 'stale';
  if (job.state === 'running') return 'known';
  job.state = 'running';
  job.attempts += 1;
  return 'ok';
}

/** Charges what a job really cost and gives its slot back. */
export function settle(step: Step, operation: Operation & { type: 'settle' }): Status {
  const { state, podId } = step;
  const { jobId, nonce, outcome, actualCost, retryAtMs } = operation;
  const job = held(state, podId, jobId, nonce);
  if (job === undefined) return 'stale';
  if (actualCost !== undefined) charge(state, tenantOf(state, job), job.chargedCost, actualCost);
  if (outcome === 'retry' && job.kind === 'detached') {
    land(state, job);
    retry(step, job, retryAtMs);
  } else end(state, job);
  return 'ok';
}

/** The job, when this pod holds it by this nonce. */
function held(state: PoolState, podId: string, jobId: string, nonce: string): Job | undefined {
  const job = state.jobs.get(jobId);
  return job?.nonce === nonce && job.podId === podId ? job : undefined;
}
