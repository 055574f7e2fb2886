import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mutants } from './isolation/mutants.ts';

const root = join(import.meta.dirname, '..');

describe('the list of deliberate holes', () => {
  it('has at least 15, each with a name of its own', () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
    expect(mutants.length).toBeGreaterThanOrEqual(15);
  });

  it.each(mutants)('fits the tree: $name', ({ file, find, replace, tests }) => {
    expect(readFileSync(join(root, file), 'utf8').split(find)).toHaveLength(2);
    expect(replace).not.toBe(find);
    for (const test of tests) expect(existsSync(join(root, test)), test).toBe(true);
  });
});
