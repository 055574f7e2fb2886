/** Hears a pod: it lives, wants to run so many jobs at once, and holds these. */

import { jobFrom } from './enqueue.ts';
import { charge, place } from './fairness.ts';
import { showRoom, takeOff } from './flights.ts';
import { grantedMessage } from './grant.ts';
import type { Flight, PoolView, Reply } from './operations.ts';
import { tenantFor } from './queues.ts';
import { createSortedSet } from './sorted-set.ts';
import { found, idOf, type Job, type Pod, type PoolState, slotsOf, tenantOf, tierOf } from './state.ts';
import { type Step, tell } from './step.ts';

/** Jobs whose grant is repeated in one beat. */
const repeatsMax = 64;

/** What a pod learns of itself. */
type Heard = Required<Pick<Reply, 'generation' | 'staleJobIds' | 'isNewPod' | 'pool'>>;

/** Renews the lease of the pod that asks, and holds what it says of its jobs against what is known. */
export function beat(step: Step, generation: string, workers: number, flights: readonly Flight[]): Heard {
  const { state, podId } = step;
  const isNewPod = !state.pods.has(podId);
  const pod = state.pods.get(podId) ?? newPod(state, podId);
  setWorkers(state, pod, workers);
  state.timers.add(`lease:${podId}`, state.nowMs + state.policy.leaseMs);
  const staleJobIds: string[] = [];
  const held = new Set<string>();
  for (const flight of flights) {
    const job = state.jobs.get(flight.jobId) ?? adopted(state, pod, flight, generation);
    if (job === undefined || job.podId !== podId || job.nonce !== flight.nonce) {
      staleJobIds.push(flight.jobId);
      continue;
    }
    held.add(job.id);
    if (flight.progressCost > job.chargedCost) {
      charge(state, tenantOf(state, job), job.chargedCost, flight.progressCost);
      job.chargedCost = flight.progressCost;
    }
  }
  repeatGrants(step, pod, held);
  return { generation: state.generation, staleJobIds, isNewPod, pool: viewOf(state) };
}

function viewOf(state: PoolState): PoolView {
  const { inFlight, queuedAttached, queuedDetached } = state;
  const servedCost = [...state.tiers.values()].reduce((sum, tier) => sum + tier.servedCost, 0);
  return { pods: state.pods.size, slots: slotsOf(state), inFlight, queuedAttached, queuedDetached, servedCost };
}

/** Changes how many jobs a pod wants to run at once. */
export function setWorkers(state: PoolState, pod: Pod, workers: number): void {
  if (pod.workers === workers) return;
  state.workers += workers - pod.workers;
  pod.workers = workers;
  state.areCapsStale = true;
  showRoom(state, pod);
}

function newPod(state: PoolState, id: string): Pod {
  const pod: Pod = { id, workers: 0, inFlight: 0, jobs: createSortedSet(), inbox: [] };
  state.pods.set(id, pod);
  return pod;
}

/** Takes back a running job that a state before this one knew. */
function adopted(state: PoolState, pod: Pod, flight: Flight, generation: string): Job | undefined {
  if (generation === state.generation) return undefined;
  const job = jobFrom(state, flight.job);
  const tenant = tenantFor(state, job);
  tierOf(state, tenant).parked.remove(tenant.name);
  state.jobs.set(job.id, job);
  takeOff(state, job, pod, flight.nonce);
  job.state = 'running';
  job.chargedCost = flight.progressCost;
  place(state, tenant);
  return job;
}

/** Repeats grants that the pod does not name: the message may be lost, or on its way. */
function repeatGrants(step: Step, pod: Pod, held: ReadonlySet<string>): void {
  const { state } = step;
  let repeats = 0;
  for (const name of pod.jobs.names().slice(0, pod.inFlight)) {
    if (repeats === repeatsMax) return;
    const job = found(state.jobs.get(idOf(name)), name);
    if (held.has(job.id)) continue;
    repeats += 1;
    tell(step, pod.id, grantedMessage(job, state.nowMs));
  }
}
