/**
 * Simulates pods and their faults: `npm run sim -- [--seed N] [--episodes N] [--only I9] [--json]`.
 *
 * The same seed gives the same episode. Ends with 1 when an invariant was violated, and says how to see it again.
 * `--only I9` looks for violations of that one alone and stops at the first.
 */

import { parseArgs } from 'node:util';
import { runEpisode } from './episode.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    episodes: { type: 'string', default: '1' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const [first, episodes] = [Number(values.seed), Number(values.episodes)];
if (!Number.isInteger(first) || !Number.isInteger(episodes) || episodes < 1) {
  console.error('usage: npm run sim -- [--seed N] [--episodes N] [--only I9] [--json]');
  process.exit(2);
}

const total = { episodes: 0, steps: 0, jobs: 0, faults: 0, violations: 0 };
const startedMs = performance.now();
for (let seed = first; seed < first + episodes; seed++) {
  const { violations, steps, jobs, faults } = runEpisode(seed, values.only);
  total.episodes += 1;
  total.steps += steps;
  total.jobs += jobs;
  total.faults += faults;
  if (violations.length > 0) {
    total.violations += 1;
    console.error(`npm run sim -- --seed ${seed}`);
    for (const violation of violations) console.error(`  ${violation}`);
    if (values.only !== undefined) break;
  }
  if (total.episodes % 5000 === 0) console.error(`${total.episodes} of ${episodes} episodes`);
}
const report = { seed: first, ...total, seconds: Math.round((performance.now() - startedMs) / 100) / 10 };
if (values.json) console.log(JSON.stringify(report));
else for (const [name, value] of Object.entries(report)) console.log(`${name.padEnd(12)} ${value}`);
process.exitCode = total.violations === 0 ? 0 : 1;
