import { describe, expect, it } from 'vitest';
import { isAppError } from '../../../errors.ts';
import { createRemoteDocument } from './remote-document.ts';

const limits = { freshMs: 1000, staleMs: 5000, intervalMs: 100 };

/** A document over a clock and a server that a test moves. */
function document() {
  const world = { nowMs: 0, loads: 0, isAway: false };
  const load = async () => {
    world.loads += 1;
    await Promise.resolve();
    if (world.isAway) throw new Error('away');
    return world.loads;
  };
  return { world, it: createRemoteDocument(load, limits, () => world.nowMs) };
}
const isUnavailable = (error: unknown) => isAppError(error, 'dependency_unavailable');

describe('a document of somebody else’s server', () => {
  it('is asked for once by all who need it at the same moment, and again when it is no longer fresh', async () => {
    const { world, it: kept } = document();
    expect(await Promise.all([kept.get(), kept.get(), kept.renew()])).toEqual([1, 1, 1]);
    world.nowMs = 999;
    expect(await kept.get()).toBe(1);
    world.nowMs = 1000;
    expect(await kept.get()).toBe(2);
  });

  it('is never asked for more often than the limit says, whoever asks and whether or not it was there', async () => {
    const { world, it: kept } = document();
    for (world.nowMs = 0; world.nowMs < 1000; world.nowMs += 1) await kept.renew();
    expect(world.loads).toBe(10);
    world.isAway = true;
    for (; world.nowMs < 2000; world.nowMs += 1) await kept.renew();
    expect(world.loads).toBe(20);
  });

  it('serves for its time while the server is away, then fails until the server is back', async () => {
    const { world, it: kept } = document();
    await kept.get();
    world.isAway = true;
    world.nowMs = 4999;
    expect(await kept.get()).toBe(1);
    world.nowMs = 5200;
    await expect(kept.get()).rejects.toSatisfy(isUnavailable);
    world.isAway = false;
    world.nowMs = 5300;
    expect(await kept.get()).toBe(4);
  });

  it('fails for all who wait when it never was there, and says why in the cause', async () => {
    const { world, it: kept } = document();
    world.isAway = true;
    const results = await Promise.allSettled([kept.get(), kept.get()]);
    expect(results.every((result) => result.status === 'rejected' && isUnavailable(result.reason))).toBe(true);
    await expect(kept.get()).rejects.toMatchObject({ cause: new Error('away') });
  });

  it('is not held off by a clock that was set back', async () => {
    const { world, it: kept } = document();
    world.nowMs = 1_000_000;
    await kept.get();
    world.nowMs = 0;
    expect(await kept.renew()).toBe(2);
  });
});
