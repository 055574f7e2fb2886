/** The whole state of a scope as sorted lines, the same from both kinds of counters. */

import { join } from 'node:path';
import type { Scope } from '../../src/limits/counters.ts';
import type { ScopeState } from '../../src/limits/kernel/state.ts';
import { rootOf } from '../../src/limits/keys.ts';
import { createScripts, type RedisPool, type ScriptInputs } from '../../src/redis/index.ts';

const lua = join(import.meta.dirname, '../../src/limits/lua');

/** What the process keeps. */
export function dumpOfState(state: ScopeState, nowUs: number): readonly string[] {
  const lines: string[] = [];
  for (const [name, arrivalUs] of state.rates) if (arrivalUs > nowUs) lines.push(`rate ${name} ${arrivalUs}`);
  for (const [name, places] of state.places)
    for (const [id, expiresUs] of places) lines.push(`place ${name} ${id} ${expiresUs}`);
  for (const [name, { spentNano, reservedNano, limitNano, toldLevel }] of state.budgets)
    lines.push(`budget ${name} ${spentNano} ${reservedNano} ${limitNano} ${toldLevel}`);
  for (const [id, held] of state.held) {
    lines.push(`held ${id} ${held.expiresUs}`);
    for (const { name, limit, amount } of held.rates) lines.push(`held ${id} rate ${name} ${limit} ${amount}`);
    for (const name of held.places) lines.push(`held ${id} place ${name}`);
    for (const { name, costNano } of held.budgets) lines.push(`held ${id} budget ${name} ${costNano}`);
  }
  for (const [id, untilUs] of state.settled) if (untilUs > nowUs) lines.push(`settled ${id} ${untilUs}`);
  return lines.sort();
}

/** Reads what Redis keeps. */
export function redisDumper(redis: Pick<RedisPool, 'run'>, inputs?: ScriptInputs) {
  const { dump } = createScripts(redis, lua, ['dump'], inputs);
  return async (scope: Scope): Promise<readonly string[]> => ((await dump([rootOf(scope)], [])) as string[]).sort();
}

/** Forgets what Redis keeps of a scope. */
export function redisLoser(redis: Pick<RedisPool, 'run'>) {
  const { lose } = createScripts(redis, join(import.meta.dirname, 'lua'), ['lose']);
  return async (scope: Scope): Promise<void> => void (await lose([rootOf(scope)], []));
}
