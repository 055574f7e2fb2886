/** A pool that cannot be reached, and what a server does alone meanwhile. */

import pino from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AppError } from '../errors.ts';
import type { SchedulerBackend } from './backend.ts';
import { createEmbeddedBackend } from './embedded-backend.ts';
import { conformancePolicy as policy } from './scheduler.conformance.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';

/** A pool behind a wire that can be cut. */
let pool: SchedulerBackend;
let isCut: boolean;
let scheduler: Scheduler;
const never = new AbortController().signal;

const behindWire = (backend: SchedulerBackend): SchedulerBackend => ({
  ...backend,
  async transition(operation) {
    if (isCut) throw new AppError('dependency_unavailable', { detail: 'The wire is cut.' });
    return backend.transition(operation);
  },
});

beforeEach(async () => {
  isCut = false;
  pool = createEmbeddedBackend({ policy, upstreamSlots: 10 });
  scheduler = createScheduler({
    backend: behindWire(pool),
    fallback: createEmbeddedBackend({ policy, upstreamSlots: 1 }),
    workers: 10,
    slots: 10,
    leaseMs: 300,
    tenantQueueMax: 100,
    isAdaptive: false,
    log: pino({ level: 'silent' }),
    onServed: () => {},
  });
  await scheduler.start();
});
afterEach(async () => {
  isCut = false;
  await scheduler.close();
});

const asked = { tenantId: 'ten_a', tier: 'starter', estimatedCost: 10, signal: never } as const;
const ask = <T>(run: () => Promise<T>) => scheduler.withSlot({ ...asked, deadlineMs: Date.now() + 60_000 }, run);

it('runs work in its own part of the pool while that cannot be reached, and in the pool again after', async () => {
  isCut = true;
  expect(await ask(async () => 'alone')).toBe('alone');
  await expect.poll(() => scheduler.isAlone()).toBe(true);
  const { promise, resolve } = Promise.withResolvers<void>();
  const works = Array.from({ length: 9 }, () => ask(() => promise));
  await expect.poll(() => scheduler.usage()).toEqual({ busy: 8, waiting: 1, slots: 8 });
  isCut = false;
  await expect.poll(() => scheduler.isAlone()).toBe(false);
  resolve();
  await Promise.all(works);
  expect(await ask(async () => (await pool.dump()).inFlight)).toBe(1);
});

it('lets work that ran before finish and give its slot back after', async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const before = ask(() => promise);
  await expect.poll(async () => (await pool.dump()).inFlight).toBe(1);
  isCut = true;
  await expect.poll(() => scheduler.isAlone()).toBe(true);
  resolve('finished');
  expect(await before).toBe('finished');
  isCut = false;
  await expect.poll(async () => (await pool.dump()).inFlight).toBe(0);
});

it('takes along who waited in the pool', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const works = Array.from({ length: 11 }, () => ask(() => promise));
  await expect.poll(() => scheduler.usage()).toMatchObject({ busy: 10, waiting: 1 });
  isCut = true;
  await expect.poll(() => scheduler.usage()).toMatchObject({ busy: 11, waiting: 0 });
  resolve();
  await Promise.all(works);
});
