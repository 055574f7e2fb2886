/** Queues a job, and makes room for it where the pool is full of a heavier tenant's. */

import { shareMillionthsOf } from './fairness.ts';
import type { Backlog, NewJob, Status } from './operations.ts';
import { drop, heaviness, queue, tenantAs } from './queues.ts';
import { found, idOf, type Job, numbered, type PoolState, type Tenant } from './state.ts';
import { type Step, tell } from './step.ts';

/** Queues a new job of the pod that asks. */
export function enqueue(step: Step, newJob: NewJob): Status {
  const { state, podId } = step;
  const known = state.jobs.get(newJob.id);
  // Whoever asks for a dead letter has not heard that it is one.
  if (known !== undefined) return known.state === 'dead' ? 'exhausted' : 'known';
  const pod = state.pods.get(podId);
  if (pod === undefined) return 'unknown_pod';
  if (newJob.attempts >= state.policy.attemptsMax) return 'exhausted';
  const refusal = newJob.kind === 'attached' ? roomForAttached(step, newJob) : roomForDetached(state, newJob);
  if (refusal !== undefined) return refusal;
  const job = jobFrom(state, newJob);
  state.jobs.set(job.id, job);
  if (job.kind === 'attached') {
    job.podId = podId;
    pod.jobs.add(job.name, 1);
  } else state.timers.add(`deadline:${job.id}`, job.deadlineMs);
  tenantAs(state, newJob);
  queue(state, job);
  return 'ok';
}

/** A job that is in no queue yet. */
export function jobFrom(state: PoolState, newJob: NewJob): Job {
  const { costMax } = state.policy;
  return {
    id: newJob.id,
    name: numbered(state, newJob.id),
    tenantId: newJob.tenantId,
    tier: newJob.tier,
    weight: newJob.weight,
    kind: newJob.kind,
    estimatedCost: Math.min(newJob.estimatedCost, costMax),
    priority: newJob.priority,
    order: orderOf(state, newJob.priority),
    state: 'queued',
    podId: undefined,
    nonce: undefined,
    chargedCost: 0,
    attempts: newJob.attempts,
    deaths: 0,
    queuedAtMs: state.nowMs,
    deadlineMs: newJob.deadlineMs,
  };
}

/** Where a job that comes now stands: less urgent ones as if they had come later, so that none waits for ever. */
export function orderOf({ nowMs, policy }: PoolState, priority: number): number {
  return nowMs + (policy.bandOffsetsMs[priority] ?? 0);
}

/** What stands before another job of a tenant; one that has nothing waiting is held up by others alone. */
export function backlogOf(state: PoolState, tenantId: string): Backlog {
  const tenant = state.tenants.get(tenantId);
  if (tenant?.isActive !== true) return { queuedCost: 0, shareMillionths: 0 };
  return { queuedCost: tenant.queuedCost, shareMillionths: shareMillionthsOf(state, tenant) };
}

function roomForDetached(state: PoolState, { tenantId, queueMax }: NewJob): Status | undefined {
  if ((state.tenants.get(tenantId)?.detached.size() ?? 0) >= queueMax) return 'tenant_queue_full';
  return state.queuedDetached >= state.policy.queuedMax ? 'pool_queue_full' : undefined;
}

/** Why an attached job cannot be queued; a heavier tenant's youngest job goes where the pool is full. */
function roomForAttached(step: Step, newJob: NewJob): Status | undefined {
  const { state } = step;
  const known = state.tenants.get(newJob.tenantId);
  if ((known?.attached.size() ?? 0) >= newJob.queueMax) return 'tenant_queue_full';
  if (state.queuedAttached < state.policy.queuedMax) return undefined;
  const heaviest = state.tenants.get(state.heaviest.last() ?? '');
  if (heaviest === undefined || heaviest.id === newJob.tenantId) return 'pool_queue_full';
  const cost = (known?.queuedCost ?? 0) + Math.min(newJob.estimatedCost, state.policy.costMax);
  if (heaviness(state, newJob, cost) >= (state.heaviest.scoreOf(heaviest.id) ?? 0)) return 'pool_queue_full';
  evictFrom(step, heaviest);
  return undefined;
}

function evictFrom(step: Step, tenant: Tenant): void {
  const { state } = step;
  const job = found(state.jobs.get(idOf(tenant.attached.last() ?? '')), `the jobs of ${tenant.id}`);
  tell(step, job.podId, { type: 'ended', jobId: job.id, reason: 'evicted' });
  drop(state, job);
}
