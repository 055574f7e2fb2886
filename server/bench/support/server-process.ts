/** A real server in a process of its own, as `make up` starts it, for benchmarks and for tests that kill it. */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { FirstRun } from '../../src/cli/first-run-file.ts';

const command = join(import.meta.dirname, '../../../bin/genai.mjs');
const startTimeoutMs = 120_000;
const pollMs = 20;

/** A running server. */
export interface ServerProcess {
  readonly firstRun: FirstRun;
  /** From spawning the process until it said where it listens. */
  readonly startMs: number;
  readonly pid: number;
  /** Resident memory in MiB. */
  readonly memoryMib: () => number;
  /** Ends the process with a signal and waits until it is gone; returns its exit code. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<number | null>;
  readonly output: () => string;
}

/** A data folder that is removed afterwards. */
export function temporaryDataDir(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'genai-server-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Starts `genai up` on a data folder and a free port; resolves when it answers. */
export async function startServer(
  dataDir: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, [command, 'up'], {
    env: { ...process.env, PORT: '0', GENAI_DATA_DIR: dataDir, ...environment },
    cwd: dataDir,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  await listening(child, () => output);
  const startMs = performance.now() - startedMs;
  const firstRun = JSON.parse(readFileSync(join(dataDir, 'first-run.json'), 'utf8')) as FirstRun;
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    firstRun,
    startMs,
    pid: child.pid ?? 0,
    memoryMib: () => residentMib(child.pid ?? 0),
    stop(signal = 'SIGTERM') {
      child.kill(signal);
      return exited;
    },
    output: () => output,
  };
}

/** Waits for the line that tells people what to try. */
async function listening(child: ChildProcess, output: () => string): Promise<void> {
  const endMs = performance.now() + startTimeoutMs;
  while (!/\bcurl\b/.test(output())) {
    if (child.exitCode !== null || performance.now() > endMs) {
      child.kill('SIGKILL');
      throw new Error(`The server did not start:\n${output()}`);
    }
    await delay(pollMs);
  }
}

function residentMib(pid: number): number {
  const path = `/proc/${pid}/status`;
  if (!existsSync(path)) return Number.NaN;
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(path, 'utf8'))?.[1];
  return Math.round(Number(kib) / 1024);
}
