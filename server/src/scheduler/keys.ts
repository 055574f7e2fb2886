/**
 * Where Redis keeps a pool. All its keys share a hash tag, so a step is one script on one node of a cluster:
 *
 * | key | type | holds |
 * |---|---|---|
 * | `{sched:POOL}` | string | the scalars of the pool and of its tiers, packed with MessagePack |
 * | `…:policy` | string | the policy, packed |
 * | `…:tenants`, `…:jobs`, `…:pods` | hash | by id, packed |
 * | `…:fresh:TIER`, `…:ready:TIER`, `…:capped:TIER`, `…:parked:TIER` | sorted set | tenants of a tier by their tag |
 * | `…:attached:TENANT`, `…:detached:TENANT` | sorted set | jobs of a tenant that wait, by their order |
 * | `…:jobs:POD` | sorted set | jobs of a pod |
 * | `…:inbox:POD` | list | messages for a pod from steps of others, as JSON |
 * | `…:room`, `…:timers`, `…:heaviest`, `…:dead` | sorted set | as in kernel/state.ts |
 *
 * The scripts are given the first of them and make the others. Ids are of letters, digits, `_`, `-` and `.`.
 */

/** The key of a pool, to which its scripts add. */
export const poolKey = (pool: string): string => `{sched:${pool}}`;

/** Messages for a pod. */
export const inboxKey = (pool: string, podId: string): string => `${poolKey(pool)}:inbox:${podId}`;
