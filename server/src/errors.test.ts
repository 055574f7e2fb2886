import { describe, expect, it } from 'vitest';
import { AppError, errorFromAbort } from './errors.ts';

describe('errorFromAbort', () => {
  it('tells a time limit from a client that left, and keeps an AppError', () => {
    const reason = new AppError('server_draining');
    expect(errorFromAbort(AbortSignal.abort(reason))).toBe(reason);
    expect(errorFromAbort(AbortSignal.abort()).code).toBe('request_cancelled');
    expect(errorFromAbort(AbortSignal.abort(new DOMException('late', 'TimeoutError'))).code).toBe('request_timeout');
  });
});
