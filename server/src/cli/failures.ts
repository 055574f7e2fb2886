/**
 * What went wrong, in the words and with the exit code of the command line.
 *
 * Exit codes are part of the interface: scripts decide by them. Whatever was expected to go wrong is told without a stack.
 */

import { inspect } from 'node:util';
import { type ErrorCode, isAppError, SetupError } from '../errors.ts';

/** Exit codes of every command. */
export const exitCodes = {
  success: 0,
  unknown: 1,
  usage: 2,
  notConfigured: 3,
  authentication: 4,
  unreachable: 5,
  rateLimited: 6,
  timeout: 7,
  server: 8,
  findings: 9,
  partial: 10,
  interrupted: 130,
} as const;

/** The name of an exit code. */
export type ExitName = keyof typeof exitCodes;

/** What the codes mean, for help and reference. */
export const exitMeanings: Readonly<Record<ExitName, string>> = {
  success: 'done',
  unknown: 'a defect, or something nobody thought of',
  usage: 'the command, or what it asked for, is wrong; the same again will not help',
  notConfigured: 'a setting, file or service that the command needs is missing or wrong',
  authentication: 'the key is not valid, or does not permit this',
  unreachable: 'nobody answers',
  rateLimited: 'too many requests, or the budget is exhausted',
  timeout: 'no answer in time',
  server: 'the server failed',
  findings: 'a check found what must not be',
  partial: 'some of the work was done and some was not',
  interrupted: 'it was told to stop, by Ctrl-C for example, and tidied up',
};

/** Something that a command refuses or gives up, with what to do about it. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exit: ExitName;
  readonly fix: string | undefined;

  constructor(exit: ExitName, message: string, options: { readonly fix?: string; readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.exit = exit;
    this.fix = options.fix;
  }
}

/** The part of an error answer of the server that people are shown; RFC 9457. */
export interface Problem {
  readonly status: number;
  /** A code of ours, or of whatever answered in our server's place. */
  readonly code: ErrorCode | (string & {});
  readonly title: string;
  readonly detail?: string;
  readonly fix?: string;
  readonly request_id?: string;
  readonly errors?: readonly { readonly location: string; readonly pointer: string; readonly message: string }[];
}

/** The server answered with an error. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly problem: Problem;
  /** How long the server asks to wait, where it does. */
  readonly retryAfterMs: number | undefined;

  constructor(problem: Problem, retryAfterMs?: number) {
    super(problem.detail ?? problem.title);
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A failure as it is shown. */
export interface Failure {
  readonly exit: ExitName;
  readonly code: string;
  readonly message: string;
  readonly fix?: string;
  readonly requestId?: string;
}

/** Where nobody answered, or somebody hung up: codes of Node.js and of its HTTP client. */
const unreachable =
  /^(ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EPIPE|UND_ERR_SOCKET|ERR_TLS.*|ERR_SSL.*|.*CERT.*)$/;
const timedOut = /^(ETIMEDOUT|UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT)$/;
/** PostgreSQL: wrong credential, no such database; on its way up or down. */
const refusedLogin = /^(28...|3D000)$/;
const notServing = /^(08...|57P..|53300)$/;
/** Files that are not there, not ours, or not what they should be. */
const unusableFile = /^(ENOENT|EACCES|EPERM|EISDIR|ENOTDIR|EEXIST|EROFS|ENOSPC|ELOOP|EMFILE)$/;

/** The exit code that an HTTP status stands for. */
export function exitFromStatus(status: number): ExitName {
  if (status === 401 || status === 403) return 'authentication';
  if (status === 408 || status === 504) return 'timeout';
  if (status === 429) return 'rateLimited';
  return status >= 500 ? 'server' : 'usage';
}

/** Reads a caught value. */
export function failureFrom(error: unknown): Failure {
  if (error instanceof CommandError) {
    const { exit, message, fix } = error;
    return { exit, code: exit, message, ...(fix === undefined ? {} : { fix }) };
  }
  if (error instanceof ApiError) return failureFromProblem(error.problem);
  if (isAppError(error)) {
    const { status, fix } = error.definition;
    return { exit: exitFromStatus(status), code: error.code, message: error.message, fix };
  }
  if (error instanceof SetupError) return { exit: 'notConfigured', code: 'notConfigured', message: error.message };
  return failureFromForeign(error);
}

function failureFromProblem({ status, code, title, detail, fix, request_id, errors = [] }: Problem): Failure {
  const fields = errors.map(({ location, pointer, message }) => `\n  ${location}${pointer}: ${message}`);
  return {
    exit: exitFromStatus(status),
    code,
    message: `${detail ?? title}${fields.join('')}`,
    ...(fix === undefined ? {} : { fix }),
    ...(request_id === undefined ? {} : { requestId: request_id }),
  };
}

function failureFromForeign(thrown: unknown): Failure {
  for (const error of causesOf(thrown)) {
    const code = String((error as { code?: unknown }).code ?? '');
    if (error.name === 'TimeoutError' || timedOut.test(code)) {
      return { exit: 'timeout', code: 'timeout', message: `No answer in time: ${error.message}.` };
    }
    if (code === 'EADDRINUSE') return portTaken(error as { port?: number });
    if (unreachable.test(code) || notServing.test(code)) {
      return { exit: 'unreachable', code: 'unreachable', message: `Nobody answers: ${error.message || code}.` };
    }
    if (refusedLogin.test(code)) {
      const fix = 'Correct the login, password and database in DATABASE_URL.';
      return { exit: 'notConfigured', code: 'notConfigured', message: `PostgreSQL: ${error.message}`, fix };
    }
    if (unusableFile.test(code)) return { exit: 'notConfigured', code: 'notConfigured', message: error.message };
  }
  return { exit: 'unknown', code: 'unknown', message: inspect(thrown) };
}

function portTaken({ port }: { readonly port?: number }): Failure {
  const taken = port === undefined ? 'The port' : `Port ${port}`;
  return {
    exit: 'notConfigured',
    code: 'notConfigured',
    message: `${taken} is taken by another program.`,
    fix: 'Stop that program, or set PORT to a free port; 0 picks one.',
  };
}

/** An error and what caused it, outermost first. */
function causesOf(thrown: unknown): readonly Error[] {
  const causes: Error[] = [];
  const waiting = [thrown];
  while (waiting.length > 0 && causes.length < 20) {
    const error = waiting.shift();
    if (!(error instanceof Error)) continue;
    causes.push(error);
    waiting.push(error.cause, ...(error instanceof AggregateError ? error.errors : []));
  }
  return causes;
}
