import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChunkOptions, chunkDocument } from './chunk.ts';
import type { ParsedDocument } from './parsers/parser.ts';

const options: ChunkOptions = { charactersTarget: 80, charactersMax: 120, overlapCharacters: 20 };

function documentOf(text: string, parts: Partial<ParsedDocument> = {}): ParsedDocument {
  return { title: null, text, pages: [], headings: [], ...parts };
}

/** A document of Markdown-like text whose lines that begin with # are its headings. */
function sectionsOf(text: string): ParsedDocument {
  const headings = [...text.matchAll(/^(#+) (.*)$/gm)].map((match) => ({
    level: match[1]?.length ?? 0,
    title: match[2] ?? '',
    start: match.index,
  }));
  return documentOf(text, { headings });
}

const piece = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('word', 'Sentence one. ', ' ', '\n', '\n\n', '\r\n', '. ', '? ', 'e.g. ') },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '👩‍👩‍👧‍👦',
      '🇩🇪',
      '😀',
      '日本語の文。',
      '漢',
      'שלום עולם. ',
      'مرحبا',
      'e\u0301',
      '\u00a0',
      '\ufeff',
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '\ud83d',
      '\ude00',
      '𝒳',
      '\u2028',
      '\t',
      'x'.repeat(150),
      ' '.repeat(150),
      '😀'.repeat(90),
    ),
  },
);
const page = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));

const documents = fc
  .record({
    pages: fc.array(page, { minLength: 1, maxLength: 5 }),
    hasPages: fc.boolean(),
    headings: fc.array(fc.record({ at: fc.nat(), level: fc.integer({ min: 1, max: 6 }) }), { maxLength: 8 }),
  })
  .map(({ pages, hasPages, headings }): ParsedDocument => {
    const text = pages.join('\n\n');
    let start = 0;
    const spans = pages.map((content, index) => {
      const span = { number: index + 1, start, end: start + Array.from(content).length };
      start = span.end + 2;
      return span;
    });
    const length = Array.from(text).length;
    return documentOf(text, {
      pages: hasPages ? spans : [],
      headings: headings
        .map(({ at, level }) => ({ level, title: `at ${at}`, start: length === 0 ? 0 : at % length }))
        .sort((a, b) => a.start - b.start),
    });
  });

const sizes = fc
  .record({
    target: fc.integer({ min: 1, max: 100 }),
    more: fc.nat(100),
    overlapShare: fc.double({ min: 0, max: 0.5, noNaN: true }),
  })
  .map(({ target, more, overlapShare }) => ({
    charactersTarget: target,
    charactersMax: target + more,
    overlapCharacters: Math.floor(target * overlapShare),
  }));

