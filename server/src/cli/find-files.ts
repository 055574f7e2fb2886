/** Finds the files of a folder that are worth uploading. */

import { readdir, stat } from 'node:fs/promises';
import { join, matchesGlob } from 'node:path';
import { CommandError } from './failures.ts';

/** A file to upload. */
export interface FoundFile {
  /** Relative to the folder, with slashes. */
  readonly path: string;
  readonly sizeBytes: number;
}

/** Which files to take. A pattern without slash is held against the name alone; upper and lower case are the same. */
export interface FileFilter {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** What the server reads. */
export const defaultInclude: readonly string[] = ['*.{txt,text,log,rst,md,markdown,html,htm,xhtml,pdf}'];

/** Far more than anybody uploads at once; more is a mistake in the path. */
const filesMax = 100_000;

/**
 * Lists files below `folder` by path. What is hidden is left out, and links are not followed.
 * @throws {CommandError} when the folder is none, or holds too many files.
 */
export async function findFiles(folder: string, filter: FileFilter): Promise<readonly FoundFile[]> {
  const root = await stat(folder).catch(() => undefined);
  if (root?.isDirectory() !== true) throw new CommandError('usage', `${folder} is not a folder.`);
  const found: FoundFile[] = [];

  async function visit(below: string): Promise<void> {
    const entries = await readdir(join(folder, below), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.name.startsWith('.') || isAnyOf(filter.exclude, path)) continue;
      if (entry.isDirectory()) await visit(path);
      if (!entry.isFile() || !isAnyOf(filter.include, path)) continue;
      if (found.length === filesMax) throw new CommandError('usage', `${folder} holds more than ${filesMax} files.`);
      found.push({ path, sizeBytes: (await stat(join(folder, path))).size });
    }
  }

  await visit('');
  return found;
}

function isAnyOf(patterns: readonly string[], path: string): boolean {
  const whole = path.toLowerCase();
  const name = whole.slice(whole.lastIndexOf('/') + 1);
  return patterns.some((pattern) => matchesGlob(pattern.includes('/') ? whole : name, pattern.toLowerCase()));
}
