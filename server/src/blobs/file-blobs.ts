/**
 * Blobs as files: one folder per tenant, one file per version of a document.
 *
 * A file is written beside its place, synced and renamed into it, so a reader and a crash see the whole file or none.
 * What a crash leaves half-written is listed under its key like a file, so whoever collects orphans removes it too.
 */

import type { Dirent } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Blobs, blobKey, blobNameOf } from './blobs.ts';

/** Suffix of a file that is being written. */
const partSuffix = '.part';

/** Keeps blobs under `folder`, which is made (mode 0700) when absent. */
export function createFileBlobs(folder: string): Blobs {
  function pathOf(key: string): string {
    const { tenantId, documentId, version } = blobNameOf(key);
    return join(folder, tenantId, `${documentId}.${version}`);
  }

  async function* entries() {
    for (const tenant of await readFolder(folder)) {
      if (!tenant.isDirectory()) continue;
      for (const file of await readFolder(join(folder, tenant.name))) {
        const key = keyOf(tenant.name, file.name);
        const modifiedAtMs = await modificationTime(join(folder, tenant.name, file.name));
        if (key !== undefined && modifiedAtMs !== undefined) yield { key, modifiedAtMs };
      }
    }
  }

  return {
    async put(key, bytes) {
      const path = pathOf(key);
      const part = `${path}${partSuffix}`;
      await makeFolder(folder, dirname(path));
      try {
        await writeDurably(part, bytes);
        await rename(part, path);
      } catch (error) {
        await rm(part, { force: true });
        throw error;
      }
      await syncFolder(dirname(path));
    },
    async get(key) {
      return readFile(pathOf(key)).catch(undefinedWhenAbsent);
    },
    async remove(key) {
      const path = pathOf(key);
      await rm(`${path}${partSuffix}`, { force: true });
      await rm(path, { force: true });
    },
    list: entries,
  };
}

/** The key of a file, or `undefined` for a file that is none of ours. */
function keyOf(tenantId: string, fileName: string): string | undefined {
  const { documentId, version } =
    /^(?<documentId>[a-z0-9_]+)\.(?<version>[0-9]+)(?:\.part)?$/.exec(fileName)?.groups ?? {};
  if (documentId === undefined || version === undefined) return undefined;
  try {
    return blobKey({ tenantId, documentId, version: Number(version) });
  } catch {
    return undefined;
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes the tenant's folder; its own entry is synced too, or a power cut could take the folder with its files. */
async function makeFolder(root: string, tenantFolder: string): Promise<void> {
  const made = await mkdir(tenantFolder, { recursive: true, mode: 0o700 });
  if (made !== undefined) await syncFolder(root);
}

/** Makes renames within a folder durable. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function readFolder(path: string): Promise<Dirent[]> {
  return (await readdir(path, { withFileTypes: true }).catch(undefinedWhenAbsent)) ?? [];
}

async function modificationTime(path: string): Promise<number | undefined> {
  return (await stat(path).catch(undefinedWhenAbsent))?.mtimeMs;
}

function undefinedWhenAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
