/**
 * Token buckets by key, pure over an explicit clock.
 *
 * A bucket holds one minute of its rate at most and refills continuously. Amounts may be corrected afterwards: what was
 * reserved too much comes back, what was too little leaves a debt that refilling pays.
 */

/** One bucket: how much it held at a time. */
interface Bucket {
  level: number;
  atMs: number;
}

/** What is left of a rate. */
export interface Allowance {
  /** Per minute. */
  readonly limit: number;
  readonly remaining: number;
  /** Until the bucket is full again. */
  readonly resetMs: number;
  /** Until the amount asked for would fit; 0 when it fits. */
  readonly retryAfterMs: number;
}

/** A bounded set of buckets. */
export interface TokenBuckets {
  /** What would be left after taking an amount; takes nothing. */
  readonly peek: (key: string, limitPerMinute: number, amount: number, nowMs: number) => Allowance;
  /** Takes an amount, below zero if need be; a negative amount gives back. */
  readonly take: (key: string, limitPerMinute: number, amount: number, nowMs: number) => void;
}

const minuteMs = 60_000;

/** Makes buckets; beyond `bucketsMax` the one used longest ago is forgotten, which can only be to its owner's favour. */
export function createTokenBuckets(bucketsMax: number): TokenBuckets {
  const buckets = new Map<string, Bucket>();

  function levelOf(key: string, limit: number, nowMs: number): number {
    const bucket = buckets.get(key);
    if (bucket === undefined) return limit;
    // A clock that was set back refills nothing, and takes nothing away either.
    const elapsedMs = Math.max(0, nowMs - bucket.atMs);
    return Math.min(limit, bucket.level + (elapsedMs * limit) / minuteMs);
  }

  return {
    peek(key, limit, amount, nowMs) {
      const level = levelOf(key, limit, nowMs);
      const left = level - amount;
      const rest = left >= 0 ? left : level;
      return {
        limit,
        remaining: Math.max(0, Math.floor(rest)),
        resetMs: Math.ceil(((limit - Math.min(rest, limit)) * minuteMs) / limit),
        retryAfterMs: left >= 0 ? 0 : Math.ceil((-left * minuteMs) / limit),
      };
    },
    take(key, limit, amount, nowMs) {
      const level = levelOf(key, limit, nowMs) - amount;
      buckets.delete(key);
      buckets.set(key, { level, atMs: nowMs });
      const oldest = buckets.keys().next();
      if (buckets.size > bucketsMax && oldest.done !== true) buckets.delete(oldest.value);
    },
  };
}
