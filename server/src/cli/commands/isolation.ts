/** `genai isolation`: proves on a running server that tenants cannot reach each other. */

import { type Command, Option } from 'commander';
import type { ConnectionOptions } from '../connection.ts';
import { CommandError } from '../failures.ts';
import type { Finding } from '../isolation/run.ts';
import type { Result } from '../isolation/verify.ts';
import { count, repeated, withServer } from '../options.ts';
import { tableText } from '../output.ts';
import type { Shell } from '../shell.ts';

interface VerifyFlags extends ConnectionOptions {
  readonly operation?: readonly string[];
  readonly logs?: readonly string[];
  readonly report: string;
  readonly signWith?: string;
  readonly keep?: boolean;
  readonly maxTime: number;
}

/** Adds `isolation verify` and `isolation check-report`. */
export function addIsolation(program: Command, shell: Shell): void {
  const { output } = shell;
  const group = program.command('isolation').description('prove that tenants of a server cannot reach each other');

  withServer(group.command('verify').description('make two tenants and let one try everything to reach the other'))
    .addOption(
      new Option('--operation <name>', 'try only this operation, and cover only part; may be repeated').argParser(
        repeated,
      ),
    )
    .addOption(new Option('--logs <file>', 'log file of the server to search too; may be repeated').argParser(repeated))
    .option('--report <file>', 'where the signed report is written', 'isolation-report.json')
    .option('--sign-with <file>', 'Ed25519 key that signs; by default one of your own, made at first use')
    .option('--keep', 'leave the two tenants as they are in the end')
    .option('--max-time <seconds>', 'give up after that long', count(10, 86_400), 900)
    .action(async (flags: VerifyFlags) => {
      const { verifyIsolation } = await import('../isolation/verify.ts');
      const { fingerprintOf, reportKey, reportKeyFile, signedReport, writeReport } = await import(
        '../isolation/report.ts'
      );
      const { url, key: operatorKey, timeoutMs } = shell.operatorServer(flags);
      const signingKey = reportKey(flags.signWith ?? reportKeyFile());
      const metricsToken = shell.inspectConfig().config.observability.metricsToken;
      const result = await untilInterrupted((signal) =>
        verifyIsolation({
          ...{ url, operatorKey, timeoutMs, signal, note: output.note, totalMs: flags.maxTime * 1000 },
          ...{ keep: flags.keep === true, logs: flags.logs ?? [], only: flags.operation ?? [] },
          ...(metricsToken === undefined ? {} : { metricsToken }),
        }),
      );
      const signed = signedReport(result, signingKey);
      writeReport(flags.report, signed);
      output.result(result, () => resultText(result));
      output.note(`signed report: ${flags.report}, key ${fingerprintOf(signed.signature)}`);
      judge(result);
    });

  group
    .command('check-report')
    .description('check the signature of a report, and tell what it says')
    .argument('<file>', 'the report')
    .action(async (file: string) => {
      const { checkedReport } = await import('../isolation/report.ts');
      const { report, fingerprint } = checkedReport(file);
      const { operations, covered, checks, leaks, server, started_at } = report;
      const told = { valid: true, fingerprint, server, started_at, operations, covered, checks, leaks };
      output.result(told, () =>
        tableText(['WHAT', 'VALUE'], rowsOf({ signature: 'valid', key: fingerprint, ...told, valid: 'yes' })),
      );
    });
}

/** Runs something that ends early at Ctrl-C or SIGTERM, in order. */
async function untilInterrupted<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, stop);
  try {
    return await run(controller.signal);
  } finally {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, stop);
  }
}

function rowsOf(facts: Readonly<Record<string, unknown>>): readonly (readonly string[])[] {
  return Object.entries(facts).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
}

function resultText(result: Result): string {
  const { operations, covered, only, checks, leaks, canaries, requests, seconds, findings } = result;
  const { covered_by_refusal, remains } = result;
  const facts = { operations, covered, checks, leaks, canaries, requests, seconds };
  const tried = only.length === 0 ? '' : `tried only: ${only.join(', ')}\n`;
  const refused = covered_by_refusal.map(
    ({ operation, needs, refusal }) => `${operation}: refused with ${refusal}, as it says it does without ${needs}\n`,
  );
  const table = tableText(['KIND', 'OPERATION', 'PLACE', 'AS', 'WHAT'], findings.map(cellsOf));
  return `${tableText(['WHAT', 'COUNT'], rowsOf(facts))}\n${tried}${refused.join('')}${remains.join('\n')}\n${findings.length === 0 ? '' : `\n${table}`}`;
}

function cellsOf({ kind, operation, place, credential, message }: Finding): readonly (string | null)[] {
  return [kind, operation, place ?? null, credential ?? null, message];
}

/** @throws {CommandError} for a leak, and for an operation that was not covered. */
function judge({ leaks, operations, covered, only, findings }: Result): void {
  if (leaks > 0) throw new CommandError('findings', `${leaks} ${leaks === 1 ? 'leak' : 'leaks'} found.`);
  if (only.length > 0)
    throw new CommandError(
      'partial',
      `No leak was found, but only ${covered} of ${operations} operations were tried.`,
      {
        fix: 'Leave --operation out to cover all.',
      },
    );
  if (covered < operations || findings.length > 0)
    throw new CommandError(
      'partial',
      `No leak was found, but ${operations - covered} of ${operations} operations were not covered.`,
    );
}
