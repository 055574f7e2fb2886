/** One atomic step: what it works on, who asked for it, and what it has to say. */

import type { Message } from './operations.ts';
import type { PoolState } from './state.ts';

/** Everything a transition gets and gives besides its status. */
export interface Step {
  readonly state: PoolState;
  /** The pod that asked. */
  readonly podId: string;
  /** For the pod that asked. */
  readonly messages: Message[];
  /** A name nobody else has. */
  readonly nonce: () => string;
  /** Whether a bound of the step left something to do. */
  hasMore: boolean;
}

/** Begins a step; `random` is a text that no other step has. */
export function createStep(state: PoolState, podId: string, random: string): Step {
  let nonces = 0;
  const nonce = () => {
    nonces += 1;
    return `${random}.${nonces}`;
  };
  return { state, podId, messages: [], nonce, hasMore: false };
}

/** Tells a pod: in the reply when it is the one that asked, else by its inbox. What does not fit there is left out. */
export function tell({ state, podId, messages }: Step, to: string | undefined, message: Message): void {
  if (to === undefined || to === podId) {
    messages.push(message);
    return;
  }
  const inbox = state.pods.get(to)?.inbox;
  if (inbox !== undefined && inbox.length < state.policy.inboxMax) inbox.push(message);
}
