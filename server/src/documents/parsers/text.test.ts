import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseText } from './text.ts';

const limits = { pagesMax: 10, textCharactersMax: 1000 };
const bytes = (...parts: (string | number[])[]) =>
  new Uint8Array(parts.flatMap((part) => (typeof part === 'string' ? [...Buffer.from(part)] : part)));
const unreadable = (detail: RegExp) => ({ code: 'document_unreadable', detail: expect.stringMatching(detail) });

describe('parseText', () => {
  it('gives back the characters of the file, so that offsets are those of the file', async () => {
    const texts = fc.string({ unit: 'binary', minLength: 1, maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        fc.pre(/\S/.test(text) && !text.includes('\0') && !text.startsWith('\ufeff'));
        expect((await parseText(bytes(text), limits)).text).toBe(text);
      }),
    );
  });

  it('drops a byte order mark, and reads UTF-16 that has one', async () => {
    for (const file of [
      bytes([0xef, 0xbb, 0xbf], 'Grüße\r\n'),
      bytes([0xff, 0xfe], [...Buffer.from('Grüße\r\n', 'utf16le')]),
      bytes([0xfe, 0xff], [...Buffer.from('Grüße\r\n', 'utf16le').swap16()]),
    ]) {
      expect(await parseText(file, limits)).toEqual({ title: null, text: 'Grüße\r\n', pages: [], headings: [] });
    }
  });

  it('says where bytes are not UTF-8', async () => {
    const file = bytes('One\nTwo caf', [0xe9], ' three');
    await expect(parseText(file, limits)).rejects.toMatchObject(
      unreadable(/^Byte 11 \(line 2\) is not valid UTF-8\. Save/),
    );
    await expect(parseText(bytes([0xff], 'x'), limits)).rejects.toMatchObject(unreadable(/^Byte 0 \(line 1\)/));
    const late = bytes('line\n'.repeat(100_000), [0xc3, 0x28]);
    await expect(parseText(late, limits)).rejects.toMatchObject(unreadable(/^Byte 500000 \(line 100001\)/));
  });

  it('says when a file ends in the middle of a character', async () => {
    await expect(parseText(bytes('caf', [0xc3]), limits)).rejects.toMatchObject(unreadable(/cut off/));
    await expect(parseText(bytes([0xff, 0xfe, 0x41]), limits)).rejects.toMatchObject(unreadable(/cut off/));
  });

  it('refuses NUL characters, which no database keeps', async () => {
    await expect(parseText(bytes('One\nT\0wo'), limits)).rejects.toMatchObject(
      unreadable(/^Character 5 \(line 2\) is a NUL/),
    );
  });

  it('refuses what holds nothing but white space', async () => {
    for (const text of ['', ' \n\t\u00a0']) {
      await expect(parseText(bytes(text), limits)).rejects.toMatchObject({ code: 'document_empty' });
    }
  });

  it('accepts as many characters as the limit says and not one more, counted in code points', async () => {
    await expect(parseText(bytes('😀'.repeat(1000)), limits)).resolves.toBeDefined();
    await expect(parseText(bytes('x'.repeat(1001)), limits)).rejects.toMatchObject({
      code: 'document_too_complex',
      detail: expect.stringMatching(/1000 characters.*DOCUMENT_TEXT_CHARACTERS_MAX/),
    });
  });
});
