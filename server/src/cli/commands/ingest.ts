/** `genai ingest`: a folder of files into a collection, with a progress bar. */

import { resolve } from 'node:path';
import cliProgress from 'cli-progress';
import type { Command } from 'commander';
import type { Classification } from '../../context.ts';
import type { ConnectionOptions } from '../connection.ts';
import { CommandError } from '../failures.ts';
import { defaultInclude, type FoundFile, findFiles } from '../find-files.ts';
import { classificationOption, count, repeated, withTenantServer } from '../options.ts';
import { printable, tableText } from '../output.ts';
import type { Shell } from '../shell.ts';
import { type FileOutcome, uploadFiles } from '../upload.ts';

interface IngestOptions extends ConnectionOptions {
  readonly collection?: string;
  readonly classification?: Classification;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly concurrency: number;
  readonly dryRun?: boolean;
}

/** Adds `ingest`. */
export function addIngest(program: Command, { output, tenantApi, surroundings }: Shell): void {
  withTenantServer(program.command('ingest').description('upload a folder and wait until it can be asked about'))
    .argument('<folder>', 'folder with documents; hidden files and links are left out')
    .option('--collection <name>', 'collection to put them in, by name or id')
    .addOption(classificationOption())
    .option('--include <glob>', `files to take; may be repeated (default: ${defaultInclude.join(' ')})`, repeated)
    .option('--exclude <glob>', 'files or folders to leave out; may be repeated', repeated)
    .option('--concurrency <n>', 'uploads at once', count(1, 16), 2)
    .option('--dry-run', 'only list what would be uploaded')
    .action(async (directory: string, given: IngestOptions) => {
      const { collection, classification, concurrency, dryRun, ...options } = given;
      const { include = defaultInclude, exclude = [] } = given;
      const folder = resolve(directory);
      const files = await findFiles(folder, { include, exclude });
      if (dryRun === true) return output.result({ files }, () => fileTable(files));
      const api = tenantApi(options, 'analyst');

      const bars = progressBars(surroundings.stderr, files.length);
      const outcomes = await uploadFiles(files, {
        ...{ api, folder, concurrency, labels: { collection, classification } },
        onUploaded: bars.uploaded,
        onFinal: bars.indexed,
      }).finally(bars.stop);
      const summary = summaryOf(outcomes);
      output.result({ summary, files: outcomes }, () => summaryText(outcomes, summary));
      if (summary.failed > 0) throw new CommandError('partial', `${summary.failed} of ${files.length} files failed.`);
    });
}

/** Two bars where there is a terminal to see them, else nothing. */
function progressBars(stream: Shell['surroundings']['stderr'], total: number) {
  if (stream.isTTY !== true || total === 0) return { uploaded: () => {}, indexed: () => {}, stop: () => {} };
  const bars = new cliProgress.MultiBar({ stream, format: '{step} [{bar}] {value}/{total} {file}' });
  const uploading = bars.create(total, 0, { step: 'uploading', file: '' });
  const indexing = bars.create(total, 0, { step: 'indexing ', file: '' });
  return {
    uploaded: (path: string) => uploading.increment({ file: printable(path) }),
    indexed: (path: string) => indexing.increment({ file: printable(path) }),
    stop: () => bars.stop(),
  };
}

function summaryOf(outcomes: readonly FileOutcome[]) {
  const countOf = (status: FileOutcome['status']) => outcomes.filter((outcome) => outcome.status === status).length;
  return {
    files: outcomes.length,
    indexed: countOf('indexed'),
    unchanged: countOf('unchanged'),
    failed: countOf('failed'),
  };
}

function summaryText(outcomes: readonly FileOutcome[], summary: ReturnType<typeof summaryOf>): string {
  const failures = outcomes.filter(({ status }) => status === 'failed');
  const rows = failures.map(({ path, error }) => [path, error?.code ?? null, error?.detail ?? null]);
  const table = rows.length === 0 ? '' : `\n${tableText(['FAILED', 'CODE', 'WHY'], rows)}`;
  const { files, indexed, unchanged, failed } = summary;
  return `${files} files: ${indexed} indexed, ${unchanged} unchanged, ${failed} failed\n${table}`;
}

function fileTable(files: readonly FoundFile[]): string {
  return tableText(
    ['FILE', 'BYTES'],
    files.map(({ path, sizeBytes }) => [path, sizeBytes]),
  );
}
