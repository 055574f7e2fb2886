/**
 * Runs inside a network namespace of its own (see support/namespace.ts), where every address in the world is this machine
 * and nothing can leave it: calls all vectors, first through the entry of the product that the argument names, then with a client that checks
 * nothing.
 */

import { Agent, fetch } from 'undici';
import { isAppError } from '../../src/errors.ts';
import { startStubResolver } from './stub-resolver.ts';
import { setTraps } from './traps.ts';
import { controls, names, vectors } from './vectors.ts';

/** What came of the calls of a client. */
export interface Outcome {
  /** Vectors that ended in a connection to a trap, with where it went. */
  readonly trapped: readonly string[];
  /** Vectors whose answer came from anywhere else than the public servers. */
  readonly answered: readonly string[];
  readonly controlsAnswered: number;
}

type Call = (url: string, signal: AbortSignal) => Promise<string>;

const timeoutMs = 5000;
const { call: guarded } = (await import(process.argv[2] ?? '')) as { readonly call: Call };
const trusting = new Agent({ connect: { rejectUnauthorized: false } });
const careless: Call = async (url, signal) => (await fetch(url, { signal, dispatcher: trusting })).text();

async function attack(call: Call): Promise<Outcome> {
  const trapped: string[] = [];
  const answered: string[] = [];
  for (const { name, url, times } of vectors) {
    for (let time = 0; time < times; time += 1) {
      const before = caught.length;
      const text = await call(url, AbortSignal.timeout(timeoutMs)).catch((error: unknown) => {
        if (call === guarded && !isAppError(error)) throw new Error(`${name}: not a refusal`, { cause: error });
        return undefined;
      });
      if (text !== undefined && text !== 'public') answered.push(name);
      for (const { address, port } of caught.slice(before)) trapped.push(`${name}: ${address} port ${port}`);
    }
  }
  let controlsAnswered = 0;
  for (const url of controls) {
    const text = await call(url, AbortSignal.timeout(timeoutMs)).catch((error: unknown) => String(error));
    if (text === 'public') controlsAnswered += 1;
  }
  return { trapped, answered, controlsAnswered };
}

const caught = await setTraps();
await startStubResolver(names);
const outcomes = { guarded: await attack(guarded), careless: await attack(careless) };
process.stdout.write(JSON.stringify({ ...outcomes, vectors: vectors.length, controls: controls.length }), () =>
  process.exit(0),
);
