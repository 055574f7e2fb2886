import { describe, expect, it } from 'vitest';
import { AppError } from '../errors.ts';
import { createGroupCommit, type GroupCommitOptions } from './group-commit.ts';

/** A group commit whose writes are recorded and can be held up. */
function recording(options: Partial<GroupCommitOptions<number>> = {}) {
  const commits: number[][] = [];
  const group = createGroupCommit<number>({
    commit: async (items) => {
      commits.push([...items]);
    },
    delayMs: 0,
    batchMax: 100,
    attemptsMax: 1,
    queueMax: 1000,
    ...options,
  });
  return { group, commits };
}

const outcomesOf = async (added: Promise<void>[]) =>
  (await Promise.allSettled(added)).map((one) => (one.status === 'fulfilled' ? 'durable' : one.reason.message));

describe('a group commit', () => {
  it('shares one transaction among those who come while another one runs, in order, up to the bound', async () => {
    const first = Promise.withResolvers<void>();
    const commits: number[][] = [];
    const { group } = recording({
      batchMax: 10,
      commit: async (items) => {
        commits.push([...items]);
        if (commits.length === 1) await first.promise;
      },
    });
    const added = Array.from({ length: 26 }, (_, index) => group.add(index));
    expect(group.pending()).toBe(26);
    first.resolve();
    expect(new Set(await outcomesOf(added))).toEqual(new Set(['durable']));
    expect(commits.flat()).toEqual(added.map((_, index) => index));
    expect(Math.max(...commits.map(({ length }) => length))).toBeLessThanOrEqual(10);
    expect(group.pending()).toBe(0);
  });

  it('waits for company as long as it may, and not when there is enough', async () => {
    const { group, commits } = recording({ delayMs: 5, batchMax: 3 });
    await Promise.all([group.add(1), Promise.resolve().then(() => group.add(2))]);
    expect(commits).toEqual([[1, 2]]);
  });

  it('says durable only after the commit', async () => {
    const commit = Promise.withResolvers<void>();
    const { group } = recording({ commit: () => commit.promise });
    let isDurable = false;
    const added = group.add(1).then(() => {
      isDurable = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect([isDurable, group.pending()]).toEqual([false, 1]);
    commit.resolve();
    await added;
    expect([isDurable, group.pending()]).toEqual([true, 0]);
  });

  it('keeps a bad item from taking others with it', async () => {
    const { group, commits } = recording({
      delayMs: 1,
      commit: async (items) => {
        if (items.includes(3)) throw new Error('three is bad');
        commits.push([...items]);
      },
    });
    const outcomes = await outcomesOf([1, 2, 3, 4, 5].map((item) => group.add(item)));
    expect(outcomes).toEqual(['durable', 'durable', 'three is bad', 'durable', 'durable']);
    expect(commits.flat().sort()).toEqual([1, 2, 4, 5]);
  });

  it('tries again while the database is away, and gives up after its tries, for all items at once', async () => {
    let tries = 0;
    const away = () => {
      tries += 1;
      return Promise.reject(new AppError('dependency_unavailable', { detail: 'away' }));
    };
    const { group } = recording({ delayMs: 1, attemptsMax: 2, commit: away });
    expect(await outcomesOf([1, 2, 3].map((item) => group.add(item)))).toEqual(['away', 'away', 'away']);
    expect(tries).toBe(2);

    tries = 0;
    const { group: recovering } = recording({
      attemptsMax: 2,
      commit: () => (tries === 0 ? away() : Promise.resolve()),
    });
    await recovering.add(1);
    expect(tries).toBe(1);
  });

  it('tries nothing again that the database refused', async () => {
    let tries = 0;
    const { group } = recording({
      attemptsMax: 5,
      commit: async () => {
        tries += 1;
        throw new Error('refused');
      },
    });
    await expect(group.add(1)).rejects.toThrow('refused');
    expect(tries).toBe(1);
  });

  it('works on after a failure', async () => {
    let isBad = true;
    const { group } = recording({ commit: () => (isBad ? Promise.reject(new Error('bad')) : Promise.resolve()) });
    await expect(group.add(1)).rejects.toThrow('bad');
    isBad = false;
    await expect(group.add(2)).resolves.toBeUndefined();
  });

  it('refuses more than may wait, and loses none of those that do', async () => {
    const commit = Promise.withResolvers<void>();
    const { group } = recording({ batchMax: 2, queueMax: 5, commit: () => commit.promise });
    const added = Array.from({ length: 10 }, (_, index) => group.add(index));
    commit.resolve();
    const outcomes = await outcomesOf(added);
    const refused = outcomes.filter((outcome) => outcome !== 'durable');
    expect(refused.length).toBeGreaterThan(0);
    expect(new Set(refused)).toEqual(new Set(['Too many records wait for the database.']));
    expect(outcomes.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => 'durable'));
  });

  it('drains: nothing is pending afterwards, whether it went well or not', async () => {
    const { group } = recording({
      delayMs: 1,
      commit: async (items) => {
        if (items.includes(2)) throw new Error('bad');
      },
    });
    const outcomes = outcomesOf([1, 2, 3].map((item) => group.add(item)));
    await group.drain();
    expect(group.pending()).toBe(0);
    expect(await outcomes).toEqual(['durable', 'bad', 'durable']);
    await group.drain();
  });
});
