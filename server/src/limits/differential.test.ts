/**
 * The kernel and the scripts are twins: random operations on both give the same replies and leave the same state.
 *
 * Times move on, and now and then back; amounts, limits and names are few, so that operations meet.
 */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { dumpOfState, redisDumper } from '../../test/support/limits-dump.ts';
import { type TestRedis, testRedisKinds } from '../../test/support/redis.ts';
import { newId } from '../db/index.ts';
import type { Counters, Scope, Settle, Take } from './counters.ts';
import { createMemoryCounters } from './memory-counters.ts';
import { createRedisCounters } from './redis-counters.ts';

/** Far in the future, so that no key expires by the clock of Redis while a test runs. */
const startUs = Date.UTC(2100, 0, 1) * 1000;
/** Operations of one run, all together. */
const operationsCount = inject('isLong') ? 1_000_000 : 8_000;
/** Of a sequence, on average. */
const sequenceLength = 100;

/** Sequences until every node knows every script; before, one that it does not know would be overtaken by one that it knows. */
const awaitedSequences = 30;

type Operation =
  | { readonly type: 'take'; readonly take: Take; readonly lifeUs: number }
  | { readonly type: 'settle'; readonly settle: Settle }
  | { readonly type: 'seed'; readonly name: string; readonly spentNano: number }
  | { readonly type: 'attempt'; readonly max: number }
  | { readonly type: 'forgive' };

const flag = fc.boolean();
const ids = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const budgetNames = fc.constantFrom('day', 'month');
const few = (max: number) => fc.integer({ min: 0, max });

const rates = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom('requests', 'tokens', 'key'),
    limit: fc.constantFrom(1, 7, 60, 1000, 150_000_000),
    amount: fc.oneof(few(3), few(1500), fc.constant(150_000_000)),
    isBound: flag,
    isShadow: flag,
  }),
  { maxLength: 3, selector: ({ name }) => name },
);
const places = fc.uniqueArray(
  fc.record({ name: fc.constantFrom('tenant', 'key'), limit: fc.integer({ min: 1, max: 3 }), isShadow: flag }),
  { maxLength: 2, selector: ({ name }) => name },
);
const budgets = fc.uniqueArray(
  fc.record({
    name: budgetNames,
    limitNano: fc.constantFrom(0, 100, 1000, 9e15),
    costNano: fc.oneof(few(60), fc.constant(4e15)),
    mode: fc.constantFrom('hard', 'soft', 'shadow'),
    endsUs: fc.constant(startUs + 1e15),
  }),
  { maxLength: 2, selector: ({ name }) => name },
);
const lifeUs = fc.constantFrom(1, 1_000_000, 90_000_000);
const take = fc
  .oneof(
    fc.record({ rates, places, budgets, id: ids, lifeUs }),
    fc.record({ rates, places: fc.constant([]), budgets: fc.constant([]), id: fc.constant(undefined), lifeUs }),
  )
  .map(
    ({ id, lifeUs: life, ...asked }): Operation => ({
      type: 'take',
      lifeUs: life,
      take: { ...asked, ...(id === undefined ? {} : { reservation: { id, expiresUs: 0 } }) },
    }),
  );
const settle = fc
  .record({ id: ids, amount: few(2000), costNano: few(200), budgets: fc.uniqueArray(budgetNames) })
  .map((used): Operation => ({ type: 'settle', settle: used }));
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 6, arbitrary: take },
  { weight: 4, arbitrary: settle },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('seed' as const), name: budgetNames, spentNano: few(90) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('attempt' as const), max: few(3) }) },
  { weight: 1, arbitrary: fc.constant({ type: 'forgive' as const }) },
);
const stepUs = fc.oneof(few(10), few(100_000), few(70_000_000), fc.constant(700_000_000), fc.constant(-5_000_000));

function apply(counters: Counters, scope: Scope, step: Operation, nowUs: number): Promise<unknown> {
  switch (step.type) {
    case 'take': {
      const { reservation, ...asked } = step.take;
      const until = reservation && { reservation: { id: reservation.id, expiresUs: nowUs + step.lifeUs } };
      return counters.take(scope, { ...asked, ...until });
    }
    case 'settle':
      return counters.settle(scope, step.settle);
    case 'seed':
      return counters.seed(scope, { name: step.name, spentNano: step.spentNano, endsUs: startUs + 1e15 });
    case 'attempt':
      return counters.attempt({ kind: 'login', id: scope.id }, { max: step.max, lengthUs: 60_000_000 });
    case 'forgive':
      return counters.forgive({ kind: 'login', id: scope.id });
  }
}

describe.each(testRedisKinds)('the kernel and its twin in $name', ({ open }) => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await open();
  });
  afterAll(() => redis?.close());

  it(`agree in every reply and in all that they keep, over ${operationsCount} operations`, async () => {
    const sequence = fc.array(fc.tuple(stepUs, operation), {
      minLength: 1,
      maxLength: 2 * sequenceLength,
      size: 'max',
    });
    let sequences = 0;
    const run = async (steps: [number, Operation][]) => {
      let nowUs = startUs;
      const inputs = { nowUs: () => nowUs, random: () => '' };
      const kernel = createMemoryCounters(inputs.nowUs);
      const twin = createRedisCounters(redis.pool, inputs);
      const dump = redisDumper(redis.pool, inputs);
      const scope: Scope = { kind: 'tenant', id: newId('tenant') };
      const isWarm = sequences++ >= awaitedSequences;
      const replies: unknown[] = [];
      const repliesOfTwin: Promise<unknown>[] = [];
      for (const [passedUs, step] of steps) {
        nowUs += passedUs;
        replies.push(await apply(kernel, scope, step, nowUs));
        const replyOfTwin = apply(twin, scope, step, nowUs);
        repliesOfTwin.push(replyOfTwin);
        if (!isWarm) await replyOfTwin;
      }
      expect(await Promise.all(repliesOfTwin)).toEqual(replies);
      expect(await dump(scope)).toEqual(dumpOfState(kernel.stateOf(scope), nowUs));
    };
    await fc.assert(fc.asyncProperty(sequence, run), { numRuns: operationsCount / sequenceLength });
  }, 3_600_000);
});
