/** Where the state of a pool is kept: in this process, or in Redis for many. */

import type { PoolDump } from './kernel/dump.ts';
import type { Message, Operation, Reply } from './kernel/operations.ts';
import type { PoolSurvey } from './kernel/survey.ts';

/** Takes the steps of the kernel on one pool, one at a time, for whoever asks. */
export interface SchedulerBackend {
  /**
   * Takes a step; a repetition of it changes nothing more.
   * @throws `dependency_unavailable` when it is not known whether the step was taken.
   */
  readonly transition: (operation: Operation) => Promise<Reply>;
  /** Passes on what other pods' steps have to say to a pod, until the returned function is called. */
  readonly listen: (podId: string, onMessage: (message: Message) => void) => () => Promise<void>;
  /** How the pool does, with one tenant, or with at most `tenantsMax` that have most waiting for their share. */
  readonly survey: (tenantId: string | undefined, tenantsMax: number) => Promise<PoolSurvey>;
  /** Everything that is known of the pool: it may be long. */
  readonly dump: () => Promise<PoolDump>;
  readonly close: () => Promise<void>;
}
