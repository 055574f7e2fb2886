/** Schemathesis, the fuzzer of OpenAPI descriptions, from PyPI in a Python environment of its own. */

import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const version = '4.32.5';
const environment = join(import.meta.dirname, '../../../node_modules/.cache/schemathesis');
const command = join(environment, 'bin', 'schemathesis');
const runTimeoutMs = 60 * 60_000;

/** What a run found, as its own report says; see the tool's documentation of `--report json`. */
export interface FuzzReport {
  readonly seed: number;
  readonly operations: { readonly tested: number };
  readonly test_cases: { readonly generated: number };
  readonly failures: readonly {
    readonly type: string;
    readonly title: string;
    readonly count: number;
    readonly operations: readonly string[];
  }[];
  readonly errors: readonly unknown[];
}

/** What to fuzz, and as whom. */
export interface FuzzOptions {
  readonly documentUrl: string;
  readonly credential: string;
  readonly checks: readonly string[];
  /** Cases that are made for each operation at most. */
  readonly examplesMax: number;
  readonly seed: number;
  /** More arguments of the command, such as those that choose operations. */
  readonly selection: readonly string[];
}

/** Installs the pinned version unless it is there. Needs python3 with its venv module. */
export function provideSchemathesis(progress: (line: string) => void): void {
  if (existsSync(command) && execFileSync(command, ['--version'], { encoding: 'utf8' }).includes(version)) return;
  progress(`installing schemathesis ${version} from PyPI (about 60 MB)`);
  mkdirSync(environment, { recursive: true });
  execFileSync('python3', ['-m', 'venv', environment]);
  execFileSync(join(environment, 'bin', 'pip'), ['install', '--quiet', `schemathesis==${version}`]);
}

/** Runs it to the end. Throws when it did not get as far as a report. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const folder = mkdtempSync(join(tmpdir(), 'genai-fuzz-'));
  const reportPath = join(folder, 'report.json');
  const args = [
    'run',
    options.documentUrl,
    ...['--header', `Authorization: Bearer ${options.credential}`],
    ...['--checks', options.checks.join(',')],
    ...['--phases', 'coverage,fuzzing,stateful'],
    ...['--max-examples', String(options.examplesMax)],
    ...['--seed', String(options.seed)],
    ...['--report', 'json', '--report-json-path', reportPath],
    ...['--continue-on-failure', '--no-shrink', '--warnings', 'off'],
    ...options.selection,
  ];
  try {
    const output = await new Promise<string>((resolve) => {
      // Its exit code says whether something was found; so does the report.
      execFile(command, args, { cwd: folder, timeout: runTimeoutMs, maxBuffer: 2 ** 28 }, (_error, stdout, stderr) =>
        resolve(stdout + stderr),
      );
    });
    if (!existsSync(reportPath)) throw new Error(`Schemathesis made no report:\n${output}`);
    const report = JSON.parse(readFileSync(reportPath, 'utf8')) as FuzzReport;
    if (report.failures.length + report.errors.length > 0) console.error(output);
    return report;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
