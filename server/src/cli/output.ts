/**
 * What a command prints: results to standard output, everything else to standard error.
 *
 * With --json a result is one JSON value on one line, and so is a failure. Text that came from documents or the server is
 * shown without control characters, so that none of it can steer the terminal.
 */

import { stripVTControlCharacters, styleText } from 'node:util';
import { exitCodes, type Failure } from './failures.ts';

/** Where a command prints to. */
export interface Streams {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** Prints for one command. */
export interface Output {
  /** Whether results are JSON. Known once the arguments are read. */
  readonly isJson: () => boolean;
  /** Prints the result: `value` with --json, else the text, whose lines end by themselves. */
  readonly result: (value: unknown, text: () => string) => void;
  /** Prints a page of a list, and tells people when there is more. */
  readonly page: <T>(
    page: { readonly data: readonly T[]; readonly next_cursor: string | null },
    text: () => string,
  ) => void;
  /** Prints a piece of a result as it is; for results that grow. Never called with --json. */
  readonly piece: (text: string) => void;
  /** Tells people what goes on. */
  readonly note: (text: string) => void;
  /** Tells what went wrong. */
  readonly failure: (failure: Failure) => void;
}

/** Makes the output of a command. */
export function createOutput({ stdout, stderr }: Streams, isJson: () => boolean): Output {
  const result = (value: unknown, text: () => string) =>
    void stdout.write(isJson() ? `${JSON.stringify(value)}\n` : printable(text()));
  const note = (text: string) => void stderr.write(`${printable(text)}\n`);

  return {
    isJson,
    result,
    note,
    page(page, text) {
      result(page, text);
      if (page.next_cursor !== null) note('There is more; see --limit.');
    },
    piece(text) {
      stdout.write(printable(text));
    },
    failure(failure) {
      const { exit, code, message, fix, requestId } = failure;
      if (isJson()) {
        const error = { code, message, fix, request_id: requestId, exit_code: exitCodes[exit] };
        stderr.write(`${JSON.stringify({ error })}\n`);
        return;
      }
      const lines = [printable(`${code === exit ? '' : `${code}: `}${message}`)];
      if (fix !== undefined) lines.push(printable(`  fix: ${fix}`));
      if (requestId !== undefined) lines.push(printable(`  request: ${requestId}`));
      stderr.write(`${styleText('red', 'genai:', { stream: stderr })} ${lines.join('\n')}\n`);
    },
  };
}

/** Text that cannot steer a terminal: line breaks and tabs stay, other control characters and escape sequences go. */
export function printable(text: string): string {
  return stripVTControlCharacters(text).replaceAll(steering, '');
}

/** Control characters except tab and line break, and those that turn the direction of writing. */
const steering = /(?![\t\n])\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu;

/** A plain table: columns as wide as their widest cell, two spaces apart; a cell is one line. */
export function tableText(head: readonly string[], rows: readonly (readonly (string | number | null)[])[]): string {
  if (rows.length === 0) return 'none\n';
  const cells = [head, ...rows].map((row) => row.map((cell) => oneLine(cell === null ? '-' : String(cell))));
  const widths = head.map((_, column) => Math.max(...cells.map((row) => [...(row[column] ?? '')].length)));
  const lines = cells.map((row) =>
    row
      .map((cell, column) => padded(cell, widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

function padded(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - [...cell].length));
}

function oneLine(text: string): string {
  return printable(text).replaceAll(/\s+/g, ' ');
}
