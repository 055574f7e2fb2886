/** Reads what the quick start prints and checks the answer it leads to. */

import { stripVTControlCharacters } from 'node:util';

/** The part of the answer of POST /api/query that the quick start checks. */
export interface Answer {
  readonly answer: string;
  readonly citations: readonly Citation[];
}

interface Citation {
  readonly document_id: string;
  /** Where the quote begins in the text of the document, in Unicode code points. */
  readonly start: number;
  /** Where it ends; the character at this place is not part of it. */
  readonly end: number;
  readonly quote: string;
}

/** The first `curl` command in a text, with its continuation lines, once all of it has been printed. */
export function findCurl(output: string): string | undefined {
  return /^[ \t]*(curl\b(?:[^\n]*\\\n)*[^\n]*[^\\\n])\n/m.exec(stripVTControlCharacters(output))?.[1];
}

/** The key in the `Authorization` header of a command. */
export function findKey(curl: string): string {
  const key = /Bearer ([^\s"']+)/.exec(curl)?.[1];
  if (key === undefined) throw new Error(`The printed command has no key: ${curl}`);
  return key;
}

/** What is wrong with an answer: that it is empty, cites nothing, or quotes what its document does not say there. */
export async function misquotes(answer: Answer, textOf: (documentId: string) => Promise<string>): Promise<string[]> {
  if (!answer.answer) return ['The answer is empty.'];
  if (!answer.citations?.length) return ['The answer cites nothing.'];
  const checks = answer.citations.map(async ({ document_id, start, end, quote }) => {
    const found = [...(await textOf(document_id))].slice(start, end).join('');
    return quote !== '' && found === quote
      ? []
      : [`${document_id} [${start}, ${end}) reads "${found}", not "${quote}".`];
  });
  return (await Promise.all(checks)).flat();
}
