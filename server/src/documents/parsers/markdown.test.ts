import fc from 'fast-check';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { describe, expect, it } from 'vitest';
import { readFixture } from '../__fixtures__/read-fixture.ts';
import { parseMarkdown } from './markdown.ts';

const limits = { pagesMax: 10, textCharactersMax: 10_000_000 };
const parse = (text: string) => parseMarkdown(new TextEncoder().encode(text), limits);

describe('parseMarkdown', () => {
  it('keeps the text of the file and finds its headings, none of which stands in code or a quotation', async () => {
    const file = readFixture('guide.md');
    const { title, text, headings, pages } = await parseMarkdown(file, limits);
    expect(text).toBe(new TextDecoder().decode(file));
    expect(title).toBe("Keeper's guide");
    expect(pages).toEqual([]);
    expect(headings.map((heading) => [heading.level, heading.title])).toEqual([
      [1, 'The lamp ✨'],
      [2, 'Cleaning the lens'],
      [2, 'Storage'],
      [3, 'Spare parts'],
    ]);
    const lines = headings.map(({ start }) => Array.from(text).slice(start).join('').split('\n')[0]);
    expect(lines).toEqual(['# The lamp ✨', '## Cleaning the `lens`', 'Storage', '### Spare parts ###']);
  });

  it('takes the first outermost heading for the title where the front matter has none', async () => {
    expect((await parse('## Small\n\n# Large\n\n# Other')).title).toBe('Large');
    expect((await parse('---\ndraft: true\n---\n# Large')).title).toBe('Large');
    expect((await parse('Only text')).title).toBeNull();
  });

  it('takes a rule at the beginning for a rule', async () => {
    const { title, headings } = await parse('---\n\nText\n\n# Heading');
    expect([title, headings[0]?.start]).toEqual(['Heading', 11]);
  });

  it('counts offsets in code points, with any line ends', async () => {
    const { headings } = await parse('😀😀\r\n\r\n# A 😀 heading\r\n\r\n😀\r\n\r\nOther\r\n=====');
    expect(headings).toEqual([
      { level: 1, title: 'A 😀 heading', start: 6 },
      { level: 1, title: 'Other', start: 28 },
    ]);
  });

  it('finds in a long file, read in slices, what reading it at once finds', { timeout: 60_000 }, async () => {
    const block = fc.constantFrom(
      '# One',
      '## Two ##',
      'Three\n-----',
      'A paragraph\nof two lines.',
      `\`\`\`\n${'# no heading\n\n'.repeat(200)}\`\`\``,
      '- item\n\n  # in an item\n- other',
      '> # quoted',
      '<div>\n# in HTML\n</div>',
      '    # indented code\n\n    # more of it',
      '***',
      '[reference]: https://example.org\n"title"',
      `long ${'word '.repeat(1000)}`,
    );
    const files = fc.array(block, { minLength: 150, maxLength: 400 }).map((blocks) => blocks.join('\n\n'));
    await fc.assert(
      fc.asyncProperty(files, async (text) => {
        const expected = fromMarkdown(text).children.filter(({ type }) => type === 'heading');
        const { headings } = await parse(text);
        expect(headings.map(({ start }) => start)).toEqual(expected.map(({ position }) => position?.start.offset));
      }),
      { numRuns: 5, endOnFailure: true },
    );
  });

  it('reads a block that is longer than a slice as one', async () => {
    const code = `\`\`\`\n${'# a comment\n\n'.repeat(12_000)}\`\`\`\n\n# The end`;
    expect((await parse(code)).headings.map(({ title }) => title)).toEqual(['The end']);
  });

  it('reads one line of a megabyte', async () => {
    expect((await parse('word '.repeat(200_000))).headings).toEqual([]);
  });
});
