import { expect, it } from 'vitest';
import { isAppError } from '../../errors.ts';
import { createLoginFailures } from './login-failures.ts';

function failuresWithClock(failuresMax: number) {
  const clock = { nowMs: 0 };
  return { clock, failures: createLoginFailures(failuresMax, () => clock.nowMs) };
}
const mustWait = (retryAfterMs: number) => (error: unknown) =>
  isAppError(error, 'rate_limit_exceeded') && error.retryAfterMs === retryAfterMs;

it('lets an address try so often within 15 minutes, then wait for the rest of them', () => {
  const { clock, failures } = failuresWithClock(3);
  expect([1, 2, 3].map(() => failures.begin('a@example.com'))).toEqual([false, false, true]);
  clock.nowMs = 60_000;
  expect(() => failures.begin('a@example.com')).toThrow(expect.toSatisfy(mustWait(14 * 60_000)));
  expect(failures.begin('b@example.com')).toBe(false);
  clock.nowMs = 15 * 60_000;
  expect(failures.begin('a@example.com')).toBe(false);
});

it('forgets the failures of an address that logged in', () => {
  const { failures } = failuresWithClock(2);
  failures.begin('a@example.com');
  failures.forgive('a@example.com');
  expect(failures.begin('a@example.com')).toBe(false);
});

it('remembers a bounded number of addresses, the newest', () => {
  const { failures } = failuresWithClock(1);
  failures.begin('first@example.com');
  for (let n = 0; n < 10_000; n += 1) failures.begin(`${n}@example.com`);
  expect(failures.begin('first@example.com')).toBe(true);
  expect(() => failures.begin('9999@example.com')).toThrow();
});
