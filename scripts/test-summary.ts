/** Prints how a run of vitest ended, from its JSON report, as one line that any CI can read: `N passed, N failed`. */
import { readFileSync } from 'node:fs';

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  /** A file that could not even be loaded counts here and holds no test. */
  readonly numFailedTestSuites: number;
}

const [path = ''] = process.argv.slice(2);
const report: Report = JSON.parse(readFileSync(path, 'utf8'));
const failed = report.numFailedTests || report.numFailedTestSuites;
const skipped = report.numPendingTests > 0 ? `, ${report.numPendingTests} skipped` : '';
console.log(`${report.numPassedTests} passed, ${failed} failed${skipped}`);
