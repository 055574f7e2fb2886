import { describe, expect, it } from 'vitest';
import { idPrefixes, isId, newId } from './ids.ts';

const kinds = Object.keys(idPrefixes) as (keyof typeof idPrefixes)[];

describe('ids', () => {
  it('name their kind, and no two kinds share a prefix', () => {
    expect(new Set(Object.values(idPrefixes)).size).toBe(kinds.length);
    for (const kind of kinds) {
      const id = newId(kind);
      expect(kinds.filter((other) => isId(other, id))).toEqual([kind]);
    }
  });

  it('are unique and sort in the order they were made', () => {
    const ids = Array.from({ length: 5000 }, () => newId('audit'));
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort()).toEqual(ids);
  });

  it.each([
    '',
    'doc_',
    'doc_0192F4C8E0B17D0E9A5B3C1D2E3F4A5B',
    `doc_${'0'.repeat(33)}`,
    `doc_${'0'.repeat(32)}\n`,
    `xdoc_${'0'.repeat(32)}`,
  ])('are told from other text: %j', (text) => expect(isId('document', text)).toBe(false));
});
