/** Everything that is checked while pods meet in the store, and the violations that were found. */

import { violationsOf } from '../../src/scheduler/kernel/invariants.ts';
import type { Observer } from '../model/store.ts';
import { createUnfairnessCheck } from './bounded-unfairness.ts';
import { createChangeCheck } from './change.ts';
import { createChoiceCheck } from './choice.ts';
import { see } from './grants.ts';

/** An observer and what it found. */
export interface Watch extends Observer {
  readonly note: (violation: string) => void;
  /** All violations, those that can only be told in the end included. */
  readonly finish: () => readonly string[];
  readonly hasFound: () => boolean;
}

/** How many violations of one episode are kept: the first are what explains the others. */
const keptMax = 10;

/** Watches for violations of all invariants, or of one alone. */
export function createWatch(only?: string): Watch {
  const found: string[] = [];
  const checks = [createChoiceCheck(), createChangeCheck()];
  const unfairness = createUnfairnessCheck();

  function note(violation: string): void {
    const isWanted = only === undefined || violation.startsWith(`${only}:`);
    if (isWanted && found.length < keptMax) found.push(violation);
  }

  return {
    note,
    seen(taken) {
      const step = see(taken);
      for (const violation of violationsOf(step.after, step.policy, !step.reply.hasMore)) note(violation);
      for (const check of checks) for (const violation of check.seen(step)) note(violation);
      unfairness.seen(step);
    },
    lost() {
      for (const check of checks) check.lost();
      unfairness.lost();
    },
    finish() {
      for (const violation of unfairness.verdict()) note(violation);
      return found;
    },
    hasFound: () => found.length > 0,
  };
}
