/**
 * The kernel and its twin in Redis take the same steps, with the same time and chance, and are compared after each: what
 * they reply, and all that they know.
 *
 * The kernel goes first, so that a whole sequence is sent without a pause: each step with the dump after it.
 * GENAI_TEST_LONG=1 takes a million steps on each kind of Redis.
 */

import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type TestRedis, testRedisKinds } from '../../test/support/redis.ts';
import { type Drawn, drawnSteps, operationFrom, tightPolicies } from '../../test/support/scheduler-operations.ts';
import { createRedisPool, type RedisPool } from '../redis/index.ts';
import { dump } from './kernel/dump.ts';
import { transition } from './kernel/kernel.ts';
import type { Policy, Reply } from './kernel/operations.ts';
import { createPoolState } from './kernel/state.ts';
import { type PoolSurvey, survey } from './kernel/survey.ts';
import { createRedisSteps, type RedisSteps } from './redis-steps.ts';

const isLong = inject('isLong');
/** Steps to be taken on each kind of Redis, by all policies together. */
const stepsMin = isLong ? 1_000_000 : 3000;
const kinds = isLong ? testRedisKinds : testRedisKinds.filter(({ isCluster }) => !isCluster);
const upstreamSlots = 6;
/** Steps of one call. */
const callSizes = fc.constantFrom(1, 1, 4);
/** Fewer tenants than there are. */
const surveyedMax = 3;

/** A step as the kernel took it. */
interface Taken {
  readonly operation: ReturnType<typeof operationFrom>;
  readonly nowMs: number;
  readonly random: string;
  readonly reply: Reply;
  readonly dump: string;
  readonly survey: PoolSurvey;
}

/** What the kernel does. Steps that are taken `together` share a time and a random text. */
function takenBy(policy: Policy, steps: readonly (readonly [Drawn, number])[], together: number): readonly Taken[] {
  const state = createPoolState(policy, upstreamSlots, 'g1');
  let nowMs = 0;
  return steps.map(([drawn, passedMs], number) => {
    const place = number % together;
    if (place === 0) nowMs += passedMs;
    const operation = operationFrom(drawn, state);
    const random = `r${number - place}`;
    const reply = transition(state, operation, nowMs, together === 1 ? random : `${random}.${place}`);
    return {
      operation,
      nowMs,
      random,
      reply,
      dump: JSON.stringify(dump(state)),
      survey: survey(state, undefined, surveyedMax),
    };
  });
}

/** What its twin does otherwise: nothing, or the first step that differs. */
async function divergence(twin: Twin, policy: Policy, taken: readonly Taken[], together: number): Promise<unknown> {
  const steps = twin.steps(randomUUID());
  twin.input.nowMs = 0;
  await steps.configure({ policy, upstreamSlots, generation: 'g1' });
  const answers: Promise<unknown>[] = [];
  for (let from = 0; from < taken.length; from += together) {
    const call = taken.slice(from, from + together);
    Object.assign(twin.input, call[0]);
    const operations = call.map(({ operation }) => operation);
    const replies = together === 1 ? Promise.all(operations.map(steps.take)) : steps.takeSeveral(operations);
    answers.push(Promise.all([replies, steps.dump()]));
  }
  for (const [index, answer] of (await Promise.all(answers)).entries()) {
    const call = taken.slice(index * together, (index + 1) * together);
    const expected = [call.map(({ reply }) => reply), call.at(-1)?.dump];
    if (!isDeepStrictEqual(answer, expected)) return { call, answer };
  }
  const [expected, surveyed] = [taken.at(-1)?.survey, await steps.survey(undefined, surveyedMax)];
  return expected === undefined || isDeepStrictEqual(surveyed, expected) ? undefined : { expected, surveyed };
}

/** The scripts on one Redis, with the time and chance that they get. */
interface Twin {
  readonly steps: (pool: string) => RedisSteps;
  readonly input: { nowMs: number; random: string };
}

/** One connection, so that what is sent arrives in order. */
function connect({ url, isCluster }: TestRedis): RedisPool {
  const times = { connectTimeoutMs: 5000, commandTimeoutMs: 60_000 };
  return createRedisPool({ url, isCluster, clusterNodes: [], poolSize: 1, onError: () => {}, ...times });
}

/** Runs every script once on every node: what a node does not know is sent again, out of order. */
async function teach(steps: (pool: string) => RedisSteps): Promise<void> {
  const drawn = fc.sample(drawnSteps, 20).flat();
  const operations = new Map(drawn.map(([one]) => [one.type, one]));
  const state = createPoolState(tightPolicies[0] as Policy, upstreamSlots, 'g1');
  for (let count = 0; count < 30; count++) {
    const pool = steps(randomUUID());
    for (const operation of operations.values()) {
      await pool.take(operationFrom(operation, state));
    }
    await pool.takeSeveral([]);
    await pool.dump();
    await pool.configure({ policy: state.policy, upstreamSlots, generation: 'g1' });
  }
}

describe.each(kinds)('the scheduler on $name', ({ open }) => {
  let redis: TestRedis;
  let connection: RedisPool;
  let twin: Twin;
  beforeAll(async () => {
    redis = await open();
    connection = connect(redis);
    await connection.ready();
    const input = { nowMs: 0, random: '' };
    twin = {
      input,
      steps: createRedisSteps(connection, { nowUs: () => input.nowMs * 1000, random: () => input.random }),
    };
    await teach(twin.steps);
  });
  afterAll(async () => {
    await connection?.close();
    await redis?.close();
  });

  it.each(tightPolicies)(
    'takes any steps as the kernel does ($capPolicy, headroom $headroomSlots)',
    async (policy) => {
      let steps = 0;
      while (steps < stepsMin / tightPolicies.length) {
        await fc.assert(
          fc.asyncProperty(drawnSteps, callSizes, async (drawn, together) => {
            steps += drawn.length;
            const taken = takenBy(policy, drawn, together);
            expect(await divergence(twin, policy, taken, together)).toBeUndefined();
          }),
          { numRuns: 15 },
        );
      }
    },
    isLong ? 3_600_000 : 30_000,
  );
});
