/**
 * Plants each bug of planted-bugs.ts in a copy of the kernel and the simulation, and demands that its check finds it:
 * `npm run sim:bugs -- [PART OF A NAME…]`. Ends with 1 when one was not found.
 */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PlantedBug, plantedBugs } from './planted-bugs.ts';

/** Episodes in which a bug must be found. */
const episodes = 4000;
const folders = ['src/scheduler/kernel', 'sim'];

const server = join(import.meta.dirname, '..');
const wanted = process.argv.slice(2);
const chosen = plantedBugs.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
const copy = mkdtempSync(join(tmpdir(), 'genai-planted-'));
let missed = 0;
try {
  writeFileSync(join(copy, 'package.json'), '{ "type": "module" }');
  for (const folder of folders) cpSync(join(server, folder), join(copy, folder), { recursive: true });
  for (const bug of chosen) {
    const finding = findingOf(bug);
    if (finding === undefined) missed += 1;
    console.log(
      `${finding === undefined ? 'MISSED' : 'found '} ${bug.breaks.padEnd(3)} ${bug.name}\n           ${finding ?? ''}`,
    );
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
console.log(`${chosen.length - missed} of ${chosen.length} bugs were found, each by its own check`);
process.exitCode = missed === 0 ? 0 : 1;

/** The seed that showed a bug, and what its check said. */
function findingOf({ file, find, replace, breaks }: PlantedBug): string | undefined {
  const path = join(copy, file);
  const text = readFileSync(path, 'utf8');
  if (text.split(find).length !== 2) return undefined;
  writeFileSync(
    path,
    text.replace(find, () => replace),
  );
  const args = [join(copy, 'sim/main.ts'), '--episodes', String(episodes), '--only', breaks];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  writeFileSync(path, text);
  const [, seed, violation] = /--seed (\d+)\n\s*(.+)/.exec(stderr) ?? [];
  return status === 1 && seed !== undefined ? `seed ${seed}: ${violation}` : undefined;
}
