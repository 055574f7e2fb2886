import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import pino from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { createEmbeddedBackend } from './embedded-backend.ts';
import type { Policy } from './kernel/operations.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';

const policy: Policy = {
  tierWeights: { enterprise: 50, professional: 30, starter: 15, free: 5 },
  capPercent: 20,
  capPolicy: 'entitlement',
  headroomSlots: 0,
  bandOffsetsMs: [0, 5000, 30_000, 120_000],
  costMax: 1000,
  queuedMax: 100,
  inboxMax: 100,
  attemptsMax: 3,
  deathsMax: 2,
  leaseMs: 60_000,
  ghostMs: 0,
  deadMax: 10,
};
const never = new AbortController().signal;
const turn = () => new Promise((resolve) => setImmediate(resolve));
const opened: Scheduler[] = [];

function open(options: {
  slots: number;
  workers?: number;
  queuedMax?: number;
  tenantQueueMax?: number;
  isAdaptive?: boolean;
}): Scheduler {
  const { slots, workers = slots, queuedMax = 100, tenantQueueMax = 100, isAdaptive = true } = options;
  const scheduler = createScheduler({
    backend: createEmbeddedBackend({ policy: { ...policy, queuedMax }, upstreamSlots: slots }),
    workers,
    leaseMs: policy.leaseMs,
    tenantQueueMax,
    slots,
    isAdaptive,
    log: pino({ level: 'silent' }),
    onServed: () => {},
  });
  opened.push(scheduler);
  return scheduler;
}

afterEach(async () => {
  for (const scheduler of opened.splice(0)) await scheduler.close();
});

/** What a piece of work of a tenant asks for. */
const asked = (tenantId = 'ten_a', signal = never, estimatedCost = 10) =>
  ({ tenantId, tier: 'starter', estimatedCost, deadlineMs: Date.now() + 60_000, signal }) as const;

/** Work that lasts until it is told to end. */
function work() {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let hasStarted = false;
  const run = () => {
    hasStarted = true;
    return promise;
  };
  return { run, end: resolve, fail: reject, hasStarted: () => hasStarted };
}

