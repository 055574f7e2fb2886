/** The command as a process of its own, started the way a person starts it. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A running `genai`. */
export interface GenaiProcess {
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves once the output holds a text; rejects when the process ends before. */
  readonly said: (text: string) => Promise<void>;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

const command = fileURLToPath(new URL('../../../bin/genai.mjs', import.meta.url));

/** Starts `genai` in a folder, with settings of its own on top of the machine's. */
export function startGenai(
  argv: readonly string[],
  directory: string,
  environment: Readonly<Record<string, string>>,
): GenaiProcess {
  const child: ChildProcess = spawn(process.execPath, [command, ...argv], {
    cwd: directory,
    env: { PATH: process.env['PATH'], HOME: directory, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      child.emit('said');
    });
  }
  const ended = once(child, 'close').then(([code, signal]: unknown[]) => (code ?? signal) as number | NodeJS.Signals);
  return {
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    async said(text) {
      const isSaid = () => `${output.stdout}${output.stderr}`.includes(text);
      const over = ended.then((code) => {
        if (!isSaid())
          throw new Error(`It ended with ${code} before it said "${text}":\n${output.stdout}${output.stderr}`);
      });
      while (!isSaid()) await Promise.race([once(child, 'said'), over]);
    },
    kill: (signal) => void child.kill(signal),
    ended,
  };
}
