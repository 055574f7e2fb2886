/** What every implementation of `Kms` must do. */

import { expect, it } from 'vitest';
import type { Kms } from './kms.ts';

const context = Buffer.from('data key of tenant 1');
const dataKey = Buffer.from(Array.from({ length: 32 }, (_, index) => index));

/** Registers the suite; `make` returns a service over one key, and `makeOther` one over another key. */
export function kmsConformance(make: () => Promise<Kms>, makeOther: () => Promise<Kms>): void {
  it('unwraps what it wrapped, and nothing of the key is readable meanwhile', async () => {
    const kms = await make();
    const wrapped = await kms.wrapKey(dataKey, context);
    expect(Buffer.from(wrapped).includes(dataKey)).toBe(false);
    expect(Buffer.from(await kms.unwrapKey(wrapped, context)).equals(dataKey)).toBe(true);
  });

  it('names its key, the same each time, and another key otherwise', async () => {
    expect((await make()).keyId).toBe((await make()).keyId);
    expect((await make()).keyId).not.toBe((await makeOther()).keyId);
  });

  it('refuses another context', async () => {
    const kms = await make();
    const wrapped = await kms.wrapKey(dataKey, context);
    await expect(kms.unwrapKey(wrapped, Buffer.from('data key of tenant 2'))).rejects.toThrow();
    await expect(kms.unwrapKey(wrapped, Buffer.alloc(0))).rejects.toThrow();
  });

  it('refuses what another key wrapped', async () => {
    const wrapped = await (await makeOther()).wrapKey(dataKey, context);
    await expect((await make()).unwrapKey(wrapped, context)).rejects.toThrow();
  });

  it('refuses a wrapped key with any byte altered', async () => {
    const kms = await make();
    const wrapped = await kms.wrapKey(dataKey, context);
    for (let index = 0; index < wrapped.length; index++) {
      const altered = Uint8Array.from(wrapped);
      altered[index] = (altered[index] ?? 0) ^ 1;
      await expect(kms.unwrapKey(altered, context)).rejects.toThrow();
    }
  });
}