describe('slots for model work', () => {
  it('are never more than there are, and go to whoever of a tenant came first', async () => {
    const plans = fc.record({
      slots: fc.integer({ min: 1, max: 5 }),
      ends: fc.array(fc.nat(), { minLength: 1, maxLength: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(plans, async ({ slots, ends }) => {
        const scheduler = open({ slots });
        const started: number[] = [];
        const running = new Map<number, () => void>();
        const all = ends.map((_, index) =>
          scheduler.withSlot(asked(), () => {
            started.push(index);
            expect(running.size).toBeLessThan(slots);
            return new Promise<void>((resolve) => {
              running.set(index, () => {
                running.delete(index);
                resolve();
              });
            });
          }),
        );
        for (const pick of ends) {
          await turn();
          expect(running.size).toBe(Math.min(slots, ends.length - (started.length - running.size)));
          [...running.values()][pick % running.size]?.();
        }
        await Promise.all(all);
        expect(started).toEqual(ends.map((_, index) => index));
        expect(scheduler.usage()).toMatchObject({ busy: 0, waiting: 0 });
      }),
      { numRuns: 30 },
    );
  });

  it('are as many as this server has workers for, where the model takes more at once', async () => {
    const scheduler = open({ slots: 5, workers: 2 });
    const works = [work(), work(), work()];
    const all = works.map(({ run }) => scheduler.withSlot(asked(), run));
    await turn();
    expect(works.map(({ hasStarted }) => hasStarted())).toEqual([true, true, false]);
    for (const { end } of works) end();
    await Promise.all(all);
  });

  it.each([true, false])('are fewer while the model has too much to do, when isAdaptive is %s', async (isAdaptive) => {
    const scheduler = open({ slots: 5, isAdaptive });
    await scheduler.start();
    scheduler.note({ kind: 'overloaded' });
    const works = Array.from({ length: 5 }, work);
    const all = works.map(({ run }) => scheduler.withSlot(asked(), run));
    await turn();
    expect(works.filter(({ hasStarted }) => hasStarted()).length).toBe(isAdaptive ? 4 : 5);
    for (const { end } of works) end();
    await Promise.all(all);
  });

  it('go to tenants in turn, however much one of them has waiting', async () => {
    const scheduler = open({ slots: 1 });
    const order: string[] = [];
    const ask = (tenantId: string) =>
      scheduler.withSlot(asked(tenantId), async () => {
        order.push(tenantId);
      });
    await Promise.all([...Array.from({ length: 10 }, () => ask('ten_greedy')), ask('ten_modest')]);
    expect(order.indexOf('ten_modest')).toBeLessThanOrEqual(2);
  });

  it('are charged at what the work really cost: who used more waits longer', async () => {
    const scheduler = open({ slots: 1 });
    const order: string[] = [];
    const ask = (tenantId: string, cost: number) =>
      scheduler.withSlot(asked(tenantId), async ({ used }) => {
        used(cost);
        order.push(tenantId);
      });
    await Promise.all(Array.from({ length: 20 }, () => [ask('ten_dear', 90), ask('ten_cheap', 10)]).flat());
    const dear = order.slice(0, 20).filter((tenantId) => tenantId === 'ten_dear').length;
    expect(dear).toBeLessThanOrEqual(4);
  });

  it('are given back when the work fails', async () => {
    const scheduler = open({ slots: 1 });
    await expect(scheduler.withSlot(asked(), () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    const thrown = scheduler.withSlot(asked(), () => {
      throw new Error('thrown');
    });
    await expect(thrown).rejects.toThrow('thrown');
    expect(await scheduler.withSlot(asked(), async () => 'next')).toBe('next');
    expect(scheduler.usage()).toEqual({ busy: 0, waiting: 0, slots: 1 });
  });

  it('are not waited for by whoever leaves: the others move up and no slot is lost', async () => {
    const scheduler = open({ slots: 1 });
    const [holder, leaver, follower] = [work(), work(), work()];
    const controller = new AbortController();
    const held = scheduler.withSlot(asked(), holder.run);
    const left = scheduler.withSlot(asked('ten_a', controller.signal), leaver.run);
    const followed = scheduler.withSlot(asked(), follower.run);
    await turn();
    expect(scheduler.usage()).toMatchObject({ busy: 1, waiting: 2 });
    controller.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    expect(scheduler.usage()).toMatchObject({ busy: 1, waiting: 1 });
    expect(follower.hasStarted()).toBe(false);
    holder.end();
    await held;
    await turn();
    expect([leaver.hasStarted(), follower.hasStarted()]).toEqual([false, true]);
    follower.end();
    await followed;
    expect(scheduler.usage().busy).toBe(0);
  });

  it('are not lost when somebody leaves in the moment of its turn', async () => {
    const scheduler = open({ slots: 1 });
    const [holder, leaver] = [work(), work()];
    const controller = new AbortController();
    const held = scheduler.withSlot(asked(), holder.run);
    const left = scheduler.withSlot(asked('ten_a', controller.signal), leaver.run);
    await turn();
    holder.end();
    await held;
    controller.abort(new Error('gone'));
    leaver.end();
    await Promise.allSettled([left]);
    expect(await scheduler.withSlot(asked(), async () => 'next')).toBe('next');
    expect(scheduler.usage()).toMatchObject({ busy: 0, waiting: 0 });
  });

  it('are refused to whoever is gone already, and to a tenant that has too much waiting', async () => {
    const scheduler = open({ slots: 1, tenantQueueMax: 1 });
    const controller = new AbortController();
    controller.abort(new Error('gone'));
    await expect(scheduler.withSlot(asked('ten_a', controller.signal), async () => 1)).rejects.toThrow('gone');
    const [holder, waiter] = [work(), work()];
    const held = scheduler.withSlot(asked(), holder.run);
    const waited = scheduler.withSlot(asked(), waiter.run);
    await expect(scheduler.withSlot(asked(), async () => 1)).rejects.toMatchObject({
      code: 'rate_limit_exceeded',
      retryAfterMs: 1000,
    });
    holder.end();
    waiter.end();
    await Promise.all([held, waited]);
    expect(scheduler.usage().busy).toBe(0);
  });

  it('are taken from the queue of whoever has most waiting, when the pool can hold no more', async () => {
    const scheduler = open({ slots: 1, queuedMax: 2 });
    const [holder, first, second, newcomer] = [work(), work(), work(), work()];
    const held = scheduler.withSlot(asked('ten_greedy'), holder.run);
    const waiting = scheduler.withSlot(asked('ten_greedy'), first.run);
    const evicted = scheduler.withSlot(asked('ten_greedy'), second.run);
    const came = scheduler.withSlot(asked('ten_modest'), newcomer.run);
    await expect(evicted).rejects.toMatchObject({ code: 'dependency_unavailable' });
    for (const each of [holder, first, newcomer]) each.end();
    await Promise.all([held, waiting, came]);
    expect(second.hasStarted()).toBe(false);
  });

  it('leave nothing behind on the signal of whoever waited', async () => {
    const scheduler = open({ slots: 1 });
    const holder = work();
    const { signal } = new AbortController();
    const held = scheduler.withSlot(asked(), holder.run);
    const waited = scheduler.withSlot(asked('ten_a', signal), async () => {});
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    holder.end();
    await Promise.all([held, waited]);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});
