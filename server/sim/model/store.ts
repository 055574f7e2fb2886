/**
 * The one place where pods meet, as Redis would be: it takes steps one after the other, can lose what it did last, or all.
 *
 * Every step is shown to an observer with the state before and after it.
 */

import { dump, type PoolDump } from '../../src/scheduler/kernel/dump.ts';
import { transition } from '../../src/scheduler/kernel/kernel.ts';
import type { Message, Operation, Policy, Reply } from '../../src/scheduler/kernel/operations.ts';
import { createPoolState } from '../../src/scheduler/kernel/state.ts';
import { copyOf } from './copy.ts';
import type { World } from './world.ts';

/** One step as it was taken. */
export interface Step {
  readonly before: PoolDump;
  readonly operation: Operation;
  readonly reply: Reply;
  readonly after: PoolDump;
  /** Whether the step before this one left nothing to do. */
  readonly wasSettled: boolean;
  readonly policy: Policy;
}

/** Who watches. */
export interface Observer {
  readonly seen: (step: Step) => void;
  /** The state is another one: it was lost, in part or whole. */
  readonly lost: () => void;
}

/** Shared state of all pods. */
export interface Store {
  readonly apply: (operation: Operation) => Reply;
  /** Takes the messages of a pod; whoever loses them has lost them. */
  readonly takeInbox: (podId: string) => readonly Message[];
  /** Pods that have messages. */
  readonly podsWithMessages: () => readonly string[];
  /** Keeps the state as it is; the function returned restores it, on a machine whose clock is off by so much. */
  readonly snapshot: () => (clockSkewMs: number) => void;
  /** Loses everything. */
  readonly flush: () => void;
  readonly look: () => PoolDump;
  readonly policy: () => Policy;
  /** When a step was last taken. */
  readonly lastStepMs: () => number;
}

/** Makes a store with a new pool. */
export function createStore(world: World, startPolicy: Policy, upstreamSlots: number, observer: Observer): Store {
  let policy = startPolicy;
  let generations = 1;
  let steps = 0;
  let clockSkewMs = 0;
  let lastStepMs = 0;
  let wasSettled = true;
  let state = createPoolState(policy, upstreamSlots, 'generation_1');
  let shown = dump(state);

  function replace(next: typeof state): void {
    policy = next.policy;
    wasSettled = false;
    state = next;
    shown = dump(state);
    observer.lost();
  }

  return {
    apply(operation) {
      steps += 1;
      lastStepMs = world.now();
      const before = shown;
      const reply = transition(state, operation, world.now() + clockSkewMs, `random_${steps}`);
      policy = state.policy;
      shown = dump(state);
      observer.seen({ before, operation, reply, after: shown, wasSettled, policy });
      wasSettled = !reply.hasMore;
      return reply;
    },
    takeInbox: (podId) => state.pods.get(podId)?.inbox.splice(0) ?? [],
    podsWithMessages: () => [...state.pods.values()].filter(({ inbox }) => inbox.length > 0).map(({ id }) => id),
    snapshot() {
      const kept = copyOf(state);
      return (skewMs) => {
        clockSkewMs += skewMs;
        replace(copyOf(kept));
      };
    },
    flush() {
      generations += 1;
      replace(createPoolState(policy, state.upstreamSlots, `generation_${generations}`));
    },
    look: () => shown,
    policy: () => policy,
    lastStepMs: () => lastStepMs,
  };
}
