/**
 * Tells clients what is left of their rates: in the headers of the OpenAI API, and in those of the IETF draft
 * (draft-ietf-httpapi-ratelimit-headers-11, structured fields).
 */

import type { FastifyReply } from 'fastify';
import type { RateState } from '../../limits/index.ts';

/** Sets the headers of all rates given; where there is no limit, there is nothing to tell. */
export function setRateHeaders(reply: FastifyReply, rates: RateState): void {
  const entries = Object.entries(rates);
  if (entries.length === 0) return;
  for (const [name, { limit, remaining, resetMs }] of entries) {
    reply.header(`x-ratelimit-limit-${name}`, limit);
    reply.header(`x-ratelimit-remaining-${name}`, remaining);
    reply.header(`x-ratelimit-reset-${name}`, durationText(resetMs));
  }
  reply.header('ratelimit-policy', entries.map(([name, { limit }]) => `"${name}";q=${limit};w=60`).join(', '));
  const left = entries.map(
    ([name, { remaining, resetMs }]) => `"${name}";r=${remaining};t=${Math.ceil(resetMs / 1000)}`,
  );
  reply.header('ratelimit', left.join(', '));
}

/** A duration as the OpenAI API writes it: `12ms`, `1.5s`, `6m0s`. */
export function durationText(durationMs: number): string {
  const ms = Math.ceil(durationMs);
  if (ms < 1000) return `${ms}ms`;
  if (ms < 60_000) return `${ms / 1000}s`;
  return `${Math.floor(ms / 60_000)}m${(ms % 60_000) / 1000}s`;
}
