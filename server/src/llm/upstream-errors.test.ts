import { describe, expect, it } from 'vitest';
import { AppError } from '../errors.ts';
import { errorFromResponse, errorFromTransport, type WireHeaders } from './upstream-errors.ts';

const apiKey = 'very-secret-0123456789';

function translate(status: number, error: unknown, headers: WireHeaders = {}): AppError {
  return errorFromResponse({ status, headers, body: error === undefined ? undefined : { error }, apiKey }, () => 0);
}

describe('errorFromResponse', () => {
  it.each([
    [400, { message: 'Bad.' }, 'request_invalid'],
    [422, { message: 'Bad.' }, 'request_invalid'],
    [400, { code: 'context_length_exceeded' }, 'context_length_exceeded'],
    [400, { type: 'exceed_context_size_error', code: 400 }, 'context_length_exceeded'],
    [400, { message: "This model's maximum context length is 4096 tokens." }, 'context_length_exceeded'],
    [400, { message: 'too large for model with 32768 maximum context length' }, 'context_length_exceeded'],
    [401, { message: 'Bad key.' }, 'upstream_rejected'],
    [403, { message: 'Forbidden.' }, 'upstream_rejected'],
    [403, { code: 'model_not_found' }, 'model_not_found'],
    [404, { code: 'model_not_found' }, 'model_not_found'],
    [404, { message: 'The model `x` does not exist.', type: 'NotFoundError', code: 404 }, 'model_not_found'],
    [404, { message: "model 'x' not found" }, 'model_not_found'],
    [404, 'model "x" not found, try pulling it first', 'model_not_found'],
    [404, undefined, 'upstream_rejected'],
    [302, undefined, 'upstream_rejected'],
    [413, undefined, 'upstream_rejected'],
    [408, undefined, 'upstream_unavailable'],
    [409, undefined, 'upstream_unavailable'],
    [429, { type: 'rate_limit_error' }, 'upstream_rate_limited'],
    [429, { code: 'insufficient_quota' }, 'upstream_rejected'],
    [500, undefined, 'upstream_unavailable'],
    [503, { message: 'Overloaded.' }, 'upstream_unavailable'],
    [529, undefined, 'upstream_unavailable'],
  ])('HTTP %d with %j is %s', (status, error, code) => {
    expect(translate(status, error).code).toBe(code);
  });

  it('names the field that the endpoint complains about', () => {
    const error = translate(400, { message: 'Too hot.', param: 'messages[0].content' });
    expect(error.errors).toEqual([{ location: 'body', pointer: '/messages/0/content', message: 'Too hot.' }]);
    expect(translate(400, { message: 'Bad.', param: '<script>' }).errors).toBeUndefined();
  });

  it.each([
    `Incorrect API key provided: ${apiKey}.`,
    `Bearer ${apiKey} is expired`,
    'Incorrect API key provided: sk-proj-abc***xyz.',
    'see http://10.0.0.7:8080/internal?token=abc for details',
  ])('never passes on a credential or an address: %s', (message) => {
    for (const status of [400, 401, 403, 404, 429, 500]) {
      const error = translate(status, { message: `model: ${message}` });
      const seen = JSON.stringify([error.message, error.detail, error.errors, String(error.cause)]);
      expect(seen).not.toMatch(/very-secret|abc\*\*\*xyz|10\.0\.0\.7|token=abc/);
    }
  });

  it('quotes a short single line at most', () => {
    const { detail } = translate(400, { message: `a\u0000b\r\nc\u202e${'x'.repeat(10_000)}` });
    expect(detail).toMatch(/^The model endpoint says: a b c x+…$/);
    expect(detail?.length).toBeLessThan(350);
    expect(errorFromResponse({ status: 400, headers: {}, body: undefined, apiKey }).detail).toBe(
      'The model endpoint says: It gave no reason.',
    );
  });

  it.each<[WireHeaders, number | undefined]>([
    [{}, undefined],
    [{ 'retry-after-ms': '250', 'retry-after': '9' }, 250],
    [{ 'retry-after': '2' }, 2000],
    [{ 'retry-after': '0.5' }, 500],
    [{ 'retry-after': 'Thu, 01 Jan 1970 00:00:03 GMT' }, 3000],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': '-5' }, undefined],
    [{ 'retry-after': '999999999' }, 3_600_000],
    [{ 'x-ratelimit-reset-requests': '12ms', 'x-ratelimit-reset-tokens': '1m30s' }, 90_000],
    [
      {
        'x-ratelimit-reset-requests': '12ms',
        'x-ratelimit-reset-tokens': '6m0s',
        'x-ratelimit-remaining-requests': '0',
      },
      12,
    ],
    [{ 'x-ratelimit-reset-requests': '1.5s' }, 1500],
    [{ 'x-ratelimit-reset-requests': 'later' }, undefined],
  ])('reads the wait from %j as %s ms', (headers, waitMs) => {
    expect(translate(429, {}, headers).retryAfterMs).toBe(waitMs);
  });
});

describe('errorFromTransport', () => {
  it('keeps an AppError and turns everything else into an outage, without the address', () => {
    const known = new AppError('request_timeout');
    expect(errorFromTransport(known)).toBe(known);
    const refused = Object.assign(new Error('connect ECONNREFUSED 10.0.0.7:80'), { code: 'ECONNREFUSED' });
    expect(errorFromTransport(refused)).toMatchObject({
      code: 'upstream_unavailable',
      detail: 'It cannot be reached.',
    });
    expect(errorFromTransport(undefined)).toMatchObject({ code: 'upstream_unavailable' });
  });
});
