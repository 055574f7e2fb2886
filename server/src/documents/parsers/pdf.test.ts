import { describe, expect, it } from 'vitest';
import { readFixture } from '../__fixtures__/read-fixture.ts';
import { parsePdf } from './pdf.ts';

const limits = { pagesMax: 10, textCharactersMax: 100_000 };

async function pagesOf(name: string): Promise<string[]> {
  const { text, pages } = await parsePdf(readFixture(name), limits);
  return pages.map(({ start, end }) => Array.from(text).slice(start, end).join(''));
}

/** The handbook with overwritten instructions on one page. */
function withDamagedPage(number: number): Uint8Array {
  const bytes = Buffer.from(readFixture('handbook.pdf'));
  let at = 0;
  for (let page = 0; page < number; page += 1) at = bytes.indexOf('/Type /Page\n', at) + 1;
  at = bytes.indexOf('stream\n', at);
  return new Uint8Array(bytes.fill(')', at + 20, at + 120));
}

/** A page that says ABACA in a font that takes B for half of a pair and C for NUL. */
function pdfWithBrokenFont(): Uint8Array {
  const stream = (content: string) => `<< /Length ${content.length} >>\nstream\n${content}\nendstream`;
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>',
    stream(`BT /F 12 Tf 50 700 Td (ABACA) Tj ET`),
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding << /Differences [66 /uniD83D] >> /ToUnicode 6 0 R >>',
    stream('begincmap 1 begincodespacerange <00> <FF> endcodespacerange 1 beginbfchar <43> <0000> endbfchar endcmap'),
  ];
  let file = '%PDF-1.7\n';
  const entries = objects.map((object, index) => {
    const offset = String(file.length).padStart(10, '0');
    file += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return `${offset} 00000 n \n`;
  });
  const table = `xref\n0 7\n0000000000 65535 f \n${entries.join('')}trailer\n<< /Size 7 /Root 1 0 R >>`;
  return new TextEncoder().encode(`${file}${table}\nstartxref\n${file.length}\n%%EOF\n`);
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
      await expect(parsePdf(readFixture('handbook.pdf').slice(0, length), limits)).rejects.toMatchObject({
        code: 'document_unreadable',
        detail: expect.stringContaining('cut off'),
      });
    }
  });

  it('refuses a file with a page that cannot be read, and names the page', async () => {
    for (const number of [1, 2, 4]) {
      await expect(parsePdf(withDamagedPage(number), limits)).rejects.toMatchObject({
        code: 'document_unreadable',
        detail: `Page ${number} of the PDF is damaged.`,
      });
    }
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

  it('makes text of characters that are none: halves of pairs, and NUL', async () => {
    const { text } = await parsePdf(pdfWithBrokenFont(), limits);
    expect(text).toBe('A\ufffdA\ufffdA');
  });

  it('stops reading where the text becomes too long', async () => {
    await expect(parsePdf(withDamagedPage(2), { ...limits, textCharactersMax: 100 })).rejects.toMatchObject({
      code: 'document_too_complex',
    });
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
