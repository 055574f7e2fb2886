/** The jobs that a pod holds, from their grant to the time when the scheduler has heard that they ended. */

import type { Flight, Message, NewJob, Operation, Reply } from '../../src/scheduler/kernel/operations.ts';
import type { Database } from './database.ts';
import type { Execution, People } from './people.ts';
import type { Process } from './process.ts';
import type { Random } from './random.ts';

/** Sends an operation, again until it is answered; says what the answer was. */
export type Call = (operation: Operation, answered?: (reply: Reply) => void) => void;

/** What a pod works with. */
export interface Workplace {
  readonly podId: string;
  readonly attemptsMax: number;
  /** Of detached work, how much fails in a way that may pass. */
  readonly retryProbability: number;
  readonly process: Process;
  readonly random: Random;
  readonly database: Database;
  readonly people: People;
  readonly call: Call;
  /** Attached jobs that wait here. */
  readonly waiting: Map<string, NewJob>;
  readonly held: Map<string, Held>;
}

/** A job that this pod holds. */
export interface Held {
  readonly job: NewJob;
  readonly nonce: string;
  /** Missing until it runs. */
  execution: Execution | undefined;
  isSettling: boolean;
}

/** Takes what was granted; gives back what it does not know. */
export function hearGrant(place: Workplace, { jobId, nonce }: Message & { type: 'granted' }): void {
  const { waiting, held, database } = place;
  const mine = held.get(jobId);
  if (mine?.nonce === nonce) return;
  const job = waiting.get(jobId);
  const row = database.rows.get(jobId);
  if (job !== undefined) {
    waiting.delete(jobId);
    run(place, hold(place, job, nonce));
  } else if (row === undefined) giveBack(place, jobId, nonce);
  else {
    // Another grant of a job that runs here means that the first was lost with the state that gave it.
    if (mine !== undefined) drop(place, mine);
    start(place, hold(place, { ...row.job, attempts: row.attempts }, nonce));
  }
}

function hold({ held }: Workplace, job: NewJob, nonce: string): Held {
  const mine = { job, nonce, execution: undefined, isSettling: false };
  held.set(job.id, mine);
  return mine;
}

function giveBack({ call, podId }: Workplace, jobId: string, nonce: string): void {
  call({ type: 'settle', podId, jobId, nonce, outcome: 'done', actualCost: 0, retryAtMs: 0 });
}

/** Counts the attempt, claims the job, and runs it. */
function start(place: Workplace, mine: Held): void {
  const { call, podId, held, database, process, attemptsMax } = place;
  const { job, nonce } = mine;
  call({ type: 'start', podId, jobId: job.id, nonce }, ({ status }) => {
    if (held.get(job.id) !== mine || mine.isSettling) return;
    if (status === 'stale') held.delete(job.id);
    else if (job.deadlineMs <= process.now()) {
      database.end(job.id, 'expired');
      stop(place, mine);
    } else if (database.claim(job.id, nonce, attemptsMax) === 'claimed') run(place, mine);
    else stop(place, mine);
  });
}

function run(place: Workplace, mine: Held): void {
  const { held, people, database, process, random } = place;
  const { job, nonce } = mine;
  const execution = people.begin(job.id);
  mine.execution = execution;
  process.after(execution.durationMs, () => {
    if (held.get(job.id) !== mine || mine.isSettling) return;
    if (job.kind === 'detached' && random.chance(place.retryProbability)) {
      retry(place, mine, execution);
      return;
    }
    const { cost } = execution;
    const isCharged = job.kind === 'attached' ? database.charge(job.id, cost) : database.finish(job.id, nonce, cost);
    people.over(execution, isCharged ? 'charged' : 'wasted');
    if (job.kind === 'attached') people.ended(job.id, 'done');
    settle(place, mine, 'done', cost);
  });
}

function retry(place: Workplace, mine: Held, execution: Execution): void {
  place.people.over(execution, 'wasted');
  place.database.release(mine.job.id, mine.nonce);
  settle(place, mine, 'retry', execution.cost, place.process.now() + place.random.integer(-50, 800));
}

/** Ends a job before its time. */
export function stop(place: Workplace, mine: Held): void {
  const { execution, job } = mine;
  const cost = execution?.progress(place.process.now()) ?? 0;
  if (execution !== undefined) place.people.over(execution, 'wasted');
  if (job.kind === 'attached') place.people.ended(job.id, 'cancelled');
  else place.database.end(job.id, 'cancelled');
  settle(place, mine, 'done', cost);
}

/** Forgets a job that is somebody else's now. */
export function drop({ people, held }: Workplace, mine: Held): void {
  if (mine.execution !== undefined && !mine.isSettling) people.over(mine.execution, 'wasted');
  held.delete(mine.job.id);
}

function settle(place: Workplace, mine: Held, outcome: 'done' | 'retry', actualCost: number, retryAtMs = 0): void {
  const { call, podId, held } = place;
  const { job, nonce } = mine;
  mine.isSettling = true;
  call({ type: 'settle', podId, jobId: job.id, nonce, outcome, actualCost, retryAtMs }, () => {
    if (held.get(job.id) === mine) held.delete(job.id);
  });
}

/** What a beat says of a job. */
export function flightOf({ process }: Workplace, { job, nonce, execution }: Held): Flight {
  return { jobId: job.id, nonce, progressCost: execution?.progress(process.now()) ?? 0, job };
}

/** What is lost with a pod. */
export function loseAll({ held, waiting, people }: Workplace): void {
  for (const { job, execution, isSettling } of held.values()) {
    if (isSettling) continue;
    if (execution !== undefined) people.over(execution, 'crashed');
    if (job.kind === 'attached') people.ended(job.id, 'crashed');
  }
  for (const jobId of waiting.keys()) people.ended(jobId, 'crashed');
}
