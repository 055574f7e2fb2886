/** What every implementation of `Blobs` must do. */

import { expect, it } from 'vitest';
import { type BlobEntry, type Blobs, blobKey } from './blobs.ts';

const key = blobKey({ tenantId: 'ten_1', documentId: 'doc_1', version: 1 });
const otherVersion = blobKey({ tenantId: 'ten_1', documentId: 'doc_1', version: 2 });
const otherTenant = blobKey({ tenantId: 'ten_2', documentId: 'doc_1', version: 1 });

/** Registers the suite; `make` returns an empty store for each test. */
export function blobsConformance(make: () => Promise<Blobs>): void {
  it('gives back exactly the bytes that were put', async () => {
    const blobs = await make();
    const bytes = Uint8Array.from({ length: 100_000 }, (_, index) => (index * 7) % 256);
    await blobs.put(key, bytes);
    expect(Buffer.from((await blobs.get(key)) ?? []).equals(bytes)).toBe(true);
  });

  it('keeps empty bytes apart from none', async () => {
    const blobs = await make();
    await blobs.put(key, new Uint8Array());
    expect((await blobs.get(key))?.length).toBe(0);
    expect(await blobs.get(otherVersion)).toBeUndefined();
  });

  it('keeps versions and tenants apart', async () => {
    const blobs = await make();
    await blobs.put(key, Uint8Array.of(1));
    await blobs.put(otherVersion, Uint8Array.of(2));
    await blobs.put(otherTenant, Uint8Array.of(3));
    await blobs.remove(key);
    expect(await blobs.get(key)).toBeUndefined();
    expect([...((await blobs.get(otherVersion)) ?? [])]).toEqual([2]);
    expect([...((await blobs.get(otherTenant)) ?? [])]).toEqual([3]);
  });

  it('replaces what a key held', async () => {
    const blobs = await make();
    await blobs.put(key, Uint8Array.of(1, 2, 3));
    await blobs.put(key, Uint8Array.of(9));
    expect([...((await blobs.get(key)) ?? [])]).toEqual([9]);
  });

  it('removes what is absent without complaint', async () => {
    const blobs = await make();
    await expect(blobs.remove(key)).resolves.toBeUndefined();
  });

  it('lists every key with the time it was put', async () => {
    const blobs = await make();
    expect(await entriesOf(blobs)).toEqual([]);
    const beforeMs = Date.now() - 2000;
    await blobs.put(key, Uint8Array.of(1));
    await blobs.put(otherTenant, Uint8Array.of(2));
    const entries = await entriesOf(blobs);
    expect(entries.map((entry) => entry.key).sort()).toEqual([key, otherTenant].sort());
    for (const { modifiedAtMs } of entries) expect(modifiedAtMs).toBeGreaterThan(beforeMs);
  });

  it('refuses whatever is not a key', async () => {
    const blobs = await make();
    for (const text of [
      '',
      'ten_1/doc_1',
      '../ten_1/doc_1/1',
      'ten_1/../1',
      'ten_1/doc_1/0',
      'ten_1/doc_1/1/2',
      'TEN/doc_1/1',
    ]) {
      await expect(blobs.put(text, Uint8Array.of(1))).rejects.toThrow('not a key');
      await expect(blobs.get(text)).rejects.toThrow('not a key');
    }
  });
}

async function entriesOf(blobs: Blobs): Promise<BlobEntry[]> {
  const entries: BlobEntry[] = [];
  for await (const entry of blobs.list()) entries.push(entry);
  return entries;
}
