/**
 * Document bytes to text, in a small pool of processes.
 *
 * Promises one failure per bad document and none for its neighbours; see `parse-process.ts` for the walls. Must never parse
 * in the server's own process.
 */
import { AppError, errorFromAbort } from '../errors.ts';
import type { ParseRequest } from './parse-child.ts';
import { type ParseProcess, type ParseProcessLimits, startParseProcess } from './parse-process.ts';
import type { ContentLimits, DocumentFormat, ParsedDocument } from './parsers/parser.ts';

/** What parsing may take, for each document and altogether. */
export interface ParseLimits extends ParseProcessLimits, ContentLimits {
  /** Documents parsed at once, each in its own process. */
  readonly concurrency: number;
}

/** Parses documents until it is closed. */
export interface Parser {
  /**
   * Reads a document. Throws nothing but AppError: `document_unreadable`, `document_empty`, `document_too_complex`;
   * `dependency_unavailable` when no process can be had; `server_draining` after `close`; what `signal` stands for.
   */
  parse(bytes: Uint8Array, format: DocumentFormat, signal: AbortSignal): Promise<ParsedDocument>;
  /** Ends all processes; documents being parsed fail. */
  close(): Promise<void>;
}

/** A process is replaced after this many documents, so that what one may have done to it does not stay. */
const documentsPerProcess = 50;

/** A process without work ends after this time; starting another takes about 0.1 s, keeping it about 80 MB. */
const idleMs = 10_000;

/** Documents that may wait, bytes and all, for a process. */
const waitingMax = 100;

interface Worker {
  readonly process: ParseProcess;
  documentsLeft: number;
  idleTimer?: NodeJS.Timeout;
}

/** A parser that starts processes when there is work. */
export function createParser(limits: ParseLimits): Parser {
  const { pagesMax, textCharactersMax } = limits;
  const closing = new AbortController();
  const workers = new Set<Worker>();
  const idle: Worker[] = [];
  const turns = createTurns(limits.concurrency);

  const dismiss = async (worker: Worker): Promise<void> => {
    workers.delete(worker);
    await worker.process.kill();
  };
  const hire = (): Worker => {
    for (let worker = idle.pop(); worker !== undefined; worker = idle.pop()) {
      clearTimeout(worker.idleTimer);
      if (worker.process.isAlive()) return worker;
      void dismiss(worker);
    }
    const worker = { process: startParseProcess(limits), documentsLeft: documentsPerProcess };
    workers.add(worker);
    return worker;
  };
  const handBack = (worker: Worker): void => {
    worker.documentsLeft -= 1;
    if (worker.documentsLeft === 0 || !worker.process.isAlive()) {
      void dismiss(worker);
      return;
    }
    idle.push(worker);
    worker.idleTimer = setTimeout(() => {
      idle.splice(idle.indexOf(worker), 1);
      void dismiss(worker);
    }, idleMs);
  };

  const parseWith = async (worker: Worker, request: ParseRequest, signal: AbortSignal): Promise<ParsedDocument> => {
    try {
      return await worker.process.parse(request, signal);
    } finally {
      handBack(worker);
    }
  };

  return {
    async parse(bytes, format, signal) {
      const stop = AbortSignal.any([signal, closing.signal]);
      await turns.take(stop);
      try {
        return await parseWith(hire(), { bytes, format, limits: { pagesMax, textCharactersMax } }, stop);
      } finally {
        turns.pass();
      }
    },
    async close() {
      closing.abort(new AppError('server_draining', { detail: 'The server stopped before the document was parsed.' }));
      for (const { idleTimer } of workers) clearTimeout(idleTimer);
      await Promise.all([...workers].map(dismiss));
    },
  };
}

/** Lets `count` callers in at once and the others wait, first come first served. */
function createTurns(count: number) {
  const waiting = new Set<() => void>();
  let free = count;
  return {
    /** Waits for a turn; throws when `signal` aborts meanwhile, or when too many wait. */
    async take(signal: AbortSignal): Promise<void> {
      if (signal.aborted) throw errorFromAbort(signal);
      if (free > 0) {
        free -= 1;
        return;
      }
      if (waiting.size >= waitingMax) {
        throw new AppError('dependency_unavailable', { detail: 'Too many documents are waiting to be parsed.' });
      }
      await new Promise<void>((resolve, reject) => {
        const enter = (): void => {
          signal.removeEventListener('abort', leave);
          resolve();
        };
        const leave = (): void => {
          waiting.delete(enter);
          reject(errorFromAbort(signal));
        };
        waiting.add(enter);
        signal.addEventListener('abort', leave, { once: true });
      });
    },
    /** Gives the turn to who has waited longest. */
    pass(): void {
      const [next] = waiting;
      if (next === undefined) {
        free += 1;
        return;
      }
      waiting.delete(next);
      next();
    },
  };
}
