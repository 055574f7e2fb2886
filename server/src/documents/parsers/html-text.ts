/**
 * Lays out a tree of HTML as plain text: one line per block, an empty line between paragraphs, white space collapsed
 * except where it was preformatted.
 */
import type { Heading } from './parser.ts';

/** The part of a DOM node that is needed here. */
export interface PageNode {
  readonly nodeType: number;
  readonly textContent: string | null;
  readonly childNodes: Iterable<PageNode>;
  /** In capitals; elements have one. */
  readonly tagName?: string;
}

/** Text with the headings in it, counted in UTF-16 units. */
export interface PageText {
  readonly text: string;
  readonly headings: readonly Heading[];
}

/** The DOM's number for a text node. */
export const textNodeType = 3;

const paragraphs =
  'P H1 H2 H3 H4 H5 H6 PRE BLOCKQUOTE UL OL DL TABLE FIGURE HR SECTION ARTICLE HEADER FOOTER MAIN ASIDE NAV DETAILS FORM FIELDSET';
const lines = 'DIV LI DT DD TR CAPTION FIGCAPTION SUMMARY ADDRESS LEGEND BODY HTML';

/** Newlines before and after an element; one that is not listed stands within a line. */
const newlinesAround: ReadonlyMap<string, number> = new Map([
  ...paragraphs.split(' ').map((name): [string, number] => [name, 2]),
  ...lines.split(' ').map((name): [string, number] => [name, 1]),
]);

/** Renders everything below `root`, in time linear in its size. */
export function renderPage(root: PageNode): PageText {
  const writer = createWriter();
  const headings: Heading[] = [];

  const walk = (node: PageNode, preformatted: boolean): void => {
    const name = node.tagName ?? '';
    if (node.nodeType === textNodeType) writer.write(node.textContent ?? '', preformatted);
    else if (name === 'BR') writer.addNewline();
    else if (name !== 'HEAD' && name !== 'TITLE') walkElement(node, name, preformatted || name === 'PRE');
  };
  const walkElement = (node: PageNode, name: string, preformatted: boolean): void => {
    const newlines = newlinesAround.get(name) ?? 0;
    writer.requireNewlines(newlines);
    if (name === 'TD' || name === 'TH') writer.separateCell();
    const start = writer.mark();
    for (const child of node.childNodes) walk(child, preformatted);
    const level = Number(/^H([1-6])$/.exec(name)?.[1] ?? 0);
    const title = level > 0 ? titleFrom(writer.since(start)) : '';
    if (title !== '') headings.push({ level, title, start: start.offset });
    writer.requireNewlines(newlines);
  };

  walk(root, false);
  return { text: writer.text(), headings };
}

/** Generators of documentation put a sign for "link to this section" beside headings; it is no part of their title. */
function titleFrom(text: string): string {
  return text
    .trim()
    .replace(/\s+/g, ' ')
    .replace(/^[¶§#] ?| ?[¶§#]$/g, '');
}

/** Collects text. Line breaks and spaces are kept back until something follows them. */
function createWriter() {
  const parts: string[] = [];
  let length = 0;
  let newlines = 0;
  let space = '';
  const gap = (): string => {
    if (length === 0) return '';
    if (newlines === 0) return space;
    const last = parts.at(-1) ?? '';
    return '\n'.repeat(Math.max(0, newlines - (/\n{0,2}$/.exec(last.slice(-2))?.[0].length ?? 0)));
  };
  const append = (content: string): void => {
    const before = gap();
    parts.push(before, content);
    length += before.length + content.length;
    newlines = 0;
    space = '';
  };
  return {
    /** Writes preformatted text as it is, other text with its white space collapsed. */
    write(content: string, preformatted: boolean): void {
      if (preformatted) {
        // The line break that follows the tag itself is not part of the text.
        const lines = newlines > 0 ? content.replace(/^\r?\n/, '') : content;
        if (lines !== '') append(lines.replaceAll('\r\n', '\n'));
        return;
      }
      const collapsed = content.replace(/[ \t\n\r\f]+/g, ' ');
      if (collapsed.startsWith(' ')) space ||= ' ';
      const words = collapsed.replace(/^ | $/g, '');
      if (words === '') return;
      append(words);
      if (collapsed.endsWith(' ')) space = ' ';
    },
    /** Puts at least `count` line breaks before what follows. */
    requireNewlines(count: number): void {
      newlines = Math.max(newlines, count);
    },
    /** Adds a line break before what follows; two of them make an empty line, more do not make more. */
    addNewline(): void {
      newlines = Math.min(newlines + 1, 2);
    },
    /** Puts a tab before what follows on the same line. */
    separateCell(): void {
      space = '\t';
    },
    /** Where the next text will stand. */
    mark: () => ({ part: parts.length, offset: length + gap().length }),
    /** What was written from `mark` on, with the white space before it. */
    since: (mark: { part: number }): string => parts.slice(mark.part).join(''),
    text: () => parts.join(''),
  };
}
