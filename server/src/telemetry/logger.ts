/**
 * The log: JSON lines on standard output, without secrets and without content.
 *
 * Questions, answers, documents and credentials do not reach a line, as far as their keys and forms can tell (see
 * redact.ts). Callers bind `requestId` and `tenantId` with `child`.
 */

import { type Bindings, type DestinationStream, pino, stdTimeFunctions } from 'pino';
import type { Config } from '../config/index.ts';
import type { Logger } from '../context.ts';
import { messageWithoutParameters, redactedFields, redactedLine } from './redact.ts';

/** How the log differs from its settings. */
export interface LoggerOptions {
  /** The setting DEBUG: turns the default level `info` into `debug`. */
  readonly debug: boolean;
  /** Where lines go; standard output by default. */
  readonly destination?: DestinationStream;
}

/** Makes the log of a process. Every line carries time, level, service and process id. */
export function createLogger(settings: Config['observability'], { debug, destination }: LoggerOptions): Logger {
  const options = {
    level: debug && settings.logLevel === 'info' ? 'debug' : settings.logLevel,
    base: { service: settings.serviceName, pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
    // redactedFields turns errors into plain fields, under whatever key they come, so `err` needs no serializer of its own.
    serializers: { err: (value: unknown) => value, msg: messageWithoutParameters },
    formatters: { level: (label: string) => ({ level: label }), log: redactedFields },
    hooks: { streamWrite: redactedLine },
  };
  const root = destination === undefined ? pino(options) : pino(options, destination);
  return withRedactedChildren(root);
}

/** pino formats the fields of a line but not the bindings of a child; children inherit this method from their parent. */
function withRedactedChildren(root: Logger): Logger {
  const child = root.child;
  root.child = function (this: Logger, bindings: Bindings, ...rest: never[]) {
    return child.call(this, redactedFields(bindings), ...rest);
  } as typeof child;
  return root;
}
