/** Who waits for attached work, and what upstreams were paid for: the record that the ledger is held against. */

import type { World } from './world.ts';

/** How attached work ended for whoever waited for it. */
export type Ending = 'done' | 'refused' | 'cancelled' | 'expired' | 'evicted' | 'pod_died' | 'crashed';

/** One run of a job by a pod. */
export interface Execution {
  readonly jobId: string;
  readonly durationMs: number;
  /** When it runs to its end. */
  readonly cost: number;
  readonly progress: (nowMs: number) => number;
}

/** What became of a run. */
export type Verdict = 'charged' | 'wasted' | 'crashed';

/** Whoever asked for work. */
export interface People {
  /** Decides how long a job takes and what it costs each time it runs. */
  readonly expect: (jobId: string, durationMs: number, cost: number) => void;
  readonly ended: (jobId: string, ending: Ending) => void;
  /** Begins a run. */
  readonly begin: (jobId: string) => Execution;
  /** Ends a run. */
  readonly over: (execution: Execution, verdict: Verdict) => void;
  readonly endings: ReadonlyMap<string, Ending>;
  /** Runs, and what became of them. */
  readonly executions: ReadonlyMap<Execution, Verdict | undefined>;
  /** What went wrong in the record itself. */
  readonly violations: readonly string[];
}

/** Begins a record. */
export function createPeople(world: World): People {
  const expectations = new Map<string, { readonly durationMs: number; readonly cost: number }>();
  const endings = new Map<string, Ending>();
  const executions = new Map<Execution, Verdict | undefined>();
  const violations: string[] = [];

  return {
    endings,
    executions,
    violations,
    expect: (jobId, durationMs, cost) => void expectations.set(jobId, { durationMs, cost }),
    ended(jobId, ending) {
      const earlier = endings.get(jobId);
      if (earlier === undefined) endings.set(jobId, ending);
      else if (ending === 'done') violations.push(`I1: job ${jobId} was done after it had ended as ${earlier}`);
    },
    begin(jobId) {
      const { durationMs = 1, cost = 0 } = expectations.get(jobId) ?? {};
      const startedMs = world.now();
      const progress = (nowMs: number) => Math.min(Math.floor((cost * (nowMs - startedMs)) / durationMs), cost);
      const execution = { jobId, durationMs, cost, progress };
      executions.set(execution, undefined);
      return execution;
    },
    over(execution, verdict) {
      const earlier = executions.get(execution);
      if (earlier !== undefined) violations.push(`I10: a run of ${execution.jobId} is ${verdict} and ${earlier}`);
      executions.set(execution, verdict);
    },
  };
}
