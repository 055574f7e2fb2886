/**
 * What is durable: detached jobs, and who paid for what. It never loses a row, which is the database's promise and not ours to
 * test; what is tested is that the rest of the system asks the right things of it.
 */

import type { NewJob } from '../../src/scheduler/kernel/operations.ts';

/** Where a detached job is. The last four are ends. */
export type RowState = 'queued' | 'running' | 'done' | 'dead' | 'expired' | 'cancelled';

/** A detached job. */
export interface Row {
  readonly job: NewJob;
  state: RowState;
  /** Of whoever claimed it last. */
  nonce: string | undefined;
  attempts: number;
  /** When a pod last told the scheduler of it. */
  offeredMs: number;
}

/** Rows and the ledger. Each call is one transaction. */
export interface Database {
  readonly rows: ReadonlyMap<string, Row>;
  readonly charges: ReadonlyMap<string, number>;
  readonly insert: (job: NewJob, nowMs: number) => void;
  /** Makes whoever holds a nonce the one who runs a job. A later claim takes the job from an earlier one. */
  readonly claim: (jobId: string, nonce: string, attemptsMax: number) => 'claimed' | 'over' | 'exhausted';
  /** Charges a detached job and ends it, for whoever claimed it last; whether that was so. */
  readonly finish: (jobId: string, nonce: string, cost: number) => boolean;
  /** Gives a claimed job back. */
  readonly release: (jobId: string, nonce: string) => void;
  /** Charges a job once; whether this was the first time. */
  readonly charge: (jobId: string, cost: number) => boolean;
  /** Ends a job that nobody finished. */
  readonly end: (jobId: string, state: 'dead' | 'expired' | 'cancelled') => void;
  /** Lets a dead job live again. */
  readonly revive: (jobId: string) => void;
}

/** Whether a job has ended. */
export const isOver = ({ state }: Row): boolean => state !== 'queued' && state !== 'running';

/** Makes an empty database. */
export function createDatabase(): Database {
  const rows = new Map<string, Row>();
  const charges = new Map<string, number>();

  function charge(jobId: string, cost: number): boolean {
    if (charges.has(jobId)) return false;
    charges.set(jobId, cost);
    return true;
  }

  /** The row, while whoever asks is the last who claimed it. */
  function held(jobId: string, nonce: string): Row | undefined {
    const row = rows.get(jobId);
    return row?.state === 'running' && row.nonce === nonce ? row : undefined;
  }

  return {
    rows,
    charges,
    charge,
    insert(job, nowMs) {
      rows.set(job.id, { job, state: 'queued', nonce: undefined, attempts: 0, offeredMs: nowMs });
    },
    claim(jobId, nonce, attemptsMax) {
      const row = rows.get(jobId);
      if (row === undefined || isOver(row)) return 'over';
      if (row.nonce === nonce) return 'claimed';
      if (row.attempts >= attemptsMax) {
        row.state = 'dead';
        return 'exhausted';
      }
      Object.assign(row, { state: 'running', nonce, attempts: row.attempts + 1 });
      return 'claimed';
    },
    finish(jobId, nonce, cost) {
      const row = held(jobId, nonce);
      if (row === undefined || !charge(jobId, cost)) return false;
      row.state = 'done';
      return true;
    },
    release(jobId, nonce) {
      const row = held(jobId, nonce);
      if (row !== undefined) row.state = 'queued';
    },
    end(jobId, state) {
      const row = rows.get(jobId);
      if (row !== undefined && !isOver(row)) row.state = state;
    },
    revive(jobId) {
      const row = rows.get(jobId);
      if (row?.state === 'dead') Object.assign(row, { state: 'queued', nonce: undefined, attempts: 0 });
    },
  };
}
