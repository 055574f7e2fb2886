/** What is between a pod and the store: delays that reorder, losses, repetitions, and cuts. */

import type { Message, Operation, Reply } from '../../src/scheduler/kernel/operations.ts';
import type { Store } from './store.ts';
import type { World } from './world.ts';

/** How bad the network is. */
export interface NetworkQuality {
  readonly delayMsMax: number;
  /** Of each message, in each direction. */
  readonly lossProbability: number;
  readonly repeatProbability: number;
}

/** Carries operations and replies. */
export interface Network {
  /** Sends an operation; the reply comes later, twice, or never. */
  readonly send: (podId: string, operation: Operation, answer: (reply: Reply) => void) => void;
  /** Where the messages of a pod go. */
  readonly listen: (podId: string, hear: (messages: readonly Message[]) => void) => void;
  /** Cuts a pod off for a time. */
  readonly cut: (podId: string, forMs: number) => void;
  readonly setQuality: (quality: NetworkQuality) => void;
}

/** A network without faults. */
export const goodNetwork: NetworkQuality = { delayMsMax: 2, lossProbability: 0, repeatProbability: 0 };

/** Makes a network in front of a store. */
export function createNetwork(world: World, store: Store, startQuality: NetworkQuality): Network {
  const { random } = world;
  const listeners = new Map<string, (messages: readonly Message[]) => void>();
  const fetching = new Set<string>();
  const cutUntilMs = new Map<string, number>();
  let quality = startQuality;

  const isCut = (podId: string): boolean => (cutUntilMs.get(podId) ?? 0) > world.now();

  /** One way, if it arrives. */
  function carry(podId: string, arrive: () => void): void {
    if (random.chance(quality.lossProbability)) return;
    const delay = random.integer(0, quality.delayMsMax);
    world.after(delay, () => {
      if (!isCut(podId)) arrive();
    });
  }

  function deliver(podId: string, operation: Operation, answer: (reply: Reply) => void): void {
    carry(podId, () => {
      const reply = store.apply(operation);
      carry(podId, () => answer(reply));
      for (const other of store.podsWithMessages()) fetch(other);
    });
  }

  /** A pod reads its messages soon after they came. */
  function fetch(podId: string): void {
    if (fetching.has(podId) || !listeners.has(podId)) return;
    fetching.add(podId);
    world.after(random.integer(0, quality.delayMsMax), () => {
      fetching.delete(podId);
      if (isCut(podId)) return;
      const messages = store.takeInbox(podId);
      if (messages.length > 0) carry(podId, () => listeners.get(podId)?.(messages));
    });
  }

  return {
    send(podId, operation, answer) {
      deliver(podId, operation, answer);
      if (random.chance(quality.repeatProbability)) deliver(podId, operation, answer);
    },
    listen: (podId, hear) => void listeners.set(podId, hear),
    cut: (podId, forMs) => void cutUntilMs.set(podId, world.now() + forMs),
    setQuality(next) {
      quality = next;
    },
  };
}
