/** The state of a pool in Redis, for many servers. A state that was lost is begun anew, and pods bring back what they run. */

import { v7 as uuidv7 } from 'uuid';
import { AppError, isAppError } from '../errors.ts';
import type { RedisPool, ScriptInputs } from '../redis/index.ts';
import type { SchedulerBackend } from './backend.ts';
import type { Operation, Policy, Reply } from './kernel/operations.ts';
import { inboxKey } from './keys.ts';
import { createRedisSteps, dumpFrom, messageFrom, type PodOperation, type RedisSteps } from './redis-steps.ts';

/** What the backend needs. */
export interface RedisBackendOptions {
  readonly redis: RedisPool;
  /** Name of the pool: all servers that give the same one share it. */
  readonly pool: string;
  readonly policy: Policy;
  readonly upstreamSlots: number;
  /** Time and chance as a test decides them. */
  readonly inputs?: ScriptInputs;
}

/** Makes a pool that all servers with the same Redis use together. */
export function createRedisBackend(options: RedisBackendOptions): SchedulerBackend {
  const { redis, pool, policy, upstreamSlots, inputs } = options;
  const steps = createRedisSteps(redis, inputs)(pool);
  const together = takenTogether(steps);
  /** What a state that was lost is begun with. */
  const latest = { policy, upstreamSlots };
  let begun: Promise<Reply> | undefined;

  /** Shares the pool by this server's policy, and begins it when it is not there. */
  function begin(): Promise<Reply> {
    begun = steps.configure({ ...latest, generation: uuidv7() });
    begun.catch(() => {
      begun = undefined;
    });
    return begun;
  }

  /** Asks a pool that is there: begins it at first, and again when it was lost. */
  async function ask<T>(question: () => Promise<T | undefined>): Promise<T> {
    await (begun ?? begin());
    const answer = await question();
    if (answer !== undefined) return answer;
    await begin();
    const again = await question();
    if (again !== undefined) return again;
    throw new AppError('dependency_unavailable', { detail: 'Redis loses the state of the scheduler.' });
  }

  function take(operation: Operation): Promise<Reply> {
    if (operation.type === 'setCapacity') latest.upstreamSlots = operation.upstreamSlots;
    if (operation.type !== 'configure') return ask(() => together(operation));
    latest.policy = operation.policy;
    return begin();
  }

  return {
    async transition(operation) {
      const reply = await take(operation);
      const podId = operation.type === 'configure' ? '' : operation.podId;
      const messages = [...reply.messages];
      for (let { hasMore } = reply; hasMore; ) {
        const more = await take({ type: 'grant', podId });
        messages.push(...more.messages);
        hasMore = more.hasMore;
      }
      return { ...reply, messages, hasMore: false };
    },
    listen: (podId, onMessage) => redis.listen(inboxKey(pool, podId), (item) => onMessage(messageFrom(item))),
    survey: (tenantId, tenantsMax) => ask(() => steps.survey(tenantId, tenantsMax)),
    dump: async () => dumpFrom(await ask(steps.dump)),
    // The connections are the caller's.
    close: async () => {},
  };
}

/** Steps that one call takes at the most: more would keep others from Redis for longer, and save little. */
const togetherMax = 8;

/** Takes in one call what is asked for at one time. */
function takenTogether(steps: RedisSteps): RedisSteps['take'] {
  let waiting: { readonly operation: PodOperation; readonly taken: PromiseWithResolvers<Reply | undefined> }[] = [];

  async function send(batch: typeof waiting): Promise<void> {
    const [one] = batch;
    if (one !== undefined && batch.length === 1) return one.taken.resolve(steps.take(one.operation));
    try {
      const replies = await steps.takeSeveral(batch.map(({ operation }) => operation));
      for (const [index, { taken }] of batch.entries()) taken.resolve(replies[index]);
    } catch (error) {
      // None was taken. A step that cannot be is no reason for the others.
      for (const { operation, taken } of batch) {
        if (isAppError(error)) taken.reject(error);
        else taken.resolve(steps.take(operation));
      }
    }
  }

  function sendAll(): void {
    const all = waiting;
    waiting = [];
    for (let from = 0; from < all.length; from += togetherMax) void send(all.slice(from, from + togetherMax));
  }

  return (operation) => {
    // What a pod holds may be long, and is said once a second; what it gave back before is said before.
    if (operation.type === 'beat') {
      sendAll();
      return steps.take(operation);
    }
    if (waiting.length === 0) setImmediate(sendAll);
    const taken = Promise.withResolvers<Reply | undefined>();
    waiting.push({ operation, taken });
    return taken.promise;
  };
}
