import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { plantedBugs } from './planted-bugs.ts';

it('are there for each invariant that the simulation checks', () => {
  const numbered = Array.from({ length: 16 }, (_, place) => `I${place + 1}`);
  expect(new Set(plantedBugs.map(({ breaks }) => breaks))).toEqual(new Set([...numbered, 'L1', 'L2', 'L3']));
  expect(new Set(plantedBugs.map(({ name }) => name)).size).toBe(plantedBugs.length);
});

it.each(plantedBugs)('fits the code: $name', ({ file, find, replace }) => {
  expect(readFileSync(join(import.meta.dirname, '..', file), 'utf8').split(find)).toHaveLength(2);
  expect(replace).not.toBe(find);
});
