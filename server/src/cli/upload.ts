/**
 * Uploads files and follows them until they can be asked about.
 *
 * It can be run again at any time: the server knows bytes that it has and answers with the document that is there. What
 * concerns one file fails that file; what concerns them all ends the run.
 */

import { openAsBlob } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Classification } from '../context.ts';
import type { Api } from './api-client.ts';
import { ApiError, exitFromStatus, failureFrom } from './failures.ts';
import type { FoundFile } from './find-files.ts';

/** Where uploads go. */
export interface UploadLabels {
  readonly collection: string | undefined;
  readonly classification: Classification | undefined;
}

/** What became of a file. */
export interface FileOutcome {
  readonly path: string;
  /** `unchanged`: the server had it. */
  readonly status: 'indexed' | 'unchanged' | 'failed';
  readonly document_id: string | null;
  readonly error: { readonly code: string; readonly detail: string } | null;
}

/** A file that the server took. */
interface Uploaded {
  readonly path: string;
  readonly document: DocumentState;
}

/** The part of a document that is looked at. */
interface DocumentState {
  readonly id: string;
  readonly status: string;
  readonly error: FileOutcome['error'];
}

/** How to go about it. */
export interface UploadOptions {
  readonly api: Api;
  readonly folder: string;
  readonly labels: UploadLabels;
  /** Uploads at once. */
  readonly concurrency: number;
  /** Called when a file was uploaded, or refused. */
  readonly onUploaded: (path: string) => void;
  /** Called when a document is final. */
  readonly onFinal: (path: string) => void;
}

/** How often a busy server is asked again, and the longest wait in between. */
const attemptsMax = 20;
const waitMsMax = 60_000;
const pollMs = 500;

/** Uploads all files and waits for their documents. Outcomes are in the order of the files. */
export async function uploadFiles(
  files: readonly FoundFile[],
  options: UploadOptions,
): Promise<readonly FileOutcome[]> {
  const taken = await inParallel(files, options.concurrency, async ({ path }) => {
    const uploaded = await uploadFile(path, options);
    options.onUploaded(path);
    return uploaded;
  });
  const outcomes: FileOutcome[] = [];
  // One after the other, as the server ingests them too: each look costs a request of the tenant's rate.
  for (const file of taken) {
    outcomes.push('document' in file ? await outcomeOf(file, options.api) : file);
    options.onFinal(file.path);
  }
  return outcomes;
}

async function uploadFile(path: string, { api, folder, labels }: UploadOptions): Promise<Uploaded | FileOutcome> {
  const content = await contentOf(join(folder, path));
  if (content === undefined) return refused(path, 'file_unreadable', 'The file cannot be read.');
  const form = new FormData();
  for (const [name, value] of Object.entries(labels)) if (value !== undefined) form.append(name, value);
  form.append('file', content, basename(path));
  try {
    const document = await patiently(() => api.request<DocumentState>('POST', '/api/documents', { body: form }));
    return { path, document };
  } catch (error) {
    if (!concernsOneFile(error)) throw error;
    const { code, message } = failureFrom(error);
    return refused(path, code, message);
  }
}

async function contentOf(file: string): Promise<Blob | undefined> {
  try {
    return await openAsBlob(file);
  } catch {
    return undefined;
  }
}

function refused(path: string, code: string, detail: string): FileOutcome {
  return { path, status: 'failed', document_id: null, error: { code, detail } };
}

async function outcomeOf({ path, document }: Uploaded, api: Api): Promise<FileOutcome> {
  let { id, status, error } = document;
  const wasIndexed = status === 'indexed';
  while (status !== 'indexed' && status !== 'failed') {
    await delay(pollMs);
    ({ id, status, error } = await patiently(() => api.request<DocumentState>('GET', `/api/documents/${id}`)));
  }
  if (status === 'failed') return { path, status, document_id: id, error };
  return { path, status: wasIndexed ? 'unchanged' : 'indexed', document_id: id, error: null };
}

/** Whether the next file may fare better: the server refused this one, or stumbled over it. */
function concernsOneFile(error: unknown): boolean {
  return error instanceof ApiError && ['usage', 'server'].includes(exitFromStatus(error.problem.status));
}

/** Does again what the server asked to be done later. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      const wait = error instanceof ApiError ? error.retryAfterMs : undefined;
      if (wait === undefined || attempt === attemptsMax) throw error;
      await delay(Math.min(wait, waitMsMax));
    }
  }
}

/** Maps in order, `concurrency` at once. The first failure ends it; nothing new is begun after that. */
async function inParallel<T, R>(
  items: readonly T[],
  concurrency: number,
  map: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  const waiting = items.entries();
  let hasFailed = false;
  async function work(): Promise<void> {
    for (const [index, item] of waiting) {
      if (hasFailed) return;
      results[index] = await map(item);
    }
  }
  try {
    await Promise.all(Array.from({ length: concurrency }, work));
  } catch (error) {
    hasFailed = true;
    throw error;
  }
  return results;
}
