import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createScheduler } from './slots.ts';

const scope = { tenantId: 'ten_a' };
const never = new AbortController().signal;
const turn = () => new Promise((resolve) => setImmediate(resolve));

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

describe('places for model work', () => {
  it('are never more than there are, and go to whoever came first', async () => {
    const plans = fc.record({
      slots: fc.integer({ min: 1, max: 5 }),
      ends: fc.array(fc.nat(), { minLength: 1, maxLength: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(plans, async ({ slots, ends }) => {
        const scheduler = createScheduler({ slots, queueMax: 100 });
        const started: number[] = [];
        const running = new Map<number, () => void>();
        const all = ends.map((_, index) =>
          scheduler.withSlot(scope, never, () => {
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
        expect(scheduler.usage()).toEqual({ busy: 0, waiting: 0, slots });
      }),
      { numRuns: 30 },
    );
  });

  it('are given back when the work fails', async () => {
    const scheduler = createScheduler({ slots: 1, queueMax: 10 });
    await expect(scheduler.withSlot(scope, never, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    const thrown = scheduler.withSlot(scope, never, () => {
      throw new Error('thrown');
    });
    await expect(thrown).rejects.toThrow('thrown');
    expect(await scheduler.withSlot(scope, never, async () => 'next')).toBe('next');
    expect(scheduler.usage()).toEqual({ busy: 0, waiting: 0, slots: 1 });
  });

  it('are not waited for by whoever leaves: the others move up and no place is lost', async () => {
    const scheduler = createScheduler({ slots: 1, queueMax: 10 });
    const [holder, leaver, follower] = [work(), work(), work()];
    const controller = new AbortController();
    const held = scheduler.withSlot(scope, never, holder.run);
    const left = scheduler.withSlot(scope, controller.signal, leaver.run);
    const followed = scheduler.withSlot(scope, never, follower.run);
    expect(scheduler.usage()).toEqual({ busy: 1, waiting: 2, slots: 1 });
    controller.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    expect(scheduler.usage()).toEqual({ busy: 1, waiting: 1, slots: 1 });
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
    const scheduler = createScheduler({ slots: 1, queueMax: 10 });
    const [holder, leaver] = [work(), work()];
    const controller = new AbortController();
    const held = scheduler.withSlot(scope, never, holder.run);
    const left = scheduler.withSlot(scope, controller.signal, leaver.run);
    holder.end();
    await held;
    controller.abort(new Error('gone'));
    leaver.end();
    await Promise.allSettled([left]);
    expect(scheduler.usage()).toEqual({ busy: 0, waiting: 0, slots: 1 });
  });

  it('are refused to whoever is gone already, and to more than may wait', async () => {
    const scheduler = createScheduler({ slots: 1, queueMax: 1 });
    const controller = new AbortController();
    controller.abort(new Error('gone'));
    await expect(scheduler.withSlot(scope, controller.signal, async () => 1)).rejects.toThrow('gone');
    const holder = work();
    const waiter = work();
    const held = scheduler.withSlot(scope, never, holder.run);
    const waited = scheduler.withSlot(scope, never, waiter.run);
    await expect(scheduler.withSlot(scope, never, async () => 1)).rejects.toMatchObject({
      code: 'dependency_unavailable',
      retryAfterMs: 1000,
    });
    holder.end();
    waiter.end();
    await Promise.all([held, waited]);
    expect(scheduler.usage().busy).toBe(0);
  });

  it('leave nothing behind on the signal of whoever waited', async () => {
    const scheduler = createScheduler({ slots: 1, queueMax: 10 });
    const holder = work();
    const { signal } = new AbortController();
    const held = scheduler.withSlot(scope, never, holder.run);
    const waited = scheduler.withSlot(scope, signal, async () => {});
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    holder.end();
    await Promise.all([held, waited]);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});
