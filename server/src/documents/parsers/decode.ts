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
    throw new AppError('document_unreadable', { detail: describeFault(bytes, encoding), cause });
  }
}

function describeFault(bytes: Uint8Array, encoding: string): string {
  const name = encoding.toUpperCase();
  const readable = readableLength(bytes, encoding);
  if (readable === bytes.length)
    return `The file ends in the middle of a character of ${name}; it seems to be cut off.`;
  // The fault shows behind the first byte of a character, which is where it is.
  let at = readable;
  while (at > 0 && !isDecodable(bytes.subarray(0, at), encoding)) at -= 1;
  const line = lineCount(Buffer.from(bytes.subarray(0, at)).toString('latin1'));
  return `Byte ${at} (line ${line}) is not valid ${name}. Save the file as UTF-8 and upload it again.`;
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

/** How many bytes can be the beginning of a text, by bisection. */
function readableLength(bytes: Uint8Array, encoding: string): number {
  let readable = 0;
  let unreadable = bytes.length + 1;
  while (unreadable - readable > 1) {
    const middle = Math.floor((readable + unreadable) / 2);
    if (isDecodable(bytes.subarray(0, middle), encoding, { stream: true })) readable = middle;
    else unreadable = middle;
  }
  return readable;
}

function isDecodable(bytes: Uint8Array, encoding: string, options: { stream?: boolean } = {}): boolean {
  try {
    new TextDecoder(encoding, { fatal: true }).decode(bytes, options);
    return true;
  } catch {
    return false;
  }
}

function lineCount(text: string): number {
  return text.split('\n').length;
}
