/** The corpus of forged requests, to be run against everything that takes a URL from a user. */

import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../egress/inside.ts';
import { unbelievable, vectors } from '../egress/vectors.ts';
import { canMakeNamespaces, runInNamespace } from './namespace.ts';

const isAble = canMakeNamespaces();

/**
 * Sends the corpus through an entry of the product, in a network namespace where listeners stand on every address there is.
 *
 * @param entry full path of a module that exports `call(url, signal)`: it makes the product call the URL, resolves with the
 * text of the answer, and rejects with the AppError of a refusal. It is loaded inside the namespace, where no database is.
 */
export function describeForgedRequests(name: string, entry: string): void {
  if (!isAble) console.warn(`Forged requests were not sent to ${name}: it takes root on Linux, unshare and ip.`);

  describe.skipIf(!isAble)(`forged requests to ${name}`, () => {
    let result: { readonly guarded: Outcome; readonly careless: Outcome; readonly controls: number };

    beforeAll(async () => {
      const script = join(import.meta.dirname, '../egress/inside.ts');
      result = JSON.parse(await runInNamespace(script, entry));
    }, 200_000);

    it('are many, and of each kind', () => {
      expect(vectors.length).toBeGreaterThanOrEqual(200);
      expect(new Set(vectors.map((vector) => vector.name)).size).toBe(vectors.length);
    });

    it('make no connection to an address that is not public, and nobody believed who cannot prove their name', () => {
      expect(result.guarded).toMatchObject({ trapped: [], answered: [] });
    });

    it('do not keep it from calling what is public', () => {
      expect(result.guarded.controlsAnswered).toBe(result.controls);
    });

    it('reach the traps when nobody checks, so that the traps prove something', () => {
      expect(result.careless.controlsAnswered).toBe(result.controls);
      const reached = new Set(result.careless.trapped.map((line) => line.split(': ')[0]));
      expect(reached.size).toBeGreaterThan(100);
      expect(result.careless.answered).toEqual(expect.arrayContaining(unbelievable.map(({ name }) => name)));
    });
  });
}
