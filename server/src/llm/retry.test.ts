import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AppError } from '../errors.ts';
import { createRetry } from './retry.ts';

const log = pino({ level: 'silent' });
const outage = (retryAfterMs?: number) =>
  new AppError('upstream_unavailable', retryAfterMs === undefined ? {} : { retryAfterMs });

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** Runs attempts that fail with the given errors, then succeed; records when each began. */
function run(
  errors: readonly AppError[],
  options: { random?: () => number; signal?: AbortSignal; attemptsMax?: number } = {},
) {
  const { random = () => 1, signal = new AbortController().signal, attemptsMax = 3 } = options;
  const startedMs = Date.now();
  const beganMs: number[] = [];
  const attempt = async () => {
    beganMs.push(Date.now() - startedMs);
    const error = errors[beganMs.length - 1];
    if (error) throw error;
    return 'answer';
  };
  const outcome = createRetry({ attemptsMax, random })(attempt, { signal, log }).catch((error: unknown) => error);
  return { outcome, beganMs };
}

describe('createRetry', () => {
  it('tries a retryable failure again, after at most 200 ms, 400 ms …', async () => {
    const { outcome, beganMs } = run([outage(), outage()]);
    await vi.runAllTimersAsync();
    expect(await outcome).toBe('answer');
    expect(beganMs).toEqual([0, 200, 600]);
  });

  it('spreads the delays over their whole range', async () => {
    const { outcome, beganMs } = run([outage(), outage()], { random: () => 0 });
    await vi.runAllTimersAsync();
    expect(await outcome).toBe('answer');
    expect(beganMs).toEqual([0, 0, 0]);
  });

  it('gives up after the last attempt with its error', async () => {
    const errors = [outage(), outage(), outage(), outage()];
    const { outcome, beganMs } = run(errors);
    await vi.runAllTimersAsync();
    expect(await outcome).toBe(errors[2]);
    expect(beganMs).toHaveLength(3);
  });

  it('never tries again what will fail again', async () => {
    const rejected = new AppError('upstream_rejected');
    const { outcome, beganMs } = run([rejected]);
    await vi.runAllTimersAsync();
    expect(await outcome).toBe(rejected);
    expect(beganMs).toEqual([0]);
  });

  it('waits as long as the endpoint asks, but hands a long wait to the client', async () => {
    const short = run([outage(1000)], { random: () => 0 });
    await vi.runAllTimersAsync();
    expect(await short.outcome).toBe('answer');
    expect(short.beganMs).toEqual([0, 1000]);
    const long = outage(2001);
    const { outcome, beganMs } = run([long]);
    await vi.runAllTimersAsync();
    expect(await outcome).toBe(long);
    expect(beganMs).toEqual([0]);
  });

  it('stops at once when the signal aborts between two attempts', async () => {
    const controller = new AbortController();
    const { outcome, beganMs } = run([outage(1500)], { signal: controller.signal });
    await vi.advanceTimersByTimeAsync(100);
    controller.abort(new AppError('request_timeout'));
    expect(await outcome).toMatchObject({ code: 'request_timeout' });
    await vi.runAllTimersAsync();
    expect(beganMs).toEqual([0]);
  });

  it('does not begin for a signal that has aborted', async () => {
    const { outcome, beganMs } = run([], { signal: AbortSignal.abort() });
    expect(await outcome).toMatchObject({ code: 'request_cancelled' });
    expect(beganMs).toEqual([]);
  });
});
