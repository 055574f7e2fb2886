/**
 * What every parser turns bytes into, and the one place where their results are finished.
 *
 * Promises that a document which leaves this module holds text, keeps within its limits, and has every offset in code
 * points. Parsers run in the child process of `parse-child.ts` only: they read what strangers wrote.
 */
import { AppError } from '../../errors.ts';
import { createCodePointIndex } from '../code-points.ts';

/** The formats that can be read. */
export type DocumentFormat = 'text' | 'markdown' | 'html' | 'pdf';

/** One page; `text.slice(start, end)` counted in code points. Only whitespace stands between pages. */
export interface PageSpan {
  /** Counted from 1 in the order of the file, whatever is printed on the page. */
  readonly number: number;
  readonly start: number;
  readonly end: number;
}

/** A heading; it begins at code point `start` of the text, in order of appearance. */
export interface Heading {
  /** 1 (outermost) to 6. */
  readonly level: number;
  readonly title: string;
  readonly start: number;
}

/** A document as text. Offsets count Unicode code points of `text`. */
export interface ParsedDocument {
  /** The title that the document itself states. */
  readonly title: string | null;
  readonly text: string;
  /** Empty when the format has no pages. */
  readonly pages: readonly PageSpan[];
  readonly headings: readonly Heading[];
}

/** What one document may hold. */
export interface ContentLimits {
  readonly pagesMax: number;
  /** In code points. */
  readonly textCharactersMax: number;
}

/** Reads one format. Throws AppError (`document_unreadable`, `document_empty`, `document_too_complex`). */
export type DocumentParser = (bytes: Uint8Array, limits: ContentLimits) => Promise<ParsedDocument>;

/** What a parser found, with offsets still in UTF-16 units, in ascending order. */
export interface DraftDocument extends Omit<ParsedDocument, 'pages' | 'headings'> {
  readonly pages?: readonly PageSpan[];
  readonly headings?: readonly Heading[];
}

/**
 * Checks a draft and counts its offsets in code points.
 * Throws `document_empty` when it holds nothing but whitespace and `document_too_complex` when it holds too much.
 */
export function documentFromDraft(draft: DraftDocument, limits: ContentLimits): ParsedDocument {
  const { text, pages = [], headings = [] } = draft;
  if (!/\S/.test(text)) throw new AppError('document_empty', { detail: 'The document holds nothing but white space.' });
  const positions = createCodePointIndex(text);
  const document = {
    title: draft.title?.replace(/\s+/g, ' ').trim() || null,
    text,
    pages: pages.map((page) => ({
      ...page,
      start: positions.codePointAt(page.start),
      end: positions.codePointAt(page.end),
    })),
    headings: headings.map((heading) => ({ ...heading, start: positions.codePointAt(heading.start) })),
  };
  assertTextWithin(limits, positions.codePointAt(text.length));
  return document;
}

/** Throws `document_too_complex` when `characters` code points are more than a document may hold. */
export function assertTextWithin(limits: ContentLimits, characters: number): void {
  if (characters <= limits.textCharactersMax) return;
  throw new AppError('document_too_complex', {
    detail: `The document holds more than ${limits.textCharactersMax} characters of text, the limit for one document (DOCUMENT_TEXT_CHARACTERS_MAX).`,
  });
}
