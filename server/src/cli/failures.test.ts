import { describe, expect, it } from 'vitest';
import { ConfigError } from '../config/index.ts';
import { CatalogError, FolderLockedError, SecondServerError } from '../db/index.ts';
import { AppError, type ErrorCode, errorCodes } from '../errors.ts';
import { ApiError, CommandError, exitCodes, exitFromStatus, failureFrom } from './failures.ts';

const system = (code: string, message = code) => Object.assign(new Error(message), { code });
const caused = (cause: unknown) => new Error('outer', { cause });

describe('exit codes', () => {
  it('are the numbers that scripts rely on', () => {
    expect(exitCodes).toEqual({
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
    });
  });

  it.each([
    [400, 2],
    [401, 4],
    [403, 4],
    [404, 2],
    [405, 2],
    [408, 7],
    [409, 2],
    [413, 2],
    [415, 2],
    [422, 2],
    [429, 6],
    [431, 2],
    [499, 2],
    [500, 8],
    [502, 8],
    [503, 8],
    [504, 7],
  ])('of an answer with status %i is %i', (status, code) => {
    expect(exitCodes[exitFromStatus(status)]).toBe(code);
  });

  it('of every error code follow from its status, whether the server says it or the command itself', () => {
    for (const code of Object.keys(errorCodes) as ErrorCode[]) {
      const { status, title } = errorCodes[code];
      const exit = exitFromStatus(status);
      expect(failureFrom(new AppError(code)).exit, code).toBe(exit);
      expect(failureFrom(new ApiError({ status, code, title })).exit, code).toBe(exit);
    }
  });

  it.each([
    ['a refused command', new CommandError('partial', 'some failed'), 10],
    ['wrong settings', new ConfigError([{ env: 'PORT', problem: 'is wrong', fix: 'Mend it.' }]), 3],
    ['a locked folder', new FolderLockedError('locked'), 3],
    ['a second server', new SecondServerError('second'), 3],
    ['holes between tenants', new CatalogError(['hole']), 3],
    ['a taken port', system('EADDRINUSE'), 3],
    ['a file that is not there', system('ENOENT'), 3],
    ['a folder that may not be written', system('EACCES'), 3],
    ['a refused connection', system('ECONNREFUSED'), 5],
    ['an unknown host', caused(system('ENOTFOUND')), 5],
    ['a certificate that is not trusted', caused(system('SELF_SIGNED_CERT_IN_CHAIN')), 5],
    ['all addresses refused', new AggregateError([system('ECONNREFUSED')], 'all'), 5],
    ['a connection that was cut', system('ECONNRESET'), 5],
    ['PostgreSQL on its way up', system('57P03'), 5],
    ['PostgreSQL full of connections', system('53300'), 5],
    ['a wrong password of PostgreSQL', system('28P01'), 3],
    ['a database that is not there', system('3D000'), 3],
    ['no connection in time', system('ETIMEDOUT'), 7],
    ['a signal that timed out', new DOMException('late', 'TimeoutError'), 7],
    ['a defect', new TypeError('x is not a function'), 1],
    ['no error at all', 'text', 1],
  ])('of %s', (_what, error, code) => {
    expect(exitCodes[failureFrom(error).exit]).toBe(code);
  });
});

describe('a failure', () => {
  it('of the server tells code, detail, wrong fields, fix and request id', () => {
    const errors = [{ location: 'body', pointer: '/name', message: 'is required' }];
    const problem = {
      status: 400,
      code: 'request_invalid',
      title: 'T.',
      detail: 'D.',
      fix: 'F.',
      request_id: 'req_1',
      errors,
    };
    expect(failureFrom(new ApiError(problem))).toEqual({
      exit: 'usage',
      code: 'request_invalid',
      message: 'D.\n  body/name: is required',
      fix: 'F.',
      requestId: 'req_1',
    });
  });

  it('that was expected has no stack, a defect has one', () => {
    expect(failureFrom(new FolderLockedError('in use')).message).toBe('in use');
    expect(failureFrom(new CommandError('usage', 'wrong')).message).toBe('wrong');
    expect(failureFrom(new TypeError('defect')).message).toContain('failures.test.ts');
  });

  it('of a port names the port and the setting', () => {
    const failure = failureFrom(Object.assign(system('EADDRINUSE'), { port: 8000 }));
    expect(`${failure.message} ${failure.fix}`).toMatch(/Port 8000 .*PORT/);
  });

  it('ends a circle of causes', () => {
    const error = new Error('round');
    error.cause = error;
    expect(failureFrom(error).exit).toBe('unknown');
  });
});
