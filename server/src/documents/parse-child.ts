/**
 * The process that reads what strangers wrote: takes documents over its channel, answers with text or with an error code.
 *
 * It has no environment and may open no file but the program's own (see `parse-process.ts`), and it expects to be killed
 * at any moment. Must never answer with anything but a `ParseReply`, and never end because a document is bad.
 */
import { AppError, type ErrorCode, isAppError } from '../errors.ts';
import type { ContentLimits, DocumentFormat, DocumentParser, ParsedDocument } from './parsers/parser.ts';

/** One document to read. */
export interface ParseRequest {
  readonly bytes: Uint8Array;
  readonly format: DocumentFormat;
  readonly limits: ContentLimits;
}

/** What the child says: once that it has started, then one answer for each request. */
export type ParseReply =
  | { readonly kind: 'started' }
  | { readonly kind: 'parsed'; readonly document: ParsedDocument }
  | {
      readonly kind: 'failed';
      readonly code: ErrorCode;
      readonly detail: string | undefined;
      /** For the log only. */
      readonly cause: string | undefined;
    };

/** Parsers are loaded when first needed: together they take longer to load than most documents take to read. */
const parsers: Readonly<Record<DocumentFormat, () => Promise<DocumentParser>>> = {
  text: async () => (await import('./parsers/text.ts')).parseText,
  markdown: async () => (await import('./parsers/markdown.ts')).parseMarkdown,
  html: async () => (await import('./parsers/html.ts')).parseHtml,
  pdf: async () => (await import('./parsers/pdf.ts')).parsePdf,
};

async function replyTo({ bytes, format, limits }: ParseRequest): Promise<ParseReply> {
  try {
    const parse = await parsers[format]();
    return { kind: 'parsed', document: await parse(bytes, limits) };
  } catch (error) {
    const { code, detail, cause } = isAppError(error) ? error : unexpected(error);
    return { kind: 'failed', code, detail, cause: cause === undefined ? undefined : traceOf(cause) };
  }
}

/** A library gave up: out of stack or of array space where a document asks for too much, otherwise over what it says. */
function unexpected(cause: unknown): AppError {
  return cause instanceof RangeError
    ? new AppError('document_too_complex', {
        detail: 'The document is nested too deeply or too large to be read.',
        cause,
      })
    : new AppError('document_unreadable', { detail: 'The document is damaged: it could not be read.', cause });
}

function traceOf(cause: unknown): string {
  return cause instanceof Error ? (cause.stack ?? String(cause)) : String(cause);
}

function say(reply: ParseReply): void {
  process.send?.(reply);
}

process.on('message', (request: ParseRequest) => {
  void replyTo(request).then(say);
});
// A signal to the whole process group is meant for the server, which lets documents finish and then ends this process.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
process.on('disconnect', () => process.exit());
say({ kind: 'started' });
