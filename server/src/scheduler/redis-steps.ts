/** The steps of the kernel as Redis takes them: what a script is given, and what it answers. */

import { join } from 'node:path';
import { createLibrary, type LibraryHost, type RunScript, type ScriptInputs } from '../redis/index.ts';
import type { PoolDump } from './kernel/dump.ts';
import type { Message, NewJob, Operation, Policy, Reply, Status } from './kernel/operations.ts';
import type { PoolSurvey } from './kernel/survey.ts';
import { poolKey } from './keys.ts';

/** What the state of a pool that is not there begins with. */
export interface NewPool {
  readonly policy: Policy;
  readonly upstreamSlots: number;
  readonly generation: string;
}

/** What a pod asks for. */
export type PodOperation = Exclude<Operation, { type: 'configure' }>;

/** The steps on one pool. */
export interface RedisSteps {
  /** Takes one step; `undefined` when the pool is not there. */
  readonly take: (operation: PodOperation) => Promise<Reply | undefined>;
  /** Takes steps one after the other in one call, which costs less than as many calls. None is taken when one fails. */
  readonly takeSeveral: (operations: readonly PodOperation[]) => Promise<readonly (Reply | undefined)[]>;
  /** Shares the pool by a policy from now on, and begins it when it is not there. */
  readonly configure: (pool: NewPool) => Promise<Reply>;
  /** How the pool does; `undefined` when it is not there. */
  readonly survey: (tenantId: string | undefined, tenantsMax: number) => Promise<PoolSurvey | undefined>;
  /** The pool as JSON; `undefined` when it is not there. */
  readonly dump: () => Promise<string | undefined>;
}

const names = [
  'beat',
  'cancel',
  'configure',
  'dump',
  'enqueue',
  'grant',
  'reap',
  'redrive',
  'set_capacity',
  'set_tenant',
  'settle',
  'several',
  'start',
  'survey',
] as const;
type Name = (typeof names)[number];
type Args = readonly (string | number)[];

/**
 * Reads the library, for any pool.
 * @param inputs time and chance, as a test decides them.
 */
export function createRedisSteps(redis: LibraryHost, inputs?: ScriptInputs): (pool: string) => RedisSteps {
  const scripts = createLibrary(redis, join(import.meta.dirname, 'lua'), 'scheduler', names, inputs);
  return (pool) => stepsOn(poolKey(pool), scripts);
}

function stepsOn(key: string, scripts: Readonly<Record<Name, RunScript>>): RedisSteps {
  return {
    async take(operation) {
      const [name, ...args] = callOf(operation);
      return replyFrom(await scripts[name]([key], args));
    },
    async takeSeveral(operations) {
      const args = operations.flatMap((operation) => {
        const [name, ...own] = callOf(operation);
        return [name, own.length, ...own];
      });
      return ((await scripts.several([key], args)) as unknown[]).map(replyFrom);
    },
    async configure({ policy, upstreamSlots, generation }) {
      const { tierWeights, ...rest } = policy;
      const args = ['', generation, upstreamSlots, JSON.stringify(rest), ...Object.entries(tierWeights).flat()];
      const reply = replyFrom(await scripts.configure([key], args));
      if (reply === undefined) throw new Error('A pool that was just configured is there.');
      return reply;
    },
    async survey(tenantId = '', tenantsMax) {
      const json = (await scripts.survey([key], [tenantId, tenantsMax])) as string | null;
      return json === null ? undefined : (JSON.parse(json) as PoolSurvey);
    },
    dump: async () => ((await scripts.dump([key], [])) as string | null) ?? undefined,
  };
}

/** The function of an operation, and its arguments. */
function callOf(operation: PodOperation): readonly [Name, ...Args] {
  const [name, ...args] = actOf(operation);
  return [name, operation.podId, ...args];
}

function actOf(operation: PodOperation): readonly [Name, ...Args] {
  switch (operation.type) {
    case 'enqueue':
      return ['enqueue', ...newJobArgs(operation.job)];
    case 'grant':
      return ['grant'];
    case 'start':
      return ['start', operation.jobId, operation.nonce];
    case 'settle': {
      const { jobId, nonce, outcome, actualCost = '', retryAtMs } = operation;
      return ['settle', jobId, nonce, outcome, actualCost, retryAtMs];
    }
    case 'beat': {
      const { generation, workers, flights } = operation;
      const held = flights.flatMap(({ nonce, progressCost, job }) => [nonce, progressCost, ...newJobArgs(job)]);
      return ['beat', generation, workers, ...held];
    }
    case 'cancel':
    case 'redrive':
      return [operation.type, operation.jobId];
    case 'reap':
      return ['reap', operation.deadPodId];
    case 'setCapacity':
      return ['set_capacity', operation.upstreamSlots];
    case 'setTenant': {
      const { tenantId, tier, weight, isPaused } = operation;
      return ['set_tenant', tenantId, tier, weight, isPaused ? 1 : 0];
    }
  }
}

function newJobArgs(job: NewJob): Args {
  const { id, kind, tenantId, tier, weight, queueMax, estimatedCost, priority, deadlineMs, attempts } = job;
  return [id, kind, tenantId, tier, weight, queueMax, estimatedCost, priority, deadlineMs, attempts];
}

/** What `replyOf` in lua/step.lua gives. */
type RawReply = readonly [
  status: Status | 'unconfigured',
  hasMore: number,
  messages: readonly string[],
  ...rest: unknown[],
];

function replyFrom(raw: unknown): Reply | undefined {
  const [status, hasMore, messages, ...rest] = raw as RawReply;
  if (status === 'unconfigured') return undefined;
  const reply = { status, messages: messages.map(messageFrom), hasMore: hasMore === 1 };
  if (rest.length === 0) return reply;
  if (status !== 'ok') {
    const [queuedCost, shareMillionths] = rest as [number, number];
    return { ...reply, backlog: { queuedCost, shareMillionths } };
  }
  const [generation, staleJobIds, isNewPod, view] = rest as [string, string[], number, number[]];
  const [pods = 0, slots = 0, inFlight = 0, queuedAttached = 0, queuedDetached = 0, servedCost = 0] = view;
  const pool = { pods, slots, inFlight, queuedAttached, queuedDetached, servedCost };
  return { ...reply, generation, staleJobIds, isNewPod: isNewPod === 1, pool };
}

/** A message as a script wrote it. */
export const messageFrom = (text: string): Message => JSON.parse(text) as Message;

/** A pool as `dump` wrote it. */
export const dumpFrom = (text: string): PoolDump => JSON.parse(text) as PoolDump;
