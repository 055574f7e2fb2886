/**
 * A process that runs jobs, as the pod side of the scheduler must behave: it beats with what it holds, repeats what was not
 * answered, claims a detached job in the database before it runs it, and gives back what it is granted and does not know.
 */

import type { Message, NewJob, Operation, Reply } from '../../src/scheduler/kernel/operations.ts';
import { type Database, isOver } from './database.ts';
import type { Network } from './network.ts';
import type { People } from './people.ts';
import { startProcess } from './process.ts';
import { type Call, drop, flightOf, hearGrant, loseAll, stop, type Workplace } from './work.ts';
import type { World } from './world.ts';

/** What a pod needs. */
export interface PodOptions {
  readonly id: string;
  readonly workers: number;
  readonly leaseMs: number;
  readonly attemptsMax: number;
  readonly retryProbability: number;
  readonly world: World;
  readonly network: Network;
  readonly database: Database;
  readonly people: People;
}

/** A pod, and what can befall it. */
export interface Pod {
  readonly id: string;
  /** Queues work that somebody waits for here. */
  readonly ask: (job: NewJob) => void;
  /** Tells the scheduler of a durable job. */
  readonly offer: (job: NewJob, attempts: number) => void;
  /** Whoever waits for a job leaves. */
  readonly leave: (jobId: string) => void;
  readonly call: Call;
  /** Stops for a time without noticing, as after SIGSTOP. */
  readonly pause: (forMs: number) => void;
  /** Is gone at once. */
  readonly crash: () => void;
  readonly isAlive: () => boolean;
  /** Whether nothing waits or runs here. */
  readonly isIdle: () => boolean;
}

const [answerTimeoutMs, tickMs, offerAgainMs] = [300, 500, 1500];

/** Starts a pod: it beats from now on. */
export function startPod(options: PodOptions): Pod {
  const { id: podId, world, network } = options;
  const process = startProcess(world);
  const place: Workplace = {
    ...options,
    ...{ podId, process, random: world.random, waiting: new Map(), held: new Map(), call },
  };
  const beat = createBeat(place, options.workers);

  function call(operation: Operation, answered: (reply: Reply) => void = () => {}): void {
    let isAnswered = false;
    const receive = (reply: Reply) => {
      for (const message of reply.messages) hear(place, message);
      if (reply.hasMore) call({ type: 'grant', podId });
      if (isAnswered) return;
      isAnswered = true;
      answered(reply);
    };
    const attempt = () => {
      if (isAnswered) return;
      network.send(podId, operation, (reply) => process.awake(() => receive(reply)));
      process.after(answerTimeoutMs, attempt);
    };
    attempt();
  }

  network.listen(podId, (messages) =>
    process.awake(() => {
      for (const message of messages) hear(place, message);
    }),
  );
  process.every(Math.floor(options.leaseMs / 3), beat);
  process.every(tickMs, () => {
    call({ type: 'grant', podId });
    reconcile(place);
  });

  return {
    id: podId,
    ask: (job) => ask(place, job),
    offer: (job, attempts) => offer(place, job, attempts),
    leave: (jobId) => leave(place, jobId),
    call,
    pause: process.pause,
    crash() {
      process.kill();
      loseAll(place);
    },
    isAlive: process.isAlive,
    isIdle: () => place.held.size === 0 && place.waiting.size === 0,
  };
}

function hear(place: Workplace, message: Message): void {
  const { held, waiting, people, database } = place;
  const { jobId } = message;
  if (message.type === 'granted') hearGrant(place, message);
  else if (message.type === 'dead') database.end(jobId, 'dead');
  else if (message.type === 'cancel') {
    const mine = held.get(jobId);
    if (mine?.nonce === message.nonce && !mine.isSettling) stop(place, mine);
  } else {
    if (waiting.delete(jobId)) people.ended(jobId, message.reason);
    // An eviction or the death of a pod ends attached work only.
    if (message.reason === 'expired') database.end(jobId, 'expired');
  }
}

function createBeat(place: Workplace, workers: number): () => void {
  const { call, podId, held, waiting } = place;
  let generation = '';
  return () => {
    const flights = [...held.values()].map((mine) => flightOf(place, mine));
    call({ type: 'beat', podId, generation, workers, flights }, (reply) => {
      for (const jobId of reply.staleJobIds ?? []) {
        const mine = held.get(jobId);
        const isSame = flights.some((flight) => flight.jobId === jobId && flight.nonce === mine?.nonce);
        // Attached work goes on: somebody waits for it, and nobody else runs it.
        if (mine !== undefined && isSame && mine.job.kind === 'detached') drop(place, mine);
      }
      if (reply.isNewPod === true) for (const job of waiting.values()) enqueue(place, job);
      generation = reply.generation ?? generation;
    });
  };
}

function ask(place: Workplace, job: NewJob): void {
  const { process, waiting, people, call, podId } = place;
  waiting.set(job.id, job);
  enqueue(place, job);
  process.after(job.deadlineMs - process.now(), () => {
    if (!waiting.delete(job.id)) return;
    people.ended(job.id, 'expired');
    call({ type: 'cancel', podId, jobId: job.id });
  });
}

function enqueue(place: Workplace, job: NewJob): void {
  const { call, podId, process, waiting, people } = place;
  call({ type: 'enqueue', podId, job }, ({ status }) => {
    if (status === 'ok' || status === 'known') return;
    if (status === 'unknown_pod') process.after(answerTimeoutMs, () => waiting.has(job.id) && enqueue(place, job));
    else if (waiting.delete(job.id)) people.ended(job.id, 'refused');
  });
}

function offer({ call, podId, database }: Workplace, job: NewJob, attempts: number): void {
  call({ type: 'enqueue', podId, job: { ...job, attempts } }, ({ status }) => {
    if (status === 'exhausted') database.end(job.id, 'dead');
  });
}

function leave(place: Workplace, jobId: string): void {
  const { held, waiting, people, call, podId } = place;
  const mine = held.get(jobId);
  if (waiting.delete(jobId)) {
    people.ended(jobId, 'cancelled');
    call({ type: 'cancel', podId, jobId });
  } else if (mine !== undefined && !mine.isSettling) stop(place, mine);
}

/** Tells the scheduler of durable jobs that it may have lost, and gives up what is too late. */
function reconcile(place: Workplace): void {
  const { database } = place;
  const nowMs = place.process.now();
  for (const row of database.rows.values()) {
    if (isOver(row) || nowMs - row.offeredMs < offerAgainMs) continue;
    row.offeredMs = nowMs;
    if (row.state === 'queued' && row.job.deadlineMs <= nowMs) database.end(row.job.id, 'expired');
    else offer(place, row.job, row.attempts);
  }
}
