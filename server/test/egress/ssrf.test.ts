/**
 * No URL makes the server call an address that is not public, however it is written, named or reached. All calls are made
 * in a network namespace of its own, where listeners stand on every address there is.
 */

import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { canMakeNamespaces, runInNamespace } from '../support/namespace.ts';
import type { Outcome } from './inside.ts';
import { vectors } from './vectors.ts';

const isAble = canMakeNamespaces();
if (!isAble) console.warn('The corpus of forged requests was not run: it takes root on Linux, unshare and ip.');

describe.skipIf(!isAble)('forged requests', () => {
  let result: { readonly guarded: Outcome; readonly careless: Outcome; readonly controls: number };

  beforeAll(async () => {
    result = JSON.parse(await runInNamespace(join(import.meta.dirname, 'inside.ts')));
  }, 200_000);

  it('are many, and of each kind', () => {
    expect(vectors.length).toBeGreaterThanOrEqual(200);
    expect(new Set(vectors.map(({ name }) => name)).size).toBe(vectors.length);
  });

  it('make no connection to loopback, private, metadata or any other address that is not public', () => {
    expect(result.guarded).toMatchObject({ trapped: [], answered: [] });
  });

  it('do not keep the client from calling what is public', () => {
    expect(result.guarded.controlsAnswered).toBe(result.controls);
  });

  it('reach the traps when nobody checks, so that the traps prove something', () => {
    expect(result.careless.controlsAnswered).toBe(result.controls);
    const reached = new Set(result.careless.trapped.map((line) => line.split(': ')[0]));
    expect(reached.size).toBeGreaterThan(100);
  });
});
