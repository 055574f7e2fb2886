import { describe, expect, it } from 'vitest';
import { runEpisode } from './episode.ts';

/** Enough to see that everything works; `make sim` runs a hundred thousand. */
const episodes = process.env['GENAI_TEST_LONG'] === '1' ? 2000 : 60;

describe('an episode', () => {
  it('violates no invariant, whatever befalls the pods', { timeout: 600_000 }, () => {
    for (let seed = 1; seed <= episodes; seed++) {
      const { violations } = runEpisode(seed);
      expect(violations, `npm run sim -- --seed ${seed}`).toEqual([]);
    }
  });

  it('is the same for the same seed', () => {
    expect(runEpisode(7)).toEqual(runEpisode(7));
    expect(runEpisode(7).steps).not.toBe(runEpisode(8).steps);
  });

  it('has steps, jobs and faults', () => {
    const { steps, jobs, faults } = runEpisode(3);
    for (const count of [steps, jobs, faults]) expect(count).toBeGreaterThan(0);
  });
});
