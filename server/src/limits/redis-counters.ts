/** Counters in Redis, shared by all servers: the scripts in `lua/`, and what goes in and out of them. */

import { join } from 'node:path';
import { createScripts, type RedisPool, type ScriptInputs } from '../redis/index.ts';
import { budgetKeptUs, type Counters, type Crossing, microsPerMs, type Take, type Taken } from './counters.ts';
import { rootOf } from './keys.ts';

const folder = join(import.meta.dirname, 'lua');
const outcomes = ['taken', 'refused', 'unseeded', 'repeated'] as const satisfies readonly Taken['outcome'][];

/** @param inputs replaces the time of Redis; for tests. */
export function createRedisCounters(redis: Pick<RedisPool, 'run'>, inputs?: ScriptInputs): Counters {
  const scripts = createScripts(redis, folder, ['admit', 'take', 'settle', 'seed', 'attempt', 'forgive'], inputs);

  return {
    async take(scope, asked, signal) {
      const isRatesAlone = asked.reservation === undefined && asked.budgets.length === 0;
      const [script, args] = isRatesAlone
        ? [scripts.admit, rateArguments(asked)]
        : [scripts.take, takeArguments(asked)];
      return takenFrom(asked, (await script([rootOf(scope)], args, signal)) as number[]);
    },
    async settle(scope, { id, amount, costNano, budgets }) {
      const reply = await scripts.settle([rootOf(scope)], [id, amount, costNano, ...budgets]);
      return crossingsFrom(reply as (string | number)[]);
    },
    async seed(scope, { name, spentNano, endsUs }) {
      await scripts.seed([rootOf(scope)], [name, spentNano, Math.ceil((endsUs + budgetKeptUs) / microsPerMs)]);
    },
    async attempt(scope, { max, lengthUs }) {
      const [count = 0, retryAfterUs = 0] = (await scripts.attempt([rootOf(scope)], [max, lengthUs])) as number[];
      return { count, retryAfterUs };
    },
    async forgive(scope) {
      await scripts.forgive([rootOf(scope)], []);
    },
  };
}

const flag = (value: boolean): number => (value ? 1 : 0);

function rateArguments({ rates }: Take): (string | number)[] {
  return rates.flatMap((rate) => [rate.name, rate.limit, rate.amount, flag(rate.isBound), flag(rate.isShadow)]);
}

function takeArguments(asked: Take): (string | number)[] {
  const { reservation, rates, places, budgets } = asked;
  return [
    ...[reservation?.id ?? '', reservation?.expiresUs ?? 0],
    ...[rates.length, ...rateArguments(asked)],
    ...[places.length, ...places.flatMap(({ name, limit, isShadow }) => [name, limit, flag(isShadow)])],
    ...[budgets.length, ...budgets.flatMap(({ name, limitNano, costNano, mode }) => [name, limitNano, costNano, mode])],
  ];
}

function takenFrom(asked: Take, reply: readonly number[]): Taken {
  let at = 0;
  const next = () => reply[at++] ?? 0;
  const outcome = outcomes[next()];
  if (outcome === undefined) throw new Error('The script of limits gave an unknown outcome.');
  if (outcome === 'unseeded' || outcome === 'repeated') return { outcome, rates: [], places: [], budgets: [] };
  return {
    outcome,
    rates: asked.rates.map(() => ({ isOver: next() === 1, remaining: next(), resetUs: next(), retryAfterUs: next() })),
    places: asked.places.map(() => ({ isOver: next() === 1, inUse: next() })),
    budgets: asked.budgets.map(() => ({ isOver: next() === 1, spentNano: next(), reservedNano: next() })),
  };
}

function crossingsFrom(reply: readonly (string | number)[]): Crossing[] {
  const crossings: Crossing[] = [];
  for (let at = 0; at < reply.length; at += 2) {
    crossings.push({ budget: String(reply[at]), level: Number(reply[at + 1]) as Crossing['level'] });
  }
  return crossings;
}
