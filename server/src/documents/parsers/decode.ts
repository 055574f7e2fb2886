/**
 * Bytes to text, strictly.
 *
 * Promises that text which comes out is what the bytes say: a byte that does not fit its encoding is an error that says
 * where it is, never a replacement character. Must never guess an encoding that the file does not declare.
 */
import { TextDecoder } from 'node:util';
import { AppError } from '../../errors.ts';

/** How far a file is searched for a declaration of its encoding; the HTML standard says 1024 bytes. */
const declarationBytesMax = 1024;

/** The encoding that a byte order mark at the start of `bytes` names, if there is one. */
export function encodingFromByteOrderMark(bytes: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8';
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  return undefined;
}

/** Text of a plain file: UTF-8, or UTF-16 with a byte order mark; the mark is dropped. Throws `document_unreadable`. */
export function decodePlainText(bytes: Uint8Array): string {
  const text = decode(bytes, encodingFromByteOrderMark(bytes) ?? 'utf-8');
  const nul = text.indexOf('\0');
  if (nul < 0) return text;
  throw new AppError('document_unreadable', {
    detail:
      `Character ${nul} (line ${lineCount(text.slice(0, nul))}) is a NUL, which text does not contain. ` +
      'Save the file as text in UTF-8 and upload it again.',
  });
}

/**
 * Text of an HTML file in the encoding of its byte order mark or its declaration, else UTF-8.
 * Throws `document_unreadable`.
 */
export function decodeHtml(bytes: Uint8Array): string {
  const encoding = encodingFromByteOrderMark(bytes) ?? declaredEncoding(bytes) ?? 'utf-8';
  return decode(bytes, encoding).replaceAll('\0', '\uFFFD');
}

function declaredEncoding(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.subarray(0, declarationBytesMax)).toString('latin1');
  const label =
    /<meta\s[^>]*charset\s*=\s*["']?\s*([\w.:-]+)/i.exec(head)?.[1] ??
    /^<\?xml\s[^>]*encoding\s*=\s*["']([\w.:-]+)/i.exec(head)?.[1];
  // A declaration that could be read as ASCII cannot be in UTF-16, whatever it says (HTML standard, encoding sniffing).
  return label && /^utf-?16/i.test(label) ? 'utf-8' : label;
}

function decode(bytes: Uint8Array, encoding: string): string {
  const decoder = decoderFor(encoding);
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    const at = firstInvalidByte(bytes, encoding);
    const line = lineCount(Buffer.from(bytes.subarray(0, at)).toString('latin1'));
    throw new AppError('document_unreadable', {
      detail:
        at < bytes.length
          ? `Byte ${at} (line ${line}) is not valid ${encoding.toUpperCase()}. Save the file as UTF-8 and upload it again.`
          : `The file ends in the middle of a character of ${encoding.toUpperCase()}; it seems to be cut off.`,
      cause,
    });
  }
}

function decoderFor(encoding: string): TextDecoder {
  try {
    return new TextDecoder(encoding, { fatal: true });
  } catch (cause) {
    throw new AppError('document_unreadable', {
      detail: `The file declares the encoding "${encoding}", which is not known. Save it as UTF-8 and upload it again.`,
      cause,
    });
  }
}

/** The 0-based offset of the first byte that does not fit, by bisection; the length when only the end is missing. */
function firstInvalidByte(bytes: Uint8Array, encoding: string): number {
  let valid = 0;
  let invalid = bytes.length + 1;
  while (invalid - valid > 1) {
    const middle = Math.floor((valid + invalid) / 2);
    if (middle <= bytes.length && isValidBeginning(bytes.subarray(0, middle), encoding)) valid = middle;
    else invalid = middle;
  }
  return valid;
}

function isValidBeginning(bytes: Uint8Array, encoding: string): boolean {
  try {
    new TextDecoder(encoding, { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function lineCount(text: string): number {
  return text.split('\n').length;
}
