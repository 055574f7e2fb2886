/**
 * An exclusive lock on a folder that the operating system releases when its holder dies, however it dies.
 *
 * Node has no flock, so the lock is an exclusive transaction on an empty SQLite file: a real file lock, gone with the
 * process, without stale files or heartbeats.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SetupError } from '../errors.ts';

/** The folder is in use by another process. */
export class FolderLockedError extends SetupError {
  override readonly name = 'FolderLockedError';
}

/** SQLite's code for a file that somebody else has locked. */
const sqliteBusy = 5;

/**
 * Locks a folder, creating it (mode 0700) when absent.
 * @returns a function that gives the lock back.
 * @throws {FolderLockedError} when another process, or this one, holds it; {SetupError} when the lock file cannot be used.
 */
export function lockFolder(folder: string): () => void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const holderFile = join(folder, 'lock.holder');
  const lockFile = join(folder, 'lock');
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(lockFile, { timeout: 0 });
    lock.exec('pragma locking_mode = exclusive; begin exclusive');
  } catch (error) {
    lock?.close();
    if ((error as { errcode?: number }).errcode !== sqliteBusy) {
      throw new SetupError(`${lockFile} cannot be locked. The folder must be writable and on a local disk.`, {
        cause: error,
      });
    }
    throw new FolderLockedError(
      `${folder} is in use by another server (process ${holderOf(holderFile)}). Stop it, or set GENAI_DATA_DIR to another folder.`,
      { cause: error },
    );
  }
  writeFileSync(holderFile, `${process.pid}\n`, { mode: 0o600 });
  return () => lock.close();
}

function holderOf(holderFile: string): string {
  try {
    return readFileSync(holderFile, 'utf8').trim();
  } catch {
    return 'unknown';
  }
}
