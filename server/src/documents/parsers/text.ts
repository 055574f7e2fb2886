/** Plain text: the file's own characters, unchanged, so that offsets are those of the file. */
import { decodePlainText } from './decode.ts';
import { type DocumentParser, documentFromDraft } from './parser.ts';

/** Reads a plain text file. Throws `document_unreadable` when it is neither UTF-8 nor UTF-16 with a byte order mark. */
export const parseText: DocumentParser = async (bytes, limits) =>
  documentFromDraft({ title: null, text: decodePlainText(bytes) }, limits);
