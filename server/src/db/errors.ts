/**
 * Translates what PostgreSQL and its driver throw, once, at this edge.
 *
 * Database messages and parameters can hold content of documents, so whatever is not understood leaves here as an error
 * that names the SQLSTATE and the object concerned, never a value.
 */

import { DrizzleQueryError } from 'drizzle-orm/errors';
import { AppError } from '../errors.ts';

interface DatabaseErrorFields {
  readonly code?: string;
  readonly message?: string;
  readonly table?: string;
  readonly constraint?: string;
}

/** SQLSTATE classes whose messages quote values: data exceptions and integrity violations. */
const classesThatQuoteValues = new Set(['22', '23']);

/** Connection exceptions, lost races (serialization, deadlock), exhausted resources, a server that is stopping. */
const unavailableStates = /^(08|40|53|57P)/;
const networkCodes = /^(ECONN(REFUSED|RESET|ABORTED)|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/;

/** What the driver, its pool and the embedded database say when there is no connection (any more). */
const connectionLost =
  /timeout exceeded when trying to connect|Connection terminated|is not queryable|embedded database (failed|has stopped)/;

/** An error that callers and logs may see, for anything thrown while talking to the database. */
export function translateDatabaseError(error: unknown): unknown {
  const source = databaseErrorIn(error);
  if (source === undefined) return error instanceof DrizzleQueryError ? withoutParameters(error) : error;
  const { code = '', message = '', table, constraint } = source;
  if (code === '57014') return new AppError('request_timeout', { detail: 'A database statement took too long.' });
  if (code === '23505')
    return new AppError('state_conflict', { detail: 'Something with this name or id already exists.' });
  if (code === '23503')
    return new AppError('state_conflict', { detail: 'Something that this names was removed, or is still in use.' });
  if (unavailableStates.test(code) || networkCodes.test(code) || connectionLost.test(message)) {
    return new AppError('dependency_unavailable', {
      detail: 'The database is not available.',
      retryAfterMs: 1000,
      cause: new Error(code === '' ? message : `database error ${code}`),
    });
  }
  const subject = [table, constraint].filter((part) => part !== undefined).join(' ');
  const shown = classesThatQuoteValues.has(code.slice(0, 2)) ? '' : `: ${message}`;
  return new Error(`Database error ${code}${subject === '' ? '' : ` on ${subject}`}${shown}`);
}

/** The query layer puts all parameters into its message; the failure itself, on our side of the wire, is enough. */
function withoutParameters(error: DrizzleQueryError): Error {
  return new Error(`Database call failed: ${error.cause?.message ?? 'unknown cause'}`);
}

/** The SQLSTATE of a thrown value, wherever a query layer wrapped it. */
export function sqlStateOf(error: unknown): string | undefined {
  return databaseErrorIn(error)?.code;
}

function databaseErrorIn(error: unknown): DatabaseErrorFields | undefined {
  for (let current = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth++) {
    if (current instanceof AppError) return undefined;
    const fields = current as DatabaseErrorFields;
    const isDatabaseError =
      typeof fields.code === 'string' && (/^[0-9A-Z]{5}$/.test(fields.code) || networkCodes.test(fields.code));
    if (isDatabaseError || connectionLost.test(current.message)) return fields;
  }
  return undefined;
}
