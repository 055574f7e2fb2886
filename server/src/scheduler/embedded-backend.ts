/** The state of a pool in this process: for a single server, and for a while when Redis is away. */

import { v7 as uuidv7 } from 'uuid';
import type { SchedulerBackend } from './backend.ts';
import { dump } from './kernel/dump.ts';
import { transition } from './kernel/kernel.ts';
import type { Operation, Policy, Reply } from './kernel/operations.ts';
import { createPoolState } from './kernel/state.ts';
import { survey } from './kernel/survey.ts';

/** What the backend needs. */
export interface EmbeddedBackendOptions {
  readonly policy: Policy;
  readonly upstreamSlots: number;
  readonly now?: () => number;
  /** A text that nobody else has. */
  readonly random?: () => string;
}

/** Makes a pool that this process alone uses. */
export function createEmbeddedBackend(options: EmbeddedBackendOptions): SchedulerBackend {
  const { policy, upstreamSlots, now = Date.now, random = uuidv7 } = options;
  const state = createPoolState(policy, upstreamSlots, random());

  /** Takes a step, and further ones for what its bounds left. */
  function step(operation: Operation): Reply {
    const reply = transition(state, operation, now(), random());
    const podId = operation.type === 'configure' ? '' : operation.podId;
    const messages = [...reply.messages];
    for (let { hasMore } = reply; hasMore; ) {
      const more = transition(state, { type: 'grant', podId }, now(), random());
      messages.push(...more.messages);
      hasMore = more.hasMore;
    }
    return { ...reply, messages, hasMore: false };
  }

  return {
    transition: async (operation) => step(operation),
    // Nobody else takes steps, so all there is to say is in the replies.
    listen: () => async () => {},
    survey: async (tenantId, tenantsMax) => survey(state, tenantId, tenantsMax),
    dump: async () => dump(state),
    close: async () => {},
  };
}
