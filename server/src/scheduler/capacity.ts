/**
 * Finds out how much an upstream takes at once: additive increase, multiplicative decrease (Chiu and Jain, 1989).
 *
 * The signals are refusals for overload, silence, and first bytes that come late; the time of a whole answer says nothing,
 * since it grows with the answer.
 */

/** How a call of the upstream went. */
export type UpstreamSign =
  | { readonly kind: 'answered'; readonly firstByteMs: number }
  | { readonly kind: 'overloaded' };

/** What the control needs. */
export interface CapacityOptions {
  /** The most that is ever tried. */
  readonly slotsMax: number;
  /** Slots of the pool, and how many are taken, as far as is known here. */
  readonly pool: () => { readonly slots: number; readonly inFlight: number };
  readonly setSlots: (slots: number) => void;
  readonly now?: () => number;
}

/** Learns from signs. */
export interface CapacityControl {
  readonly note: (sign: UpstreamSign) => void;
}

/** What a sign of overload leaves of the slots. */
const decrease = 0.8;
/** Signs of overload within this time are of one overload. */
const cutIntervalMs = 1000;
/** First bytes count as late for this long before they are acted upon again. */
const lateIntervalMs = 10_000;
/** Only a pool that is used so far shows that it could do with more, or that it has too much. */
const fullPart = 0.8;
/** Weights of the last first byte in what is usual lately, and over a long time. */
const [latelyWeight, usualWeight] = [0.1, 0.005];
/** First bytes are late when they take so many times as long as usual. */
const lateFactor = 2;
/** Before so many first bytes nothing is usual. */
const usualAfter = 50;

/** Makes a control; `setSlots` is told of each change. */
export function createCapacityControl(options: CapacityOptions): CapacityControl {
  const { slotsMax, pool, setSlots, now = Date.now } = options;
  let successes = 0;
  let cutAtMs = Number.NEGATIVE_INFINITY;
  let firstBytes = 0;
  let [lately, usual] = [0, 0];

  const isFull = () => pool().inFlight >= fullPart * pool().slots;

  function cut(): void {
    cutAtMs = now();
    successes = 0;
    setSlots(Math.max(Math.floor(pool().slots * decrease), 1));
  }

  /** Notes a first byte; whether they have come late for a while. */
  function isLate(firstByteMs: number): boolean {
    firstBytes += 1;
    lately += firstBytes === 1 ? firstByteMs : latelyWeight * (firstByteMs - lately);
    usual += firstBytes === 1 ? firstByteMs : usualWeight * (firstByteMs - usual);
    return firstBytes > usualAfter && lately > lateFactor * usual;
  }

  return {
    note(sign) {
      const sinceCutMs = now() - cutAtMs;
      if (sign.kind === 'overloaded') {
        if (sinceCutMs >= cutIntervalMs) cut();
        return;
      }
      if (isLate(sign.firstByteMs) && isFull()) {
        if (sinceCutMs >= lateIntervalMs) cut();
        return;
      }
      successes += 1;
      const { slots } = pool();
      if (successes < slots || slots >= slotsMax || !isFull()) return;
      successes = 0;
      setSlots(slots + 1);
    },
  };
}
