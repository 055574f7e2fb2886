/**
 * Decides what a file is: by its content where that is certain, by its name, then by what the client says.
 *
 * Must never let a binary file through as text.
 */
import { AppError } from '../../errors.ts';
import { encodingFromByteOrderMark } from './decode.ts';
import type { DocumentFormat } from './parser.ts';

const formatsByExtension: ReadonlyMap<string, DocumentFormat> = new Map([
  ['txt', 'text'],
  ['text', 'text'],
  ['log', 'text'],
  ['rst', 'text'],
  ['md', 'markdown'],
  ['markdown', 'markdown'],
  ['html', 'html'],
  ['htm', 'html'],
  ['xhtml', 'html'],
  ['pdf', 'pdf'],
]);

const formatsByMediaType: ReadonlyMap<string, DocumentFormat> = new Map([
  ['text/plain', 'text'],
  ['text/x-rst', 'text'],
  ['text/markdown', 'markdown'],
  ['text/x-markdown', 'markdown'],
  ['text/html', 'html'],
  ['application/xhtml+xml', 'html'],
  ['application/pdf', 'pdf'],
]);

/** What clients send when they do not know; it says nothing about the file. */
const unknownMediaType = 'application/octet-stream';

const supported =
  'Supported are plain text (.txt, .text, .log, .rst; text/plain), Markdown (.md, .markdown; text/markdown), ' +
  'HTML (.html, .htm, .xhtml; text/html) and PDF (.pdf; application/pdf).';

/**
 * The format of a file from its name, the media type that the client gave, and its first bytes (a few thousand).
 * Content wins over both: what starts like a PDF is one, and what holds NUL bytes is not text.
 * Throws `media_type_unsupported`, or `document_unreadable` when a file called PDF does not begin like one.
 */
export function detectFormat(filename: string, mediaType: string | undefined, head: Uint8Array): DocumentFormat {
  if (pdfMarkIn(head.subarray(0, 5))) return 'pdf';
  const claimed = claimedFormat(filename, mediaType, head);
  if (claimed === 'pdf') {
    // Readers of PDF accept other bytes before the mark, as some mail gateways put them there.
    if (pdfMarkIn(head.subarray(0, 1024))) return 'pdf';
    throw new AppError('document_unreadable', {
      detail:
        'The file is called a PDF but does not begin like one (%PDF-). Save it as PDF again and upload that file.',
    });
  }
  if (isBinary(head)) throw new AppError('media_type_unsupported', { detail: `The file is binary. ${supported}` });
  if (claimed === undefined) {
    throw new AppError('media_type_unsupported', {
      detail: `Neither the name nor the media type of the file says that it is of a supported format. ${supported}`,
    });
  }
  return claimed;
}

function claimedFormat(filename: string, mediaType: string | undefined, head: Uint8Array): DocumentFormat | undefined {
  const extension = /[^/\\]\.([^./\\]+)$/.exec(filename)?.[1]?.toLowerCase();
  const essence = mediaType?.split(';')[0]?.trim().toLowerCase() || unknownMediaType;
  const known = (extension && formatsByExtension.get(extension)) ?? formatsByMediaType.get(essence);
  if (known || extension !== undefined || essence !== unknownMediaType) return known || undefined;
  // Nobody claims anything: README, LICENSE, a saved page without a name.
  return /^\s*<(!doctype\s+html|html)\b/i.test(Buffer.from(head).toString('latin1')) ? 'html' : 'text';
}

function isBinary(head: Uint8Array): boolean {
  const encoding = encodingFromByteOrderMark(head);
  return (encoding === undefined || encoding === 'utf-8') && head.includes(0);
}

function pdfMarkIn(bytes: Uint8Array): boolean {
  return Buffer.from(bytes).includes('%PDF-');
}
