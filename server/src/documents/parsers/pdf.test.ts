import { describe, expect, it } from 'vitest';
import { readFixture } from '../__fixtures__/read-fixture.ts';
import { parsePdf } from './pdf.ts';

const limits = { pagesMax: 10, textCharactersMax: 100_000 };

async function pagesOf(name: string): Promise<string[]> {
  const { text, pages } = await parsePdf(readFixture(name), limits);
  return pages.map(({ start, end }) => Array.from(text).slice(start, end).join(''));
}

function damaged(name: string, damage: (bytes: Uint8Array) => Uint8Array): Promise<unknown> {
  return parsePdf(damage(readFixture(name)), limits);
}

describe('parsePdf', () => {
  it('reads each page of a file by groff, with its title, lines and paragraphs', async () => {
    const { title, pages, headings } = await parsePdf(readFixture('handbook.pdf'), limits);
    expect(title).toBe('Harbour Light Visitor Handbook');
    expect(pages.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
    expect(headings).toEqual([]);
    const texts = await pagesOf('handbook.pdf');
    expect(texts[0]).toContain('The tower opens at 09:15 and the last climb begins at 16:40. On Wednesdays');
    expect(texts[0]).toContain('The office keeps a flat file of affidavits');
    expect(texts[0]).toContain('the tower.\n\nOpening hours\nThe tower');
    expect(texts[1]).toContain('1. Buy the ticket at the kiosk beside the slipway.\n2. Show it at the iron door.');
    expect(texts[2]).toContain('Renée Lefèvre built\nthe present lens in 1887');
    expect(texts[3]).toContain('kept for 45 days');
  });

  it('lets only white space stand between pages, which cover the rest', async () => {
    const { text, pages } = await parsePdf(readFixture('handbook.pdf'), limits);
    expect(pages[0]?.start).toBe(0);
    expect(pages.at(-1)?.end).toBe(text.length);
    pages.slice(1).forEach((page, index) => {
      expect(text.slice(pages[index]?.end, page.start)).toBe('\n\n');
    });
  });

  it('counts code points, where a file by Chromium has characters outside of the Basic Multilingual Plane', async () => {
    const [first, second] = await pagesOf('scripts.pdf');
    expect(first).toMatch(/^Signals in three scripts\n/);
    expect(first).toContain('written 𝒮 = {𝒶, 𝒷}; each 𝒮 has');
    expect(first).toMatch(/𝒷 The causeway is closed$/);
    expect(second).toMatch(/^Greetings\n/);
    expect(second).toContain('שלום לכל האורחים');
    expect(second).toMatch(/Добро пожаловать на маяк\. Καλώς ήρθατε στον φάρο\.$/);
  });

  it('reads a file that only restricts what may be done with it', async () => {
    expect(await pagesOf('handbook-restricted.pdf')).toEqual(await pagesOf('handbook.pdf'));
  });

  it('asks to remove a password', async () => {
    await expect(parsePdf(readFixture('handbook-locked.pdf'), limits)).rejects.toMatchObject({
      code: 'document_unreadable',
      detail: expect.stringContaining('password'),
    });
  });

  it('says that an image of a page looks scanned', async () => {
    await expect(parsePdf(readFixture('scanned.pdf'), limits)).rejects.toMatchObject({
      code: 'document_empty',
      detail: expect.stringContaining('scanned'),
    });
  });

  it('refuses a file that is cut off anywhere', async () => {
    for (const length of [9, 1000, 10_000, 19_000]) {
      await expect(damaged('handbook.pdf', (bytes) => bytes.slice(0, length))).rejects.toMatchObject({
        code: 'document_unreadable',
        detail: expect.stringContaining('cut off'),
      });
    }
  });

  it('refuses a file with a page that cannot be read, and names the page', async () => {
    const overwrite = (bytes: Uint8Array) => {
      const at = Buffer.from(bytes).indexOf('stream', Buffer.from(bytes).indexOf('/Type /Page\n') + 1);
      return bytes.fill(0x29, at + 20, at + 300);
    };
    await expect(damaged('handbook.pdf', overwrite)).rejects.toMatchObject({
      code: 'document_unreadable',
      detail: expect.stringMatching(/^Page \d of the PDF is damaged\.$/),
    });
  });

  it('refuses what only begins and ends like a PDF', async () => {
    const bytes = new TextEncoder().encode('%PDF-1.7\nnothing\n%%EOF\n');
    await expect(parsePdf(bytes, limits)).rejects.toMatchObject({
      code: 'document_unreadable',
      detail: expect.stringContaining('structure'),
    });
  });

  it('reads a file with other bytes behind its end', async () => {
    const file = Buffer.concat([readFixture('handbook.pdf'), Buffer.from('\r\n-- \r\nSent by mail\r\n')]);
    await expect(parsePdf(file, limits)).resolves.toMatchObject({ title: 'Harbour Light Visitor Handbook' });
  });

  it('refuses more pages and more text than allowed, naming the limit', async () => {
    const refused = (limit: Partial<typeof limits>) => parsePdf(readFixture('handbook.pdf'), { ...limits, ...limit });
    await expect(refused({ pagesMax: 3 })).rejects.toMatchObject({
      code: 'document_too_complex',
      detail: expect.stringMatching(/4 pages.*3 pages.*DOCUMENT_PAGES_MAX/),
    });
    await expect(refused({ textCharactersMax: 700 })).rejects.toMatchObject({
      code: 'document_too_complex',
      detail: expect.stringContaining('700 characters'),
    });
  });
});
