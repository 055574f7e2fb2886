/** What a scheduler is asked to do, and what it answers. All of it is plain data: the same goes to Redis. */

/** How a pool is shared; the same for every pod. */
export interface Policy {
  /** Weights of the tiers, whole numbers from 1 to 1000. */
  readonly tierWeights: Readonly<Record<string, number>>;
  /** Slots one tenant may hold while others wait, in percent of all. */
  readonly capPercent: number;
  /** `entitlement` never caps below what a tenant is entitled to, and lends idle slots; `strict` is the percentage alone. */
  readonly capPolicy: 'entitlement' | 'strict';
  /** Slots kept for tenants that have nothing in flight. */
  readonly headroomSlots: number;
  /** How much later than it came a job of each priority counts as come. */
  readonly bandOffsetsMs: readonly number[];
  /** The most that is charged before a job runs. */
  readonly costMax: number;
  /** Attached jobs that may wait in the pool; and as many detached ones. */
  readonly queuedMax: number;
  /** Messages that may wait for a pod. */
  readonly inboxMax: number;
  /** How often a detached job is started. */
  readonly attemptsMax: number;
  /** How often a pod may die over a detached job. */
  readonly deathsMax: number;
  /** How long a pod counts as alive after it was heard. */
  readonly leaseMs: number;
  /** How long the slot of a job stays taken after its pod died: the upstream may still work for it. */
  readonly ghostMs: number;
  /** Dead letters that are kept. */
  readonly deadMax: number;
}

/** `attached` work runs in the pod that holds the client's connection; `detached` work runs anywhere and is durable elsewhere. */
export type JobKind = 'attached' | 'detached';

/** A job to be queued. */
export interface NewJob {
  readonly id: string;
  readonly kind: JobKind;
  readonly tenantId: string;
  /** A name in `Policy.tierWeights`. */
  readonly tier: string;
  /** Share within the tier: a whole number from 1 to 1000, 100 being usual. */
  readonly weight: number;
  /** Jobs of the tenant that may wait, of each kind. */
  readonly queueMax: number;
  /** Expected cost in whole units. */
  readonly estimatedCost: number;
  /** 0 is the most urgent; a place in `Policy.bandOffsetsMs`. */
  readonly priority: number;
  /** When it is no longer worth starting. */
  readonly deadlineMs: number;
  /** Times it was started before. */
  readonly attempts: number;
}

/** What a pod says of a job that it holds. */
export interface Flight {
  readonly jobId: string;
  readonly nonce: string;
  /** Cost so far. */
  readonly progressCost: number;
  /** Enough to take the job back into a state that was lost. */
  readonly job: NewJob;
}

/** How a job ended for who ran it; `retry` asks for another attempt of a detached job. */
export type Outcome = 'done' | 'retry';

/** One atomic step. `podId` is who asks and gets the messages of the reply. */
export type Operation =
  | { readonly type: 'configure'; readonly policy: Policy }
  | { readonly type: 'setCapacity'; readonly podId: string; readonly upstreamSlots: number }
  | {
      readonly type: 'setTenant';
      readonly podId: string;
      readonly tenantId: string;
      readonly tier: string;
      readonly weight: number;
      readonly isPaused: boolean;
    }
  | { readonly type: 'enqueue'; readonly podId: string; readonly job: NewJob }
  | { readonly type: 'grant'; readonly podId: string }
  | { readonly type: 'start'; readonly podId: string; readonly jobId: string; readonly nonce: string }
  | {
      readonly type: 'beat';
      readonly podId: string;
      readonly generation: string;
      readonly workers: number;
      readonly flights: readonly Flight[];
    }
  | {
      readonly type: 'settle';
      readonly podId: string;
      readonly jobId: string;
      readonly nonce: string;
      readonly outcome: Outcome;
      /** `undefined` leaves the charge as it is. */
      readonly actualCost: number | undefined;
      /** When a retry may start. */
      readonly retryAtMs: number;
    }
  | { readonly type: 'cancel'; readonly podId: string; readonly jobId: string }
  | { readonly type: 'reap'; readonly podId: string; readonly deadPodId: string }
  | { readonly type: 'redrive'; readonly podId: string; readonly jobId: string };

/** Why a job that waited ended. */
export type EndReason = 'expired' | 'evicted' | 'cancelled' | 'pod_died';

/** Why a job is not tried again: it was often enough, or too many pods died over it. */
export type DeathReason = 'attempts' | 'deaths';

/** What a pod is told. */
export type Message =
  /** The pod is to run the job. Repeated until the pod names the job in a beat. */
  | {
      readonly type: 'granted';
      readonly jobId: string;
      readonly tenantId: string;
      readonly kind: JobKind;
      readonly nonce: string;
      readonly attempts: number;
      readonly waitedMs: number;
    }
  | { readonly type: 'ended'; readonly jobId: string; readonly reason: EndReason }
  /** The pod is to stop running the job, and to settle it. */
  | { readonly type: 'cancel'; readonly jobId: string; readonly nonce: string }
  | { readonly type: 'dead'; readonly jobId: string; readonly reason: DeathReason };

/** What became of an operation; a repetition changes nothing and says `known` or `stale`. */
export type Status =
  | 'ok'
  /** The job is there already. */
  | 'known'
  /** No such job in the state asked for, or another nonce holds it. */
  | 'stale'
  /** The pod must beat first. */
  | 'unknown_pod'
  /** The job was tried as often as it may be. */
  | 'exhausted'
  /** The tenant has as many jobs waiting as it may. */
  | 'tenant_queue_full'
  /** The pool has as many jobs waiting as it may, and no other tenant weighs more. */
  | 'pool_queue_full'
  /** The job runs elsewhere; its pod was told. */
  | 'cancelling';

/** What stands before a job that was refused. */
export interface Backlog {
  /** Estimated cost of its tenant's attached jobs that wait. */
  readonly queuedCost: number;
  /** What the tenant is entitled to, in millionths of the pool. */
  readonly shareMillionths: number;
}

/** The pool in numbers. */
export interface PoolView {
  /** Servers that take part. */
  readonly pods: number;
  readonly slots: number;
  readonly inFlight: number;
  readonly queuedAttached: number;
  readonly queuedDetached: number;
  /** Cost charged since the pool began, corrections included. */
  readonly servedCost: number;
}

/** The answer to an operation. */
export interface Reply {
  readonly status: Status;
  /** For the pod that asked. Other pods find theirs in their inbox. */
  readonly messages: readonly Message[];
  /** Work was left for another `grant` right away. */
  readonly hasMore: boolean;
  /** Why it has to wait, when a queue was full. */
  readonly backlog?: Backlog;
  /** How the pool does; of a beat. */
  readonly pool?: PoolView;
  /** The state's generation; of a beat. */
  readonly generation?: string;
  /** Jobs that the pod names and does not hold; of a beat. */
  readonly staleJobIds?: readonly string[];
  /** Whether the pod was not known, so that no job of its own can be waiting; of a beat. */
  readonly isNewPod?: boolean;
}
