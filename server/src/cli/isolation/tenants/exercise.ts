/**
 * Brings operations to success with things of the tenant that asks, making those things by other operations first.
 *
 * Which operation makes what follows from the description: the one whose answer has the `id` of a thing makes such things,
 * and the others take them wherever they say that a value names one.
 */

import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Operation } from '../api/description.ts';
import { type Answer, headerOf, requestFrom } from '../api/exchange.ts';
import type { Input, Place, Wish } from '../api/places.ts';
import { codeOf } from '../evidence/compare.ts';
import { onlookerOf, type Run, sweep } from '../run.ts';
import { type Credential, likelyFor } from './credentials.ts';
import { createInputs } from './inputs.ts';
import { createLearner, type Success } from './learning.ts';
import type { Factor, Throwaway } from './secrets.ts';
import type { Headers, Side } from './sides.ts';
import { createSupply, type Have } from './supply.ts';
import { partsOf } from './things.ts';

/** Why an operation could not be brought to success. */
export interface Failure {
  readonly problem: string;
}

/** Brings operations of one tenant to success. */
export interface Exerciser {
  readonly side: Side;
  readonly succeed: (operation: Operation, wish?: Wish) => Promise<Success | Failure>;
  /** A value of a thing of the tenant; made when there is none. */
  readonly have: Have;
  /** A new input, and who is likely to be allowed to send it; `undefined` when there is none. */
  readonly prepare: (operation: Operation, wish?: Wish) => Promise<Attempt | undefined>;
  /** Headers that mean something to the server where this tenant sent or got them, and nothing anywhere else. */
  readonly marksOf: (operation: Operation) => Headers;
}

/** A request that was not sent yet. */
export interface Attempt {
  readonly input: Input;
  readonly credential: Credential;
}

/** Whether it succeeded. */
export function isSuccess(result: Success | Failure): result is Success {
  return 'input' in result;
}

/** How long something may take to become ready, ingestion for example. */
const readyMsMax = 60_000;
const pollMs = 200;

