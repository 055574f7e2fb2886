import { expect, it } from 'vitest';
import { isAppError } from '../../errors.ts';
import { createMemoryCounters } from '../../limits/index.ts';
import { createLoginFailures } from './login-failures.ts';

function failuresWithClock(failuresMax: number) {
  const clock = { nowMs: 0 };
  return {
    clock,
    failures: createLoginFailures(
      failuresMax,
      createMemoryCounters(() => clock.nowMs * 1000),
    ),
  };
}
const mustWait = (retryAfterMs: number) => (error: unknown) =>
  isAppError(error, 'rate_limit_exceeded') && error.retryAfterMs === retryAfterMs;

it('lets an address try so often within 15 minutes, then wait for the rest of them', async () => {
  const { clock, failures } = failuresWithClock(3);
  for (const isLast of [false, false, true]) expect(await failures.begin('a@example.com')).toBe(isLast);
  clock.nowMs = 60_000;
  await expect(failures.begin('a@example.com')).rejects.toSatisfy(mustWait(14 * 60_000));
  expect(await failures.begin('b@example.com')).toBe(false);
  clock.nowMs = 15 * 60_000;
  expect(await failures.begin('a@example.com')).toBe(false);
});

it('forgets the failures of an address that logged in', async () => {
  const { failures } = failuresWithClock(2);
  await failures.begin('a@example.com');
  await failures.forgive('a@example.com');
  expect(await failures.begin('a@example.com')).toBe(false);
});

it('remembers a bounded number of addresses, the newest', async () => {
  const { failures } = failuresWithClock(1);
  await failures.begin('first@example.com');
  for (let n = 0; n < 10_000; n += 1) await failures.begin(`${n}@example.com`);
  expect(await failures.begin('first@example.com')).toBe(true);
  await expect(failures.begin('9999@example.com')).rejects.toThrow();
});
