/** Jobs in flight: the slots they hold, and how they come back. */

import { place } from './fairness.ts';
import type { DeathReason, Policy } from './operations.ts';
import { forget, queue, rest } from './queues.ts';
import { found, idOf, type Job, type Pod, type PoolState, tenantOf } from './state.ts';
import { type Step, tell } from './step.ts';

/** Gives a job a slot in a pod. */
export function takeOff(state: PoolState, job: Job, pod: Pod, nonce: string): void {
  const tenant = tenantOf(state, job);
  job.state = job.kind === 'attached' ? 'running' : 'granted';
  job.podId = pod.id;
  job.nonce = nonce;
  pod.jobs.add(job.name, 0);
  tenant.inFlight += 1;
  state.inFlight += 1;
  occupy(state, pod, 1);
}

/** Takes the slot of a job back. */
export function land(state: PoolState, job: Job): void {
  const tenant = tenantOf(state, job);
  const pod = found(state.pods.get(job.podId ?? ''), `the pod of ${job.id}`);
  pod.jobs.remove(job.name);
  job.podId = undefined;
  job.nonce = undefined;
  job.chargedCost = 0;
  tenant.inFlight -= 1;
  state.inFlight -= 1;
  occupy(state, pod, -1);
  place(state, tenant);
}

/** Lands a job that ended. */
export function end(state: PoolState, job: Job): void {
  const tenant = tenantOf(state, job);
  land(state, job);
  forget(state, job);
  rest(state, tenant);
}

/** Tries a detached job again, now or later, or buries it when it was tried often enough. */
export function retry(step: Step, job: Job, atMs: number): void {
  const { state } = step;
  const reason = whyDead(job, state.policy);
  if (reason !== undefined) bury(step, job, reason);
  else if (atMs <= state.nowMs) queue(state, job);
  else {
    job.state = 'delayed';
    state.timers.add(`retry:${job.id}`, atMs);
  }
  rest(state, tenantOf(state, job));
}

function whyDead({ attempts, deaths }: Job, { attemptsMax, deathsMax }: Policy): DeathReason | undefined {
  if (attempts >= attemptsMax) return 'attempts';
  return deaths >= deathsMax ? 'deaths' : undefined;
}

/** Makes a job a dead letter; the oldest goes when there are too many. */
function bury(step: Step, job: Job, reason: DeathReason): void {
  const { state } = step;
  job.state = 'dead';
  state.dead.add(job.name, state.nowMs);
  tell(step, undefined, { type: 'dead', jobId: job.id, reason });
  const oldest = state.dead.size() > state.policy.deadMax ? state.dead.first() : undefined;
  if (oldest !== undefined) forgetDead(state, found(state.jobs.get(idOf(oldest)), oldest));
}

/** Removes a dead letter. */
export function forgetDead(state: PoolState, job: Job): void {
  state.dead.remove(job.name);
  forget(state, job);
}

/** Changes how many of a pod's workers are busy. */
function occupy(state: PoolState, pod: Pod, change: 1 | -1): void {
  pod.inFlight += change;
  showRoom(state, pod);
}

/** Offers the workers that a pod has free. */
export function showRoom(state: PoolState, pod: Pod): void {
  if (pod.workers > pod.inFlight) state.room.add(pod.id, pod.workers - pod.inFlight);
  else state.room.remove(pod.id);
}
