/**
 * The scheduler as one pure transition: a state, an operation, a time and a text nobody else has give the next state and a
 * reply. Whatever depends on the world (clocks, chance, the network) is outside.
 *
 * The state given is the state changed: whoever wants the old one copies it first.
 */

import { configure, redrive, setCapacity, setTenant } from './administer.ts';
import { beat } from './beat.ts';
import { cancel } from './cancel.ts';
import { doWhatIsDue, reap } from './due.ts';
import { backlogOf, enqueue } from './enqueue.ts';
import { grant } from './grant.ts';
import type { Operation, Reply, Status } from './operations.ts';
import { settle, start } from './settle.ts';
import type { PoolState } from './state.ts';
import { createStep, type Step } from './step.ts';

/** Takes one atomic step. Time never goes back: an earlier `nowMs` counts as the latest seen. */
export function transition(state: PoolState, operation: Operation, nowMs: number, random: string): Reply {
  state.nowMs = Math.max(state.nowMs, nowMs);
  const step = createStep(state, operation.type === 'configure' ? '' : operation.podId, random);
  doWhatIsDue(step);
  const answer = act(step, operation);
  // Whoever were granted something before all that is due is done might wait in a pod that is being buried.
  if (!step.hasMore) grant(step);
  const { messages, hasMore } = step;
  return { ...answer, messages, hasMore };
}

function act(step: Step, operation: Operation): Omit<Reply, 'messages' | 'hasMore'> {
  if (operation.type === 'beat') {
    const { generation, workers, flights } = operation;
    return { status: 'ok', ...beat(step, generation, workers, flights) };
  }
  const status = statusOf(step, operation);
  const isRefused = status === 'tenant_queue_full' || status === 'pool_queue_full';
  if (operation.type !== 'enqueue' || !isRefused) return { status };
  return { status, backlog: backlogOf(step.state, operation.job.tenantId) };
}

function statusOf(step: Step, operation: Exclude<Operation, { type: 'beat' }>): Status {
  const { state } = step;
  switch (operation.type) {
    case 'enqueue':
      return enqueue(step, operation.job);
    case 'start':
      return start(step, operation.jobId, operation.nonce);
    case 'settle':
      return settle(step, operation);
    case 'cancel':
      return cancel(step, operation.jobId);
    case 'redrive':
      return redrive(state, operation.jobId);
    case 'configure':
      configure(state, operation.policy);
      return 'ok';
    case 'setCapacity':
      setCapacity(state, operation.upstreamSlots);
      return 'ok';
    case 'setTenant':
      setTenant(state, operation);
      return 'ok';
    case 'reap':
      reap(step, operation.deadPodId);
      return 'ok';
    case 'grant':
      return 'ok';
  }
}
