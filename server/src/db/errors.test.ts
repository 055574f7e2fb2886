import { DrizzleQueryError } from 'drizzle-orm/errors';
import { describe, expect, it } from 'vitest';
import { AppError } from '../errors.ts';
import { sqlStateOf, translateDatabaseError } from './errors.ts';

const databaseError = (code: string, message: string, rest = {}) =>
  Object.assign(new Error(message), { code, ...rest });
const wrapped = (cause: Error) => new DrizzleQueryError('insert into t values ($1)', ['secret value'], cause);

describe('translating database errors', () => {
  it.each([
    ['57014', 'request_timeout'],
    ['23505', 'state_conflict'],
    ...['08006', '08001', '40001', '40P01', '53300', '57P01', '57P03'].map((code) => [code, 'dependency_unavailable']),
    ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'EHOSTUNREACH', 'EAI_AGAIN'].map((code) => [
      code,
      'dependency_unavailable',
    ]),
  ])('gives %s the code %s, also behind the query layer', (code, expected) => {
    for (const error of [databaseError(code, 'x'), wrapped(databaseError(code, 'x'))]) {
      expect(translateDatabaseError(error)).toMatchObject({ code: expected });
    }
  });

  it.each([
    'timeout exceeded when trying to connect',
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'Client has encountered a connection error and is not queryable',
    'The embedded database has stopped.',
    'The embedded database failed: RuntimeError',
  ])('knows a lost connection by its message: %s', (message) => {
    expect(translateDatabaseError(wrapped(new Error(message)))).toMatchObject({
      code: 'dependency_unavailable',
      retryAfterMs: 1000,
    });
  });

  it('quotes no value of a data or integrity error, and says which constraint it was', () => {
    const error = databaseError('23514', 'Failing row contains (secret value)', {
      table: 'users',
      constraint: 'users_email_check',
    });
    expect(String(translateDatabaseError(wrapped(error)))).toBe(
      'Error: Database error 23514 on users users_email_check',
    );
    const data = databaseError('22P02', 'invalid input syntax for type integer: "secret value"');
    expect(String(translateDatabaseError(wrapped(data)))).toBe('Error: Database error 22P02');
  });

  it('keeps the message of other errors, which tells what to mend', () => {
    const error = wrapped(databaseError('42501', 'permission denied for table users'));
    expect(String(translateDatabaseError(error))).toBe(
      'Error: Database error 42501: permission denied for table users',
    );
  });

  it('drops the parameters of a statement that failed for any other reason', () => {
    expect(String(translateDatabaseError(wrapped(new TypeError('odd'))))).toBe('Error: Database call failed: odd');
  });

  it('leaves alone what did not come from the database', () => {
    for (const error of [new AppError('request_invalid'), new Error('mine'), 'text', undefined]) {
      expect(translateDatabaseError(error)).toBe(error);
    }
  });

  it('finds the SQLSTATE where the query layer wrapped it', () => {
    expect(sqlStateOf(wrapped(databaseError('23505', 'x')))).toBe('23505');
    expect(sqlStateOf(new Error('mine'))).toBeUndefined();
  });
});
