/**
 * The embedded data folder as one archive, and back.
 *
 * Files are copied as they lie, under the lock of the folder: no database has to start, and none of a newer version
 * touches them first. A restored folder gets to its place whole, after its database was opened once, or not at all.
 */

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import type { AuditEvent } from '../audit/index.ts';
import type { Config } from '../config/index.ts';
import { lockFolder } from '../db/index.ts';
import { keyFilePath } from '../settings.ts';
import { type Manifest, readArchive, writeArchive } from './archive.ts';
import { CommandError } from './failures.ts';
import { openOffline } from './offline.ts';

/** A backup that was made. */
export interface Backup extends Pick<Manifest, 'version' | 'created_at' | 'encryption_key'> {
  readonly file: string;
  readonly key_file: string;
  readonly files: number;
  /** Before compression. */
  readonly bytes: number;
}

/** The lock on the folder belongs to whoever holds it, not to the data. */
const isLockFile = (path: string) => /^lock(?:$|[.-])/.test(path);

/** Saves the data folder into a new file. @throws {CommandError}, {SetupError} when a server uses the folder. */
export async function backUp(config: Config, file: string): Promise<Backup> {
  const { dataDir } = config.server;
  assertEmbedded(config);
  assertTarget(file, dataDir);
  const keyFile = keyFilePath(config);
  const facts = {
    version: packageJson.version,
    created_at: new Date().toISOString(),
    encryption_key: keyFile.startsWith(dataDir + sep) ? 'included' : 'elsewhere',
  } as const;
  const part = `${file}.${process.pid}.part`;
  try {
    const { files } = await underLock(dataDir, () => writeArchive(dataDir, part, facts, (path) => !isLockFile(path)));
    const details = { files: files.length, encryption_key: facts.encryption_key };
    await recordAct(config, { action: 'backup.created', details });
    await rename(part, file);
    const bytes = files.reduce((sum, entry) => sum + entry.bytes, 0);
    return { ...facts, file, key_file: keyFile, files: files.length, bytes };
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

/** Makes the data folder of the settings from a backup. @throws {CommandError} when it exists and is not empty. */
export async function restore(config: Config, file: string) {
  const { dataDir } = config.server;
  assertEmbedded(config);
  if (!existsSync(file)) throw new CommandError('usage', `${file} does not exist.`);
  await assertVacant(dataDir);
  await mkdir(dirname(dataDir), { recursive: true });
  // Beside its place, so that it gets there by one rename.
  const draft = await mkdtemp(`${dataDir}.restoring-`);
  try {
    const { files, ...facts } = await readArchive(file, draft);
    const { version, created_at, encryption_key } = facts;
    const drafted = { ...config, server: { ...config.server, dataDir: draft } };
    await recordAct(drafted, { action: 'backup.restored', details: { version, created_at } });
    for (const name of (await readdir(draft)).filter(isLockFile)) await rm(join(draft, name));
    await rename(draft, dataDir);
    return { data_dir: dataDir, version, created_at, encryption_key, files: files.length };
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

async function underLock<T>(folder: string, fn: () => Promise<T>): Promise<T> {
  const unlock = lockFolder(folder);
  try {
    return await fn();
  } finally {
    unlock();
  }
}

async function recordAct(config: Config, act: Pick<AuditEvent, 'action' | 'details'>): Promise<void> {
  const offline = await openOffline(config);
  try {
    await offline.record(act);
  } finally {
    await offline.close();
  }
}

function assertTarget(file: string, dataDir: string): void {
  if (!existsSync(join(dataDir, 'database'))) {
    throw new CommandError('notConfigured', `${dataDir} holds no database.`, {
      fix: 'Set GENAI_DATA_DIR to the data folder of the server.',
    });
  }
  if (existsSync(file)) throw new CommandError('usage', `${file} exists.`, { fix: 'Choose a new name.' });
  if (file.startsWith(dataDir + sep)) {
    throw new CommandError('usage', `${file} lies in the data folder.`, { fix: 'Choose a place outside of it.' });
  }
}

async function assertVacant(dataDir: string): Promise<void> {
  const names = existsSync(dataDir) ? await readdir(dataDir) : [];
  // Tells of the server that uses the folder, if one does.
  if (names.includes('lock')) lockFolder(dataDir)();
  if (names.length === 0) return;
  throw new CommandError('usage', `${dataDir} is not empty.`, {
    fix: 'Move it away, or set GENAI_DATA_DIR to a new folder.',
  });
}

/** @throws {CommandError} on PostgreSQL, with how to save everything there. */
function assertEmbedded(config: Config): void {
  if (config.database.url === undefined) return;
  throw new CommandError('notConfigured', 'DATABASE_URL names PostgreSQL, which has tools of its own for this.', {
    fix: [
      'Save all of these, at one time:',
      '    the database   pg_dump --format=custom --file=genai.dump DATABASE (as a superuser, to pass row-level security)',
      '    its roles      pg_dumpall --roles-only --file=roles.sql',
      `    the documents  ${join(config.server.dataDir, 'blobs')}`,
      `    the key file   ${keyFilePath(config)} (apart from the others)`,
      '    the secrets    JWT_SECRET_KEY and API_KEY_PEPPER',
    ].join('\n'),
  });
}
