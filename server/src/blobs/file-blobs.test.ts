import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { blobsConformance } from './blobs.conformance.ts';
import { createFileBlobs } from './file-blobs.ts';

const folders: string[] = [];

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'genai-blobs-'));
  folders.push(folder);
  return folder;
}

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

describe('file blobs', () => {
  blobsConformance(async () => createFileBlobs(join(await newFolder(), 'blobs')));

  it('leaves nothing half-written behind a failed put', async () => {
    const folder = await newFolder();
    const blobs = createFileBlobs(folder);
    // A folder in the place of the file makes the final rename fail.
    await blobs.put('ten_1/doc_2/1', Uint8Array.of(1));
    await mkdir(join(folder, 'ten_1', 'doc_1.1', 'occupied'), { recursive: true });
    await expect(blobs.put('ten_1/doc_1/1', Uint8Array.of(1))).rejects.toThrow();
    expect((await readdir(join(folder, 'ten_1'))).sort()).toEqual(['doc_1.1', 'doc_2.1']);
  });

  it('lists and removes what a crash left half-written', async () => {
    const folder = await newFolder();
    const blobs = createFileBlobs(folder);
    await blobs.put('ten_1/doc_1/1', Uint8Array.of(1));
    await writeFile(join(folder, 'ten_1', 'doc_2.1.part'), 'half');
    await writeFile(join(folder, 'ten_1', 'notes.txt'), 'not ours');
    const keys: string[] = [];
    for await (const { key } of blobs.list()) keys.push(key);
    expect(keys.sort()).toEqual(['ten_1/doc_1/1', 'ten_1/doc_2/1']);
    await blobs.remove('ten_1/doc_2/1');
    expect((await readdir(join(folder, 'ten_1'))).sort()).toEqual(['doc_1.1', 'notes.txt']);
  });

  it('lets nobody but the owner of the process read', async () => {
    const folder = join(await newFolder(), 'blobs');
    await createFileBlobs(folder).put('ten_1/doc_1/1', Uint8Array.of(1));
    expect((await stat(join(folder, 'ten_1'))).mode & 0o077).toBe(0);
    expect((await stat(join(folder, 'ten_1', 'doc_1.1'))).mode & 0o077).toBe(0);
  });
});