describe('chunkDocument, for any text, pages, headings and sizes,', () => {
  it('covers every visible character with slices of the text that are in order, not blank, not too long and on one page', () => {
    fc.assert(
      fc.property(documents, sizes, (document, options) => {
        const characters = Array.from(document.text);
        const isCovered = new Uint8Array(characters.length);
        let previous = { start: -1, end: -1 };
        chunkDocument(document, options).forEach((chunk, index) => {
          expect(chunk.index).toBe(index);
          expect(chunk.text).toBe(characters.slice(chunk.start, chunk.end).join(''));
          expect(chunk.text).toBe(chunk.text.trim());
          expect(chunk.text).not.toBe('');
          expect(chunk.end - chunk.start).toBeLessThanOrEqual(options.charactersMax);
          expect(chunk.start).toBeGreaterThan(previous.start);
          expect(chunk.end).toBeGreaterThan(previous.end);
          expect(previous.end - chunk.start).toBeLessThanOrEqual(options.overlapCharacters);
          const home = document.pages.find(({ number }) => number === chunk.page);
          expect(home === undefined).toBe(document.pages.length === 0);
          if (home) expect(home.start <= chunk.start && chunk.end <= home.end).toBe(true);
          isCovered.fill(1, chunk.start, chunk.end);
          previous = chunk;
        });
        const missed = characters.filter((character, at) => isCovered[at] === 0 && /\S/.test(character));
        expect(missed).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('names the headings that the beginning of a passage stands under', () => {
    fc.assert(
      fc.property(documents, sizes, (document, options) => {
        for (const chunk of chunkDocument(document, options)) {
          const path: { level: number; title: string }[] = [];
          for (const heading of document.headings.filter(({ start }) => start <= chunk.start)) {
            while (path.length > 0 && (path.at(-1)?.level ?? 0) >= heading.level) path.pop();
            path.push(heading);
          }
          expect(chunk.headingPath).toEqual(path.map(({ title }) => title));
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('chunkDocument', () => {
  const textsOf = (document: ParsedDocument, sizes = options) => chunkDocument(document, sizes).map(({ text }) => text);
  const sentence = 'The quick brown fox jumps over it. ';

  it('keeps a short document in one passage', () => {
    expect(chunkDocument(documentOf('\n  Hello there.\n'), options)).toEqual([
      { index: 0, text: 'Hello there.', start: 3, end: 15, page: null, headingPath: [] },
    ]);
  });

  it('begins a passage at a heading and never takes the end of one section into the next', () => {
    const document = sectionsOf(`# One\n\n${sentence.repeat(5)}\n\n## Two\n\n${sentence}\n\n# Three\n\n${sentence}`);
    const chunks = chunkDocument(document, { ...options, overlapCharacters: 0 });
    expect(chunks.map(({ headingPath }) => headingPath)).toEqual([['One'], ['One'], ['One', 'Two'], ['Three']]);
    expect(chunks[2]?.text).toBe(`## Two\n\n${sentence.trim()}`);
  });

  it('gives the short rest of a section a passage of its own', () => {
    const document = sectionsOf(`# One\n\n${sentence.repeat(3)}Bye now.\n\n# Two\n\n${sentence}`);
    expect(textsOf(document, { ...options, overlapCharacters: 0 }).slice(1)).toEqual([
      'Bye now.',
      `# Two\n\n${sentence.trim()}`,
    ]);
  });

  it('repeats nothing of one section in the next', () => {
    const document = sectionsOf(`${'word '.repeat(23)}end\n\n\n\n# Two\n\n${sentence}`);
    expect(textsOf(document)[1]).toBe(`# Two\n\n${sentence.trim()}`);
  });

  it('joins a heading without text of its own to the section that follows', () => {
    expect(textsOf(sectionsOf(`# Title\n\n## Install\n\n${sentence}`))).toEqual([
      `# Title\n\n## Install\n\n${sentence.trim()}`,
    ]);
  });

  it('prefers an empty line to the end of a sentence, that to the end of a line, and that to a space', () => {
    const ending = (text: string) => textsOf(documentOf(text), { ...options, overlapCharacters: 0 })[0]?.slice(-12);
    const words = (count: number) => 'lorem '.repeat(count);
    expect(ending(`${words(9)}first. Xx\n\nyy ${words(9)}one. ${words(20)}`)).toBe('first. Xx'.padStart(12, 'em '));
    expect(ending(`${words(9)}first. Xx\nyy ${words(20)}`)).toMatch(/ first\.$/);
    expect(ending(`${words(9)}first\nyy ${words(20)}`)).toMatch(/ first$/);
    expect(ending(words(40))).toMatch(/ lorem$/);
    expect(ending('x'.repeat(400))).toBe('x'.repeat(12));
  });

  it('takes no line break for the end of a sentence, as PDF breaks lines anywhere', () => {
    const text = `${'one two three\n'.repeat(5)}four five. ${'Six seven eight\n'.repeat(9)}`;
    expect(textsOf(documentOf(text))[0]).toMatch(/four five\.$/);
  });

  it('ends Chinese and Japanese sentences where they end', () => {
    for (const text of textsOf(documentOf('これは日本語の文章です。長い文が続きます。'.repeat(20))))
      expect(text).toMatch(/。$/);
  });

  it('repeats the last sentence of a passage in the next one of the same section', () => {
    const [first, second] = textsOf(documentOf('First part of it. '.repeat(20)));
    expect(first?.endsWith('First part of it.')).toBe(true);
    expect(second?.startsWith('First part of it.')).toBe(true);
    const chunks = chunkDocument(documentOf('First part of it. '.repeat(20)), options);
    expect((chunks[0]?.end ?? 0) - (chunks[1]?.start ?? 0)).toBe('First part of it.'.length);
  });

  it('makes no passage of nothing but repeated text before trailing white space', () => {
    const chunks = chunkDocument(documentOf(`${'word '.repeat(16)}${' '.repeat(500)}`), options);
    expect(chunks.map(({ end }) => end)).toEqual([79]);
  });

  it('divides no character of two UTF-16 units', () => {
    for (const text of textsOf(documentOf('😀'.repeat(500)))) expect(text.isWellFormed()).toBe(true);
  });

  it('gives no passages for nothing but white space', () => {
    expect(chunkDocument(documentOf(' \n\t'), options)).toEqual([]);
  });

  it('refuses sizes that contradict each other', () => {
    for (const wrong of [
      { charactersTarget: 0 },
      { charactersMax: 79 },
      { overlapCharacters: 41 },
      { overlapCharacters: -1 },
    ]) {
      expect(() => chunkDocument(documentOf('x'), { ...options, ...wrong })).toThrow(RangeError);
    }
  });

  it.each([
    ['one word', 'x'.repeat(10_000_000)],
    ['one line of words', 'word '.repeat(2_000_000)],
    ['spaces between two words', `a${' '.repeat(10_000_000)}b`],
    ['emoji', '😀'.repeat(2_500_000)],
    ['line breaks', 'x\n'.repeat(5_000_000)],
  ])('takes time linear in the text: 10 MB of %s within 20 s on a busy machine', { timeout: 20_000 }, (_, text) => {
    const chunks = chunkDocument(documentOf(text), {
      charactersTarget: 800,
      charactersMax: 1200,
      overlapCharacters: 100,
    });
    expect(chunks.at(-1)?.end).toBeGreaterThan(0);
  });
});
