/**
 * Words that nobody could guess, planted in a tenant, and the search for them in whatever others get to see.
 *
 * A planted word is found as it is, in any case, and in base64 and hexadecimal at any offset; an id or secret as it is.
 */

import { randomBytes } from 'node:crypto';

/** What a planted value is; operators legitimately see the names and slugs of tenants, and ids in what concerns security. */
export type CanaryKind = 'content' | 'secret' | 'id' | 'tenant';

/** Something that others must not see. */
export interface Canary {
  readonly text: string;
  readonly kind: CanaryKind;
  /** For people: where it was planted. */
  readonly what: string;
}

/** The planted values of one tenant. */
export interface Canaries {
  /** A new word, remembered as content. */
  readonly word: (what: string, kind?: CanaryKind) => string;
  readonly add: (canary: Canary) => void;
  /** Those of some kinds that stand in a text, other than those that were sent with the question. */
  readonly foundIn: (text: string, kinds: readonly CanaryKind[], sent?: string) => readonly Canary[];
  /** No longer looks for what stands in a text, for whoever is searched was made to hold it. */
  readonly retire: (text: string) => void;
  readonly count: () => number;
}

/** Shorter values stand in texts by chance. */
const lengthMin = 8;

/** Makes canaries whose words begin with a mark of their own, 10 letters and digits. */
export function createCanaries(): Canaries {
  const mark = `zq${randomBytes(5).toString('hex').slice(0, 8)}`;
  const encodedMarks = encodingsOf(mark);
  const canaries = new Map<string, Canary>();
  let planted = 0;

  return {
    word(what, kind = 'content') {
      const text = `${mark}${randomBytes(6).toString('hex')}`;
      canaries.set(text, { text, kind, what });
      planted += 1;
      return text;
    },
    add(canary) {
      const text = canary.text.toLowerCase();
      if (text.length < lengthMin || canaries.has(text)) return;
      canaries.set(text, { ...canary, text });
      planted += 1;
    },
    foundIn(text, kinds, sent = '') {
      const [seen, told] = [text.toLowerCase(), sent.toLowerCase()];
      const found = [...canaries.values()].filter(
        (canary) => kinds.includes(canary.kind) && seen.includes(canary.text) && !told.includes(canary.text),
      );
      const isEncoded =
        found.length === 0 && kinds.includes('content') && encodedMarks.some((one) => text.includes(one));
      return isEncoded ? [{ text: mark, kind: 'content', what: 'a planted word, encoded' }] : found;
    },
    retire(text) {
      for (const one of canaries.keys()) if (text.toLowerCase().includes(one)) canaries.delete(one);
    },
    count: () => planted,
  };
}

/** How a word looks in the middle of something encoded: in hexadecimal, and in base64 at its three offsets. */
function encodingsOf(word: string): readonly string[] {
  const base64 = [0, 1, 2].map((offset) => {
    const text = Buffer.from(`${'\u0000'.repeat(offset)}${word}`).toString('base64url');
    // The first and last letters depend on what stands beside the word.
    return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + word.length) * 8) / 6));
  });
  const hex = Buffer.from(word).toString('hex');
  return [hex, hex.toUpperCase(), ...base64];
}
