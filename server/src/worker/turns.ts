/**
 * In which order the documents of many tenants are ingested: start-time fair queueing, counted in documents.
 *
 * A job is tagged with the virtual time at which it would start if each tenant's documents were done one after the other
 * and all tenants' side by side; the smallest tag goes first. So a tenant that uploads a thousand documents delays each
 * document of another by one, not by a thousand. A process knows the tags that it gave; several processes together are
 * fair up to their number.
 */

/** Gives out tags. */
export interface Turns {
  /** The tag of the next job of a tenant. */
  readonly next: (tenantId: string) => number;
  /** Moves the virtual time on to the tag of a job that has started. */
  readonly started: (tag: number) => void;
  /** Forgets which tags tenants hold; whoever calls it tags all their waiting jobs again. */
  readonly forget: () => void;
}

/** Makes turns at virtual time 0. */
export function createTurns(): Turns {
  const lastTags = new Map<string, number>();
  let virtualTime = 0;
  return {
    next(tenantId) {
      const tag = Math.max(virtualTime, (lastTags.get(tenantId) ?? -1) + 1);
      lastTags.set(tenantId, tag);
      return tag;
    },
    started(tag) {
      virtualTime = Math.max(virtualTime, tag);
    },
    forget: () => lastTags.clear(),
  };
}
