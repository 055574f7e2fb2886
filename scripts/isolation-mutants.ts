/**
 * Plants each hole of isolation/mutants.ts in a copy of the tree and runs the tests that must find it:
 * `isolation-mutants.ts [PART OF A NAME…]`, with the services of with-services.ts.
 *
 * A hole is found when a test fails, or when the server refuses to start over it. Ends with 1 when one was not found, or when
 * its text no longer stands in its file.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Mutant, mutants } from './isolation/mutants.ts';

const root = join(import.meta.dirname, '..');
const runTimeoutMs = 300_000;

/** What vitest reports, as far as it is read here. */
interface VitestReport {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

const [...wanted] = process.argv.slice(2);
const chosen = mutants.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
const copy = mkdtempSync(join(tmpdir(), 'genai-mutants-'));
let missed = 0;
try {
  copyTree();
  for (const mutant of chosen) {
    const startedMs = performance.now();
    const finding = findingOf(mutant);
    if (finding === undefined) missed += 1;
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    console.log(
      `${finding === undefined ? 'MISSED' : 'found '} ${mutant.name} (${seconds} s)\n         ${finding ?? ''}`,
    );
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
console.log(`${chosen.length - missed} of ${chosen.length} holes were found`);
process.exitCode = missed === 0 ? 0 : 1;

/** What is tracked, and the packages: linked where the file system allows it, since nothing here changes them. */
function copyTree(): void {
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' });
  for (const file of files.split('\n').filter((name) => name !== '' && existsSync(join(root, name)))) {
    cpSync(join(root, file), join(copy, file), { recursive: true });
  }
  for (const folder of ['node_modules', 'server/node_modules']) {
    if (!existsSync(join(root, folder))) continue;
    const args = (flags: string) => [flags, join(root, folder), dirname(join(copy, folder))];
    if (spawnSync('cp', args('-al'), { stdio: 'ignore' }).status !== 0) execFileSync('cp', args('-a'));
  }
}

/** How a hole was found; `undefined` when it was not. */
function findingOf(mutant: Mutant): string | undefined {
  const path = join(copy, mutant.file);
  const text = readFileSync(path, 'utf8');
  if (text.split(mutant.find).length !== 2) return undefined;
  writeFileSync(
    path,
    text.replace(mutant.find, () => mutant.replace),
  );
  try {
    return firstFailure(mutant.tests);
  } finally {
    writeFileSync(path, text);
  }
}

function firstFailure(tests: readonly string[]): string | undefined {
  const report = join(copy, 'report.json');
  rmSync(report, { force: true });
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', ...tests, '--reporter=json', `--outputFile=${report}`],
    { cwd: copy, encoding: 'utf8', timeout: runTimeoutMs, maxBuffer: 64 * 2 ** 20 },
  );
  const refusal = /The database does not keep tenants apart:\n\s*(.+)/.exec(stdout + stderr)?.[1];
  if (refusal !== undefined) return `refused at start: ${refusal}`;
  if (!existsSync(report)) return undefined;
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as VitestReport;
  const failed = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .find(({ status }) => status === 'failed');
  return failed === undefined ? undefined : `failed: ${failed.fullName}`;
}
