/** Ingestion survives kill -9 at any moment: the next start brings every acknowledged document to an end, whole. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, inject, it } from 'vitest';
import { copyPgliteTemplate } from './support/database.ts';

const program = fileURLToPath(new URL('./support/ingest-process.ts', import.meta.url));
const kills = inject('isLong') ? 50 : 3;
/** From `ready`: spans the start of parser and embedder, and several documents after it. */
const lifeMsMax = 3000;

const children = new Set<ChildProcess>();
let dataDir = '';
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(dataDir, { recursive: true, force: true });
});

/** Starts the process; `lines` are what it writes, and end with it. */
function start(mode: 'upload' | 'finish') {
  const child = spawn(process.execPath, [program, dataDir, mode], { stdio: ['ignore', 'pipe', 'inherit'], env: {} });
  children.add(child);
  const ended = once(child, 'exit').finally(() => children.delete(child));
  return { child, ended, lines: createInterface({ input: child.stdout }) };
}

interface Finished {
  readonly id: string;
  readonly status: string;
  readonly error: { readonly detail: string } | null;
  /** Whether bytes and text are what was uploaded. */
  readonly isWhole: boolean;
  readonly chunkCount: number | null;
  readonly chunks: number;
}

it(`ends every acknowledged document over ${kills} kills`, { timeout: 60_000 + kills * 30_000 }, async () => {
  dataDir = copyPgliteTemplate();
  const stored: string[] = [];
  for (let kill = 0; kill < kills; kill++) {
    const { child, ended, lines } = start('upload');
    for await (const line of lines) {
      if (line === 'ready') setTimeout(() => child.kill('SIGKILL'), Math.random() * lifeMsMax);
      else stored.push(line.replace('stored ', ''));
    }
    expect((await ended)[1]).toBe('SIGKILL');
  }

  const { ended, lines } = start('finish');
  const finished = new Map<string, Finished>();
  for await (const line of lines) {
    const document = JSON.parse(line) as Finished;
    finished.set(document.id, document);
  }
  expect((await ended)[0]).toBe(0);

  expect(stored.filter((id) => !finished.has(id))).toEqual([]);
  for (const { status, error, isWhole, chunkCount, chunks } of finished.values()) {
    expect({ isWhole, chunks }).toEqual({ isWhole: true, chunks: chunkCount ?? 0 });
    // Only one that was interrupted again and again may fail.
    if (status !== 'indexed') expect(error?.detail).toContain('interrupted');
  }
  expect(finished.size).toBeGreaterThan(0);
});
