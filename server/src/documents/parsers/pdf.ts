/**
 * PDF: the text of each page in the order of the file, lines as they are set, an empty line between paragraphs.
 *
 * All of a document or none: a file that is cut off, or on whose pages damage shows, is refused rather than indexed in part.
 * Must never fetch anything or evaluate what the file brings along.
 */
import { getDocument, type PDFDocumentProxy } from 'unpdf/pdfjs';
import { AppError } from '../../errors.ts';
import { codePointCount } from '../code-points.ts';
import {
  assertTextWithin,
  type ContentLimits,
  type DocumentParser,
  documentFromDraft,
  type PageSpan,
} from './parser.ts';

/** Stands between pages. */
const pageSeparator = '\n\n';

/** A complete file says %%EOF near its end; other programs look for it in the last 1024 bytes, some mail adds more. */
const endMarkBytesMax = 4096;

/** A gap between lines that is this much wider than usual on the page begins a paragraph. */
const paragraphGapRatio = 1.3;

/** Reads a PDF. Throws `document_unreadable` (damaged, protected), `document_empty` (scanned), `document_too_complex`. */
export const parsePdf: DocumentParser = async (bytes, limits) => {
  const tail = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).subarray(-endMarkBytesMax);
  if (!tail.includes('%%EOF')) {
    throw unreadable('The PDF has no end mark (%%EOF): it seems to be cut off. Upload the complete file.');
  }
  const pdf = await openPdf(bytes);
  try {
    assertPagesWithin(limits, pdf.numPages);
    const { text, pages } = await readPages(pdf, limits);
    if (text.trim() === '') {
      throw new AppError('document_empty', {
        detail: 'The PDF holds no text; it looks scanned. Upload a copy that has gone through text recognition (OCR).',
      });
    }
    return documentFromDraft({ title: await titleOf(pdf), text, pages }, limits);
  } finally {
    await pdf.loadingTask.destroy();
  }
};

function unreadable(detail: string, cause?: unknown): AppError {
  return new AppError('document_unreadable', { detail, cause });
}

async function openPdf(bytes: Uint8Array): Promise<PDFDocumentProxy> {
  try {
    return await getDocument({
      // A plain view, as it refuses a Buffer.
      data: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      verbosity: 0,
      stopAtErrors: true,
      useSystemFonts: true,
      disableFontFace: true,
      useWorkerFetch: false,
    }).promise;
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'PasswordException') {
      throw unreadable('The PDF is protected by a password. Remove the protection and upload it again.', cause);
    }
    throw unreadable('The PDF is damaged: its structure cannot be read.', cause);
  }
}

function assertPagesWithin(limits: ContentLimits, pages: number): void {
  if (pages <= limits.pagesMax) return;
  throw new AppError('document_too_complex', {
    detail: `The PDF has ${pages} pages; the limit is ${limits.pagesMax} pages (DOCUMENT_PAGES_MAX).`,
  });
}

async function readPages(pdf: PDFDocumentProxy, limits: ContentLimits): Promise<{ text: string; pages: PageSpan[] }> {
  const parts: string[] = [];
  const pages: PageSpan[] = [];
  let start = 0;
  let characters = 0;
  for (let number = 1; number <= pdf.numPages; number += 1) {
    const part = await readPage(pdf, number);
    characters += codePointCount(part);
    assertTextWithin(limits, characters);
    parts.push(part);
    pages.push({ number, start, end: start + part.length });
    start += part.length + pageSeparator.length;
  }
  return { text: parts.join(pageSeparator), pages };
}

async function readPage(pdf: PDFDocumentProxy, number: number): Promise<string> {
  try {
    const page = await pdf.getPage(number);
    const { items } = await page.getTextContent();
    page.cleanup();
    return layOut(linesOf(items));
  } catch (cause) {
    if (cause instanceof RangeError) throw cause;
    throw unreadable(`Page ${number} of the PDF is damaged.`, cause);
  }
}

interface Line {
  text: string;
  /** Distance of the base line from the bottom of the page. */
  readonly y: number;
}

type TextItems = Awaited<ReturnType<Awaited<ReturnType<PDFDocumentProxy['getPage']>>['getTextContent']>>['items'];

function linesOf(items: TextItems): Line[] {
  const lines: Line[] = [];
  let line: Line | undefined;
  for (const item of items) {
    if (!('str' in item)) continue;
    line ??= { text: '', y: Number(item.transform[5]) };
    // Fonts without a proper mapping give NUL or halves of surrogate pairs, neither of which is text.
    line.text += item.str.toWellFormed().replaceAll('\0', '\uFFFD');
    if (!item.hasEOL) continue;
    lines.push(line);
    line = undefined;
  }
  if (line) lines.push(line);
  return lines.filter(({ text }) => text.trim() !== '');
}

/** Joins lines, with an empty line where the gap is wider than usual or the text goes up, as it does into a new column. */
function layOut(lines: readonly Line[]): string {
  const gaps = lines.map((line, index) => (lines[index - 1]?.y ?? line.y) - line.y);
  const downward = gaps.filter((gap) => gap > 0).sort((a, b) => a - b);
  const usual = downward[Math.floor(downward.length / 2)] ?? Number.POSITIVE_INFINITY;
  return lines
    .map(({ text }, index) => {
      const gap = gaps[index] ?? 0;
      const isParagraph = gap < 0 || gap > usual * paragraphGapRatio;
      return (isParagraph ? '\n' : '') + text.trim();
    })
    .join('\n')
    .trim();
}

async function titleOf(pdf: PDFDocumentProxy): Promise<string | null> {
  const { info } = await pdf.getMetadata();
  const title = 'Title' in info ? info.Title : null;
  return typeof title === 'string' ? title.toWellFormed().replaceAll('\0', '') : null;
}
