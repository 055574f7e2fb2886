/** A process as others see it: it does things later, stops without noticing, and is gone. */

import type { World } from './world.ts';

/** A process. */
export interface Process {
  readonly now: () => number;
  /** Does something later, unless the process is dead by then; a pause puts it off. */
  readonly after: (delayMs: number, act: () => void) => void;
  /** Does something now and then again and again. */
  readonly every: (intervalMs: number, act: () => void) => void;
  /** Does something now, or when the pause is over, or never. */
  readonly awake: (act: () => void) => void;
  readonly pause: (forMs: number) => void;
  readonly kill: () => void;
  readonly isAlive: () => boolean;
}

/** Starts a process. */
export function startProcess(world: World): Process {
  let isAlive = true;
  let pausedUntilMs = 0;

  function awake(act: () => void): void {
    if (!isAlive) return;
    if (world.now() < pausedUntilMs) world.after(pausedUntilMs - world.now(), () => awake(act));
    else act();
  }

  const after = (delayMs: number, act: () => void) => world.after(delayMs, () => awake(act));

  function every(intervalMs: number, act: () => void): void {
    act();
    after(intervalMs, () => every(intervalMs, act));
  }

  return {
    now: world.now,
    after,
    every,
    awake,
    pause: (forMs) => {
      pausedUntilMs = world.now() + forMs;
    },
    kill: () => {
      isAlive = false;
    },
    isAlive: () => isAlive,
  };
}
