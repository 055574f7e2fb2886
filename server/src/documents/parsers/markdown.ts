/**
 * Markdown: the file's own characters, unchanged, with the headings of its outermost level.
 *
 * Must never fail because of what the Markdown says: every text is valid Markdown, and headings only serve chunking.
 */
import { fromMarkdown } from 'mdast-util-from-markdown';
import { decodePlainText } from './decode.ts';
import { type DocumentParser, documentFromDraft, type Heading } from './parser.ts';

type Block = ReturnType<typeof fromMarkdown>['children'][number];
type HeadingBlock = Extract<Block, { type: 'heading' }>;
type Inline = HeadingBlock['children'][number];

/**
 * The Markdown parser takes time quadratic in its input (1 MB of lists and links: 14 s), so it reads slices of this many
 * UTF-16 units (1 MB: about 4 s). A slice begins where a block begins, and its last block is read again with the next.
 */
const sliceLength = 65_536;

/** A block that fills its slice is read with a longer one, up to this length; beyond, it counts as several blocks. */
const blockLengthMax = 524_288;

/** Reads a Markdown file (CommonMark). Throws `document_unreadable` under the same conditions as plain text. */
export const parseMarkdown: DocumentParser = async (bytes, limits) => {
  const text = decodePlainText(bytes);
  const frontMatter = frontMatterOf(text);
  const headings = headingsOf(text, frontMatter?.length ?? 0);
  const title = frontMatter?.title ?? headings.find((heading) => heading.level === 1)?.title ?? null;
  return documentFromDraft({ title, text, headings }, limits);
};

function headingsOf(text: string, from: number): Heading[] {
  const headings: Heading[] = [];
  let start = from;
  let length = sliceLength;
  while (start < text.length) {
    const end = endOfSlice(text, start, length);
    const blocks = fromMarkdown(text.slice(start, end)).children;
    const isCut = end < text.length;
    if (isCut && blocks.length === 1 && length < blockLengthMax) {
      length *= 2;
      continue;
    }
    const last = isCut && blocks.length > 1 ? blocks.pop() : undefined;
    for (const block of blocks) if (block.type === 'heading') headings.push(headingFrom(block, start));
    start = last ? startOfLine(text, start + offsetOf(last)) : end;
    length = sliceLength;
  }
  return headings;
}

/** The end of the last line within `length` of `start`; within the line if there is no such. */
function endOfSlice(text: string, start: number, length: number): number {
  const limit = start + length;
  if (limit >= text.length) return text.length;
  const lineEnd = text.lastIndexOf('\n', limit - 1) + 1;
  return lineEnd > start ? lineEnd : limit;
}

function startOfLine(text: string, index: number): number {
  return text.lastIndexOf('\n', index - 1) + 1;
}

function headingFrom(node: HeadingBlock, start: number): Heading {
  return {
    level: node.depth,
    title: node.children.map(plainText).join('').replace(/\s+/g, ' ').trim(),
    start: start + offsetOf(node),
  };
}

function offsetOf(node: Block): number {
  return node.position?.start.offset ?? 0;
}

function plainText(node: Inline): string {
  if ('children' in node) return node.children.map(plainText).join('');
  if ('alt' in node) return node.alt ?? '';
  if (node.type === 'break') return ' ';
  return 'value' in node && node.type !== 'html' ? node.value : '';
}

/**
 * The YAML block that many tools put before the Markdown; to CommonMark it would be a rule and a heading.
 * Only its `title` is read.
 */
function frontMatterOf(text: string): { length: number; title: string | undefined } | undefined {
  const block = /^---[ \t]*\r?\n(?:[^\n]*\n){0,200}?---[ \t]*(?:\r?\n|$)/.exec(text)?.[0];
  if (block === undefined) return undefined;
  const title = /^title:[ \t]*(["']?)(.+?)\1[ \t]*\r?$/m.exec(block)?.[2];
  return { length: block.length, title };
}
