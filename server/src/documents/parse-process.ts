/**
 * One child process that parses, one document at a time, and everything that ends it.
 *
 * Promises that nothing a document does reaches the server: too much time, too much memory, a crash and an abort all end
 * in an AppError and a dead child. The child gets no environment, no inherited Node options, no file but the program's own,
 * and cannot start processes or threads. On Linux all its memory is watched; elsewhere only the JavaScript heap is limited.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { AppError, errorFromAbort } from '../errors.ts';
import type { ParseReply, ParseRequest } from './parse-child.ts';
import type { ParsedDocument } from './parsers/parser.ts';

/** What one document may take. */
export interface ParseProcessLimits {
  /** From the moment a process takes the document; includes the start of the process. */
  readonly timeoutMs: number;
  /** JavaScript heap of the process. */
  readonly memoryMiB: number;
}

/** A running child. */
export interface ParseProcess {
  /**
   * Reads one document. Throws AppError: what the parsers throw, `document_too_complex` (time, memory),
   * `document_unreadable` (the child crashed), `dependency_unavailable` (it could not start, or was killed by others), and
   * what `signal` stands for when it aborts. After all but the first the child is dead.
   */
  parse(request: ParseRequest, signal: AbortSignal): Promise<ParsedDocument>;
  /** Whether it can take another document. */
  isAlive(): boolean;
  /** Kills it and waits until it is gone. */
  kill(): Promise<void>;
}

/** Memory that the process may have besides its JavaScript heap: Node itself, the file, what is inflated from it. */
const memoryBesideHeapMiB = 256;

const memoryCheckIntervalMs = 100;

/** How much of what the child writes to stderr is kept; Node says there why it ends. */
const lastWordsLength = 4096;

const entry = fileURLToPath(new URL('./parse-child.ts', import.meta.url));

/** All that the child may read: the program and the packages it depends on. */
const readableFolders = ['../', '../../node_modules/', '../../../node_modules/'].map((folder) =>
  fileURLToPath(new URL(folder, import.meta.url)),
);

/** Starts a child. Throws `dependency_unavailable`. */
export function startParseProcess(limits: ParseProcessLimits): ParseProcess {
  const child = forkChild(limits);
  let hasStarted = false;
  let lastWords = '';
  child.once('message', () => {
    hasStarted = true;
  });
  child.stderr?.setEncoding('utf8').on('data', (words: string) => {
    lastWords = (lastWords + words).slice(-lastWordsLength);
  });
  const end = new AbortController();
  child.once('close', () => end.abort());
  // A child that could not start does not close. An error of a running one is followed by its close, which decides.
  child.on('error', () => child.pid === undefined && end.abort());
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    if (!end.signal.aborted) await once(end.signal, 'abort');
  };

  const parse = async (request: ParseRequest, signal: AbortSignal): Promise<ParsedDocument> => {
    const reply = Promise.withResolvers<ParseReply>();
    const onMessage = (message: ParseReply) => message.kind !== 'started' && reply.resolve(message);
    const onAbort = () => reply.reject(errorFromAbort(signal));
    const onEnd = () => reply.reject(errorFromEnd(child, hasStarted, lastWords, limits));
    child.on('message', onMessage);
    signal.addEventListener('abort', onAbort);
    end.signal.addEventListener('abort', onEnd);
    if (signal.aborted) onAbort();
    if (end.signal.aborted) onEnd();
    const timer = setTimeout(() => reply.reject(tooSlow(limits)), limits.timeoutMs);
    const memoryWatch = watchMemory(child.pid, limits, () => reply.reject(tooLarge(limits)));
    try {
      // Where sending fails, the child has ended or is about to.
      child.send(request, () => {});
      return documentFrom(
        await reply.promise.catch(async (error: unknown) => {
          await kill();
          throw error;
        }),
      );
    } finally {
      clearTimeout(timer);
      clearInterval(memoryWatch);
      child.off('message', onMessage);
      signal.removeEventListener('abort', onAbort);
      end.signal.removeEventListener('abort', onEnd);
    }
  };

  return {
    parse,
    kill,
    isAlive: () => child.connected && !child.killed && child.exitCode === null && child.signalCode === null,
  };
}

/** Throws `dependency_unavailable` where the system refuses at once; other refusals are the child's `error`. */
function forkChild({ memoryMiB }: ParseProcessLimits): ChildProcess {
  const execArgv = [
    '--permission',
    ...readableFolders.map((folder) => `--allow-fs-read=${folder}`),
    '--disallow-code-generation-from-strings',
    `--max-old-space-size=${memoryMiB}`,
  ];
  try {
    return fork(entry, [], {
      env: {},
      execArgv,
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
  } catch (cause) {
    throw new AppError('dependency_unavailable', {
      detail: 'The process that parses documents could not start.',
      cause,
    });
  }
}

function documentFrom(reply: ParseReply): ParsedDocument {
  if (reply.kind === 'parsed') return reply.document;
  if (reply.kind === 'started') throw new Error('The start of a child is no answer.');
  const { code, detail, cause } = reply;
  throw new AppError(code, { ...(detail === undefined ? {} : { detail }), cause });
}

/** Calls `exceeded` when the process holds more memory than it may. Where there is no /proc it never does. */
function watchMemory(pid: number | undefined, { memoryMiB }: ParseProcessLimits, exceeded: () => void): NodeJS.Timeout {
  const check = async (): Promise<void> => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    const residentKiB = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
    if (residentKiB > (memoryMiB + memoryBesideHeapMiB) * 1024) exceeded();
  };
  return setInterval(() => void check(), memoryCheckIntervalMs);
}

function tooSlow({ timeoutMs }: ParseProcessLimits): AppError {
  return new AppError('document_too_complex', {
    detail: `Reading the document takes longer than the limit of ${timeoutMs} ms (PARSE_TIMEOUT_MS).`,
  });
}

function tooLarge({ memoryMiB }: ParseProcessLimits, cause?: unknown): AppError {
  return new AppError('document_too_complex', {
    detail: `Reading the document takes more memory than the limit of ${memoryMiB} MiB (PARSE_MEMORY_MIB).`,
    cause,
  });
}

/** Why a child ended that nobody here has killed. */
function errorFromEnd(
  child: ChildProcess,
  hasStarted: boolean,
  lastWords: string,
  limits: ParseProcessLimits,
): AppError {
  const cause = `The process ended (code ${child.exitCode}, signal ${child.signalCode}). ${lastWords}`;
  if (/heap out of memory|allocation failed/i.test(lastWords)) return tooLarge(limits, cause);
  const wasKilled = child.signalCode === 'SIGKILL' || child.signalCode === 'SIGTERM';
  if (!hasStarted || wasKilled) {
    return new AppError('dependency_unavailable', { detail: 'The process that parses documents was stopped.', cause });
  }
  return new AppError('document_unreadable', { detail: 'The document made its parser crash.', cause });
}
