/** Lists the models that a caller may name in a chat. */

import type { RequestContext } from '../context.ts';
import type { ModelEntry, OpenAiUpstream } from '../llm/index.ts';

/** How long a list is used before the endpoint is asked again. */
const cacheTtlMs = 30_000;

/** Makes the list; it is empty when no endpoint is configured. */
export function createModels(
  upstream: OpenAiUpstream | undefined,
  now: () => number,
): (ctx: RequestContext) => Promise<readonly ModelEntry[]> {
  let cached: { readonly models: readonly ModelEntry[]; readonly expiresMs: number } | undefined;
  return async function models(ctx) {
    if (upstream === undefined) return [];
    if (cached !== undefined && cached.expiresMs > now()) return cached.models;
    const list = await upstream.listModels(ctx.signal);
    cached = { models: list, expiresMs: now() + cacheTtlMs };
    return list;
  };
}
