/**
 * Runs a benchmark: `npm run bench -- NAME [--quick] [--json]`.
 *
 * The last line of the output is the report, one JSON object. A full run also writes it to `results/`, with a plot. The
 * exit code is 0 when all goals are met, 1 when not, 2 when the name is unknown.
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Benchmark, judged, type Report } from './benchmark.ts';
import { barChart } from './support/bar-chart.ts';

const folder = import.meta.dirname;
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.bench.ts'))
  .map((file) => file.slice(0, -'.bench.ts'.length));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
});
const [name] = positionals;
if (name === undefined || !names.includes(name)) {
  console.error(`usage: npm run bench -- NAME [--quick] [--json]\nbenchmarks: ${names.join(', ')}`);
  process.exit(2);
}

const { benchmark } = (await import(`./${name}.bench.ts`)) as { benchmark: Benchmark };
const progress = (line: string) => console.error(values.json ? line : `  ${line}`);
const figures = await benchmark.run({ quick: values.quick, progress });
const report: Report = {
  name,
  commit: commit(),
  machine: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`,
  command: `npm run bench -- ${name}${values.quick ? ' --quick' : ''}`,
  figures,
  ...judged(figures, benchmark.goals),
};
if (!values.json) print(report);
if (!values.quick) save(report, benchmark.title);
console.log(JSON.stringify(report));
process.exitCode = report.met ? 0 : 1;

function commit(): string {
  const git = (...args: string[]) => execFileSync('git', ['-C', folder, ...args], { encoding: 'utf8' }).trim();
  return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain') === '' ? '' : '+changes'}`;
}

function print({ figures: measured, goals }: Report): void {
  for (const [figure, value] of Object.entries(measured)) console.log(`${figure.padEnd(32)} ${value}`);
  for (const { id, figure, reach, met } of goals) console.log(`${met ? 'met   ' : 'MISSED'} ${id}: ${figure} ${reach}`);
}

function save(report: Report, title: string): void {
  const results = join(folder, 'results');
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, `${report.name}.json`), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(
    join(results, `${report.name}.svg`),
    barChart(title, report.figures, `${report.command} · ${report.machine} · ${report.commit}`),
  );
}
