/**
 * Asks about documents that this project did not write, and checks every citation against the file itself:
 * `node server/bench/real-documents.ts FOLDER`, where FOLDER holds PDF, Markdown, HTML or text files.
 *
 * A server as `make up` starts it takes the files in. Of each file, sentences from evenly spread places are asked for; an
 * answer is right when it cites the page that the sentence stands on. For a PDF, what is quoted must stand on
 * the named page in the words of `pdftotext`, a reader of others, where that is installed. Exits with 1 when a quote does
 * not stand where its citation says; an answer from another page that says the same is counted, not condemned.
 */

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startServer, temporaryDataDir } from './support/server-process.ts';

interface Page {
  readonly number: number;
  readonly start: number;
  readonly end: number;
}
interface Citation {
  readonly document_id: string;
  readonly page: number | null;
  readonly start: number;
  readonly end: number;
  readonly quote: string;
}

const questionsPerFile = 20;
const sentenceLength = { min: 60, max: 220 };
const pollMs = 500;
/** Share of the words of a quote that the named page must have; readers differ in how they join hyphenated words. */
const wordsOnPageMin = 0.9;

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('Usage: node server/bench/real-documents.ts FOLDER');
const files = readdirSync(folder).filter((name) => /\.(pdf|md|html?|txt)$/i.test(name));

const dataDir = temporaryDataDir();
const server = await startServer(dataDir.path, { LLM_PROVIDER: 'extractive' });
const key = server.firstRun.tenants[0]?.users.find(({ role }) => role === 'analyst')?.api_key;

async function call<T>(path: string, init: RequestInit = {}): Promise<T> {
  const headers = { authorization: `Bearer ${key}`, ...init.headers };
  const response = await fetch(new URL(path, server.firstRun.base_url), { ...init, headers });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
  return JSON.parse(text) as T;
}

const json = (body: object) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

/** Uploads a file to a collection of its own, since files may say the same, and waits until it can be asked about. */
async function ingest(file: string): Promise<{ id: string; pages: number | null; chunks: number; seconds: number }> {
  const form = new FormData();
  form.set('file', new Blob([readFileSync(file)]), basename(file));
  form.set('collection', basename(file));
  await call('/api/collections', json({ name: basename(file) }));
  const startedMs = performance.now();
  const { id } = await call<{ id: string }>('/api/documents', { method: 'POST', body: form });
  for (;;) {
    const document = await call<Record<string, unknown>>(`/api/documents/${id}`);
    if (document['status'] === 'failed') throw new Error(`${file}: ${JSON.stringify(document['error'])}`);
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    if (document['status'] === 'indexed')
      return { id, pages: document['page_count'] as number | null, chunks: Number(document['chunk_count']), seconds };
    await delay(pollMs);
  }
}

/** Sentences from evenly spread pages, or stretches of a text without pages. */
function sentencesOf(
  characters: readonly string[],
  pages: readonly Page[],
): { page: number | null; sentence: string }[] {
  const stretch = Math.ceil(characters.length / questionsPerFile);
  const places =
    pages.length > 0
      ? pages.map(({ number, start, end }) => ({ page: number, start, end }))
      : Array.from({ length: questionsPerFile }, (_, index) => ({
          page: null,
          start: index * stretch,
          end: (index + 1) * stretch,
        }));
  const found = places.flatMap(({ page, start, end }) => {
    const text = characters.slice(start, end).join('').replaceAll(/\s+/g, ' ');
    const sentences = text.match(/(?<=[.!?] )[A-Z][^.!?]+[.!?](?= )/g) ?? [];
    const sentence = sentences
      .filter(({ length }) => length >= sentenceLength.min && length <= sentenceLength.max)
      .filter((candidate) => (candidate.match(/[a-z]/g)?.length ?? 0) > candidate.length * 0.7)
      .at(0);
    return sentence === undefined ? [] : [{ page, sentence }];
  });
  const step = Math.max(1, found.length / questionsPerFile);
  return Array.from(
    { length: Math.min(questionsPerFile, found.length) },
    (_, index) => found[Math.floor(index * step)],
  ).filter((item) => item !== undefined);
}

/** Words, with those joined that a line break divides: some readers of PDF keep the hyphen. */
function wordsOf(text: string): readonly string[] {
  const joined = text.normalize('NFKC').replaceAll(/(?<=\p{L})[-\u00ad\u2010]\s*\n\s*(?=\p{Ll})/gu, '');
  return joined.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

/** The words of a page as another program reads it; undefined without that program. */
function wordsOfPage(file: string, page: number): ReadonlySet<string> | undefined {
  try {
    const args = ['-enc', 'UTF-8', '-f', String(page), '-l', String(page), file, '-'];
    return new Set(wordsOf(execFileSync('pdftotext', args, { encoding: 'utf8' })));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** What is wrong with a citation; nothing when it holds. */
function faultOf(
  file: string,
  characters: readonly string[],
  { start, end, quote, page }: Citation,
): string | undefined {
  if (characters.slice(start, end).join('') !== quote) return `the quote does not stand at ${start} to ${end}`;
  const words = wordsOf(quote);
  const known = page === null ? new Set(wordsOf(readFileSync(file, 'utf8'))) : wordsOfPage(file, page);
  if (known === undefined || words.filter((word) => known.has(word)).length >= words.length * wordsOnPageMin)
    return undefined;
  return `page ${page} does not hold the quote: ${quote}`;
}

let faults = 0;
try {
  for (const name of files) {
    const file = join(folder, name);
    const { id, pages: pageCount, chunks, seconds } = await ingest(file);
    const { text, pages } = await call<{ text: string; pages: Page[] }>(`/api/documents/${id}/text`);
    const characters = Array.from(text);
    let [asked, answered, samePlace, citations] = [0, 0, 0, 0];
    for (const { page, sentence } of sentencesOf(characters, pages)) {
      const answer = await call<{ citations: Citation[] }>(
        '/api/query',
        json({ question: sentence, collections: [name] }),
      );
      const own = answer.citations.filter(({ document_id: cited }) => cited === id);
      asked += 1;
      answered += own.length > 0 ? 1 : 0;
      samePlace += own.some((citation) => citation.page === page) ? 1 : 0;
      for (const citation of own) {
        citations += 1;
        const fault = faultOf(file, characters, citation);
        if (fault === undefined) continue;
        faults += 1;
        console.log(`WRONG ${name}: ${fault}`);
      }
    }
    const place = pageCount === null ? 'no pages' : `${pageCount} pages, right page ${samePlace}`;
    console.log(
      `${name}: ${chunks} passages in ${seconds} s, ${place}; asked ${asked}, answered ${answered}, ${citations} citations checked`,
    );
  }
} finally {
  await server.stop();
  dataDir.remove();
}
console.log(faults === 0 ? 'Every quote stands where its citation says.' : `${faults} citations are wrong.`);
process.exitCode = faults === 0 ? 0 : 1;
