/** The keys of limits in Redis. All keys of a scope share its hash tag, so a scope is one slot of a cluster. */

import type { Scope } from './counters.ts';

const kinds = { tenant: 'T', network: 'N', login: 'L' } as const satisfies Record<Scope['kind'], string>;

/** What the keys of a scope begin with; `lua/rate.lua` and `lua/held.lua` say how they go on. */
export function rootOf({ kind, id }: Scope): string {
  // A brace in the id would end the tag.
  return `{${kinds[kind]}:${encodeURIComponent(id)}}:limits`;
}
