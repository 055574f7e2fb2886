/**
 * Words that can be searched and not read.
 *
 * PostgreSQL stems the text; each stem is then replaced by a keyed digest, so that the index of a stolen database names
 * no word, and equal words of two tenants look unrelated. Positions stay, for ranking by proximity. What still shows is
 * how often a word occurs and in which passages.
 */

import type { TenantVault } from '../vault/index.ts';

/** 64 bits: two of a million words of a tenant collide with a probability below 1 in 10 million. */
const digestBytes = 8;

/** One stem of a text and the places where it stands, as PostgreSQL writes them: `3,17`. */
interface Stem {
  /** Kept in the escaped form of PostgreSQL, which names the word as well as the plain one. */
  readonly word: string;
  readonly positions: string;
}

/** Replaces words by digests; remembers them, since a document repeats its words. */
export type Blinder = (word: string) => string;

/** A blinder for texts of one tenant; lives as long as the work on one document or question. */
export function createBlinder(box: TenantVault): Blinder {
  const known = new Map<string, string>();
  return (word) => {
    const before = known.get(word);
    if (before !== undefined) return before;
    const digest = box.digest('lexeme', word).subarray(0, digestBytes);
    const blinded = Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).toString('base64url');
    known.set(word, blinded);
    return blinded;
  };
}

/** The blinded form of a tsvector, both in the text form of PostgreSQL. */
export function blindVector(vector: string, blind: Blinder): string {
  return stemsOf(vector)
    .map(({ word, positions }) => `'${blind(word)}':${positions}`)
    .join(' ');
}

/** A tsquery that matches passages with any word of a tsvector, or `undefined` when that holds no word. */
export function blindQuery(vector: string, blind: Blinder): string | undefined {
  const words = stemsOf(vector).map(({ word }) => `'${blind(word)}'`);
  return words.length === 0 ? undefined : words.join(' | ');
}

function stemsOf(vector: string): Stem[] {
  return [...vector.matchAll(/'((?:[^'\\]|''|\\\\)*)':([0-9,A-D]+)/g)].map(([, word = '', positions = '']) => ({
    word,
    positions,
  }));
}
