import { describe, expect, it } from 'vitest';
import { AppError } from '../errors.ts';
import { createLogger } from './logger.ts';

const settings = {
  logLevel: 'info',
  metricsToken: undefined,
  tracingEnabled: false,
  tracingEndpoint: undefined,
  tracingSampleRatio: 1,
  serviceName: 'genai-test',
} as const;

function capture(options: { debug?: boolean; logLevel?: 'info' | 'warn' } = {}) {
  const lines: string[] = [];
  const log = createLogger(
    { ...settings, logLevel: options.logLevel ?? 'info' },
    { debug: options.debug ?? false, destination: { write: (line: string) => void lines.push(line) } },
  );
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown> };
}

const secret = 'correct-horse-battery-staple';

describe('a log line', () => {
  it('carries time, level, service, request id and tenant id', () => {
    const { log, last } = capture();
    log.child({ requestId: 'req_1', tenantId: 'ten_1' }).info({ status: 200 }, 'answered');
    expect(last()).toMatchObject({
      level: 'info',
      service: 'genai-test',
      requestId: 'req_1',
      tenantId: 'ten_1',
      status: 200,
      msg: 'answered',
    });
    expect(String(last()['time'])).toMatch(/^\d{4}-\d\d-\d\dT/);
  });

  it.each([
    'authorization',
    'Cookie',
    'set-cookie',
    'password',
    'apiKey',
    'x-api-key',
    'refresh_token',
    'accessToken',
    'secret',
    'question',
    'answer',
    'content',
    'messages',
    'prompt',
    'quote',
    'text',
    'body',
    'title',
    'filename',
    'email',
  ])('does not say what stands under %s, at any depth or in a binding', (key) => {
    const { log, lines } = capture();
    log.info({ [key]: secret }, 'top');
    log.info({ a: { b: [{ [key]: { nested: secret } }] } }, 'deep');
    log.child({ [key]: secret }).info('bound');
    log
      .child({ outer: 1 })
      .child({ inner: { [key]: [secret] } })
      .info('bound twice');
    expect(lines).toHaveLength(4);
    expect(lines.join('')).not.toContain(secret);
  });

  it.each([
    ['an API key', 'sk-gen-0123456789abcdef0123456789abcdef-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ'],
    ['an operator key', 'op-gen-0123456789abcdef0123456789abcdef-abcdefghijklmnop'],
    ['a provider key', 'sk-proj-0123456789abcdefghijkl'],
    ['an access token', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c3JfMSJ9.c2lnbmF0dXJlLXZhbHVl'],
    ['a bearer header', 'Bearer abc.def~123=='],
  ])('does not show %s, wherever it stands', (_, credential) => {
    const { log, lines } = capture();
    log.info({ note: `used ${credential} here` }, `and ${credential} there`);
    log.child({ note: credential }).error(new Error(`refused ${credential}`));
    expect(lines.join('')).not.toContain(credential);
    for (const line of lines) expect(() => JSON.parse(line)).not.toThrow();
  });

  it('keeps numbers under sensitive keys, since they say how much and not what', () => {
    const { log, last } = capture();
    log.info({ token: 12, tokens: 7, keyId: 'key_1', content: true }, 'counted');
    expect(last()).toMatchObject({ token: 12, tokens: 7, keyId: 'key_1', content: true });
  });

  it('shows bytes by their number and cuts what is too deep or too long', () => {
    const { log, last } = capture();
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    log.info({ bytes: new Uint8Array([1, 2, 3]), long: 'x'.repeat(5000), loop, cost: 12n }, 'odd');
    expect(last()).toMatchObject({ bytes: '[3 bytes]', long: `${'x'.repeat(2000)}…`, cost: '12' });
    expect(JSON.stringify(last()['loop'])).toContain('[too deep]');
  });
});

describe('a logged error', () => {
  it('shows type, code, message, frames and causes', () => {
    const { log, last } = capture();
    log.error({ err: new AppError('internal_error', { cause: new TypeError('inner') }) }, 'failed');
    expect(last()['err']).toMatchObject({
      type: 'AppError',
      code: 'internal_error',
      message: 'Something went wrong on our side.',
      stack: expect.stringContaining('logger.test.ts'),
      cause: { type: 'TypeError', message: 'inner' },
    });
  });

  it('shows neither the properties that drivers hang on errors nor the parameters in the message of a failed statement', () => {
    const { log, lines } = capture();
    const inner = Object.assign(new Error('bad'), {
      params: [secret],
      detail: `Key (email)=(${secret})`,
      query: secret,
    });
    const failed = new Error(`Failed query: select 1\nparams: ${secret}`, { cause: inner });
    log.error({ err: failed }, 'failed');
    log.error(failed);
    log.error({ failure: failed }, 'under another key');
    expect(lines.join('')).not.toContain(secret);
    expect(lines.join('')).toContain('Failed query: select 1');
  });

  it('survives a thrown value that is no error', () => {
    const { log, lines } = capture();
    log.error({ err: secret }, 'odd');
    expect(lines).toHaveLength(1);
  });
});

describe('the level', () => {
  it('is lowered to debug by DEBUG, and only from the default', () => {
    const debug = capture({ debug: true });
    debug.log.debug('seen');
    expect(debug.lines).toHaveLength(1);
    const warn = capture({ debug: true, logLevel: 'warn' });
    warn.log.debug('unseen');
    expect(warn.lines).toHaveLength(0);
  });
});
