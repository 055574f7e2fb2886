import { describe, expect, it } from 'vitest';
import { createTenantVault } from '../vault/index.ts';
import { blindQuery, blindVector, createBlinder } from './blind-words.ts';

const acme = createTenantVault('ten_acme', [{ version: 1, key: new Uint8Array(32).fill(1) }], 'confidential');
const globex = createTenantVault('ten_globex', [{ version: 1, key: new Uint8Array(32).fill(2) }], 'confidential');
const vector = `'budget':2,9 'o''neil':4 'path\\\\to':6A 'salari':1`;

describe('blinded words', () => {
  it('keeps places and weights and shows no word', () => {
    const blinded = blindVector(vector, createBlinder(acme));
    expect(blinded.split(' ').map((entry) => entry.split(':')[1])).toEqual(['2,9', '4', '6A', '1']);
    for (const word of ['budget', 'neil', 'path', 'salari']) expect(blinded).not.toContain(word);
  });

  it('gives a word the same digest in a text and in a question', () => {
    const inText = blindVector(`'salari':1`, createBlinder(acme)).split(':')[0];
    expect(blindQuery(`'salari':7`, createBlinder(acme))).toBe(inText);
  });

  it('gives a word another digest under another tenant', () => {
    expect(blindVector(vector, createBlinder(acme))).not.toBe(blindVector(vector, createBlinder(globex)));
  });

  it('asks for any of the words, and for nothing when there is none', () => {
    expect(blindQuery(vector, createBlinder(acme))?.split(' | ')).toHaveLength(4);
    expect(blindQuery('', createBlinder(acme))).toBeUndefined();
  });
});
