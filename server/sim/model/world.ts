/** Simulated time: what is to happen, in order of when; nothing here waits. */

import { createRandom, type Random } from './random.ts';

/** A clock, chance, and what is to happen. */
export interface World {
  readonly random: Random;
  /** Milliseconds since the world began. */
  readonly now: () => number;
  /** Does something later; what is due at once happens in the order in which it was asked for. */
  readonly after: (delayMs: number, act: () => void) => void;
  /** Lets time pass until a time, or until it `isOver`. */
  readonly run: (untilMs: number, isOver?: () => boolean) => void;
}

interface Event {
  readonly atMs: number;
  readonly number: number;
  readonly act: () => void;
}

/** Makes a world that begins at time 0. */
export function createWorld(seed: number): World {
  const heap: Event[] = [];
  let nowMs = 0;
  let numbers = 0;

  return {
    random: createRandom(seed),
    now: () => nowMs,
    after(delayMs, act) {
      numbers += 1;
      push(heap, { atMs: nowMs + Math.max(delayMs, 0), number: numbers, act });
    },
    run(untilMs, isOver = () => false) {
      for (let next = heap[0]; next !== undefined && next.atMs <= untilMs && !isOver(); next = heap[0]) {
        pop(heap);
        nowMs = next.atMs;
        next.act();
      }
      if (!isOver()) nowMs = Math.max(nowMs, untilMs);
    },
  };
}

const isBefore = (one: Event, other: Event): boolean =>
  one.atMs < other.atMs || (one.atMs === other.atMs && one.number < other.number);

/** Adds to a binary heap. */
function push(heap: Event[], event: Event): void {
  let place = heap.length;
  while (place > 0) {
    const parent = (place - 1) >>> 1;
    const above = heap[parent];
    if (above === undefined || !isBefore(event, above)) break;
    heap[place] = above;
    place = parent;
  }
  heap[place] = event;
}

/** Removes the first of a binary heap. */
function pop(heap: Event[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let place = 0;
  for (;;) {
    const [left, right] = [2 * place + 1, 2 * place + 2];
    let [least, at] = [last, place];
    for (const child of [left, right]) {
      const candidate = heap[child];
      if (candidate !== undefined && isBefore(candidate, least)) [least, at] = [candidate, child];
    }
    heap[place] = least;
    if (at === place) return;
    place = at;
  }
}