/** Makes the exerciser of a tenant. */
export function createExerciser(run: Run, side: Side, credentials: readonly Credential[]): Exerciser {
  const learned = createLearner(run, side);
  const { have, make } = createSupply(run, side, async (operation, wish, depth) => {
    const result = await attempt(operation, wish, depth);
    return isSuccess(result) ? result : undefined;
  });
  const { prepare, variantsOf, optionalPlaces } = createInputs(run, side, have);
  const placesOf = (operation: Operation) => run.places.get(operation) ?? [];
  const marks = new Map<Operation, Headers>();
  const lastAllowed = new Map<Operation, Credential>();

  async function ask(operation: Operation, input: Input, credential: Credential): Promise<Answer | undefined> {
    const headers = await credential.headersFor(operation);
    if (headers === undefined) return undefined;
    const own = side.name === 'owner' && operation.method === 'POST' ? { 'idempotency-key': randomUUID() } : {};
    const request = requestFrom(operation, input, { ...own, ...headers });
    const answer = await run.wire.send(request);
    const asked = { operation: operation.id, credential: credential.name, request };
    if (side.name === 'prober') sweep(run, answer, asked, onlookerOf(credential));
    if (operation.successes.includes(answer.status)) {
      lastAllowed.set(operation, credential);
      marks.set(operation, { ...own, 'last-event-id': lastEventOf(answer) });
    }
    return answer;
  }

  async function attempt(operation: Operation, wish: Wish | undefined, depth: number): Promise<Success | Failure> {
    const required = await attemptOnce(operation, wish, 'none', depth);
    if (isSuccess(required)) return required;
    if (placesOf(operation).some(dependsOnFactor)) {
      for (const factor of ['enrolled', 'active'] as const) {
        const result = await attemptOnce(operation, wish, factor, depth);
        if (isSuccess(result)) return result;
      }
    }
    if (wish !== undefined || operation.bodyMediaType === undefined) return required;
    // Some want at least one of their fields.
    for (const place of optionalPlaces(operation)) {
      const result = await attemptOnce(operation, { place }, 'none', depth);
      if (isSuccess(result)) return result;
    }
    return required;
  }

  async function attemptOnce(
    operation: Operation,
    wish: Wish | undefined,
    factor: Factor,
    depth: number,
  ): Promise<Success | Failure> {
    const prepared = await prepare(operation, wish, factor, depth);
    if (typeof prepared === 'string') return { problem: prepared };
    const { input, asking } = prepared;
    const tried = asking === undefined ? likelyFor(operation, credentials) : [asThrowaway(operation, asking)];
    let last: Answer | undefined;
    const endMs = Date.now() + readyMsMax;
    for (;;) {
      let isNotReady = false;
      for (const variant of variantsOf(operation, input, wish)) {
        for (const credential of tried) {
          const answer = await ask(operation, variant, credential);
          if (answer === undefined) continue;
          const refusal = operation.refusals.find((code) => code === codeOf(answer));
          if (operation.successes.includes(answer.status) || refusal !== undefined)
            return learned({ operation, input: variant, answer, refusal, credential });
          if (answer.status === 401) credential.renew();
          // What the strongest credential is told is worth most.
          if (last === undefined || (last.status === 403 && answer.status !== 403)) last = answer;
          isNotReady ||= operation.method === 'GET' && answer.status === 409;
          if (isNotReady) break;
        }
      }
      if (!isNotReady || Date.now() > endMs) return failureOf(last);
      await delay(pollMs);
    }
  }

  return {
    side,
    have,
    marksOf: (operation) => marks.get(operation) ?? {},
    async prepare(operation, wish) {
      const prepared = await prepare(operation, wish, 'none', 0);
      if (typeof prepared === 'string') return undefined;
      const { input, asking } = prepared;
      const usual = lastAllowed.get(operation) ?? likelyFor(operation, credentials)[0];
      const credential = asking === undefined ? usual : asThrowaway(operation, asking);
      return credential && { input, credential };
    },
    async succeed(operation, wish) {
      const first = await attempt(operation, wish, 0);
      if (isSuccess(first) || operation.method === 'GET') return first;
      // Perhaps its things were used up by an operation before; with new ones it may succeed.
      const references = placesOf(operation).flatMap(({ route, names }) => (route[0] === 'path' ? names : []));
      for (const reference of references) {
        const [kind, field] = partsOf(reference);
        // Those that were only seen may be gone by now; those that are not are seen again.
        for (const thing of side.things.all())
          if (thing.kind === kind && thing.madeBy === undefined) thing.isGone = true;
        await make(kind, field, 0);
      }
      return references.length === 0 ? first : attempt(operation, wish, 0);
    },
  };
}

/** Whether it may matter how far the second factor is set up of whom a place names. */
function dependsOnFactor({ route, names }: Place): boolean {
  return names.includes('second_factor.code') || (route[0] === 'path' && names.includes('user.id'));
}

function asThrowaway(operation: Operation, { headers }: Throwaway): Credential {
  const sent = operation.schemes.length === 0 ? {} : headers;
  return {
    ...{ name: 'session of a user made for this', scheme: 'bearer', isOfTenant: true, renew: () => {} },
    headersFor: async () => sent,
  };
}

/** Where a stream could be resumed: its last event; the id of the request where its events have none. */
function lastEventOf(answer: Answer): string {
  return [...answer.text.matchAll(/^id: ?(.+)$/gm)].at(-1)?.[1] ?? headerOf(answer, 'x-request-id') ?? '';
}

const excerptLength = 300;

function failureOf(answer: Answer | undefined): Failure {
  if (answer === undefined) return { problem: 'No credential could be had for it.' };
  return { problem: `The server answered ${answer.status}: ${answer.text.slice(0, excerptLength)}` };
}
