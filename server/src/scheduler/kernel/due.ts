/** What happens by itself at a time: leases and deadlines that pass, pauses and ghosts that end. */

import { setWorkers } from './beat.ts';
import { charge } from './fairness.ts';
import { end, land, retry } from './flights.ts';
import { drop, forget, queue } from './queues.ts';
import { found, idOf, type Job, numbered, type PoolState, tenantOf } from './state.ts';
import { type Step, tell } from './step.ts';

/** Timers of one step, and jobs of a dead pod. */
const duesMax = 64;

/** Does what is due. */
export function doWhatIsDue(step: Step): void {
  const { state } = step;
  for (let count = 0; count < duesMax; count++) {
    const timer = dueTimer(state);
    if (timer === undefined) return;
    const [kind, id = ''] = timer.split(':', 2);
    if (kind === 'lease') {
      // A pod with many jobs is buried in several steps.
      if (!bury(step, id)) break;
      continue;
    }
    state.timers.remove(timer);
    if (kind === 'ghost') state.ghosts -= 1;
    else if (kind === 'retry') queue(state, found(state.jobs.get(id), id));
    else expire(step, found(state.jobs.get(id), id));
  }
  step.hasMore = dueTimer(state) !== undefined;
}

/** Ends a pod before its lease does. */
export function reap(step: Step, podId: string): void {
  if (step.state.pods.has(podId) && !bury(step, podId)) step.hasMore = true;
}

function dueTimer({ timers, nowMs }: PoolState): string | undefined {
  const first = timers.first();
  return first !== undefined && (timers.scoreOf(first) ?? 0) <= nowMs ? first : undefined;
}

/** Ends a detached job whose deadline has passed, unless it is in flight: its pod watches the time then. */
function expire(step: Step, job: Job): void {
  if (job.nonce !== undefined || job.state === 'dead') return;
  const { state } = step;
  tell(step, undefined, { type: 'ended', jobId: job.id, reason: 'expired' });
  if (job.state === 'queued') drop(state, job);
  else {
    state.timers.remove(`retry:${job.id}`);
    forget(state, job);
  }
}

/** Takes the jobs of a pod that died from it; whether that was all of them. */
function bury(step: Step, podId: string): boolean {
  const { state } = step;
  const pod = found(state.pods.get(podId), `pod ${podId}`);
  setWorkers(state, pod, 0);
  for (const name of pod.jobs.names().slice(0, duesMax)) orphan(step, found(state.jobs.get(idOf(name)), name));
  if (pod.jobs.size() > 0) {
    state.timers.add(`lease:${podId}`, state.nowMs);
    return false;
  }
  state.pods.delete(podId);
  state.room.remove(podId);
  state.timers.remove(`lease:${podId}`);
  return true;
}

/** Attached work dies with its pod; detached work goes on elsewhere. */
function orphan(step: Step, job: Job): void {
  const { state } = step;
  if (job.nonce === undefined) {
    tell(step, job.podId, { type: 'ended', jobId: job.id, reason: 'pod_died' });
    drop(state, job);
    return;
  }
  const wasRunning = job.state === 'running';
  // The upstream may still work for it.
  if (wasRunning) haunt(state, job);
  // What was never started cost nothing.
  else charge(state, tenantOf(state, job), job.chargedCost, 0);
  if (job.kind === 'attached') {
    end(state, job);
    return;
  }
  land(state, job);
  if (wasRunning) job.deaths += 1;
  retry(step, job, state.nowMs);
}

function haunt(state: PoolState, job: Job): void {
  if (state.policy.ghostMs === 0) return;
  state.ghosts += 1;
  // The number keeps two ghosts of one job apart: a pod may bring it back with the same nonce.
  state.timers.add(`ghost:${numbered(state, job.id)}`, state.nowMs + state.policy.ghostMs);
}
