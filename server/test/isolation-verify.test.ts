/** `genai isolation verify` against a whole server that does not leak: it covers everything, and signs what it found. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { SignedReport } from '../src/cli/isolation/report.ts';
import { startTestApp } from './support/app.ts';
import { runCommand } from './support/command-line.ts';
import { testDatabases } from './support/database.ts';

// One database of several: each is walled off by the same policies, which row-isolation.test.ts tries on all of them.
const database = testDatabases.at(-1);

it('covers every operation, finds nothing and signs its report', { timeout: 300_000 }, async () => {
  if (database === undefined) throw new Error('There is no database to test on.');
  const server = await startTestApp(database);
  try {
    const report = join(server.dataDir, 'report.json');
    const key = join(server.dataDir, 'report-key.pem');
    const environment = { GENAI_OPERATOR_KEY: server.firstRun.operator_key, GENAI_DATA_DIR: server.dataDir };
    const surroundings = { directory: server.dataDir, environment };
    const argv = ['--json', 'isolation', 'verify', '--url', server.baseUrl, '--report', report, '--sign-with', key];
    const { code, stdout } = await runCommand(argv, surroundings);
    const { operations, covered, leaks, findings } = JSON.parse(stdout) as SignedReport['report'];
    expect(findings).toEqual([]);
    expect({ code, covered, leaks }).toEqual({ code: 0, covered: operations, leaks: 0 });
    expect((await runCommand(['isolation', 'check-report', report], surroundings)).code).toBe(0);

    const signed = JSON.parse(readFileSync(report, 'utf8')) as SignedReport;
    writeFileSync(report, JSON.stringify({ ...signed, report: { ...signed.report, checks: 1 } }));
    expect((await runCommand(['isolation', 'check-report', report], surroundings)).code).toBe(9);
  } finally {
    await server.close();
  }
});
