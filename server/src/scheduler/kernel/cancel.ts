/** Ends a job that waits; tells the pod of one that runs to end it. */

import { forgetDead } from './flights.ts';
import type { Status } from './operations.ts';
import { drop, forget } from './queues.ts';
import { type Step, tell } from './step.ts';

/** Cancels a job; the reply says whether it is over, or only told to be. */
export function cancel(step: Step, jobId: string): Status {
  const { state, podId } = step;
  const job = state.jobs.get(jobId);
  if (job === undefined) return 'stale';
  if (job.nonce !== undefined) {
    tell(step, job.podId, { type: 'cancel', jobId, nonce: job.nonce });
    return 'cancelling';
  }
  if (job.state === 'queued') {
    if (job.podId !== undefined && job.podId !== podId)
      tell(step, job.podId, { type: 'ended', jobId, reason: 'cancelled' });
    drop(state, job);
  } else if (job.state === 'dead') forgetDead(state, job);
  else {
    state.timers.remove(`retry:${jobId}`);
    forget(state, job);
  }
  return 'ok';
}
