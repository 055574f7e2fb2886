import { describe, expect, it } from 'vitest';
import { isAppError } from '../../errors.ts';
import { createPasswords } from './passwords.ts';

const passwords = createPasswords({ lengthMin: 12, memoryKib: 8192 });
const password = 'correct horse battery';

describe('passwords', () => {
  it('fits the password that was hashed and no other', async () => {
    const hash = await passwords.hash(password);
    expect(await passwords.verify(hash, password)).toBe(true);
    for (const wrong of ['', `${password} `, password.toUpperCase(), `${password}\u0000`, 'x'.repeat(2_000_000)]) {
      expect(await passwords.verify(hash, wrong)).toBe(false);
    }
  });

  it('uses argon2id with the memory of the settings and a salt of its own each time', async () => {
    const hashes = await Promise.all([passwords.hash(password), passwords.hash(password)]);
    expect(hashes[0]).toMatch(/^\$argon2id\$v=19\$m=8192,t=2,p=1\$/);
    expect(hashes[0]).not.toBe(hashes[1]);
    expect(await createPasswords({ lengthMin: 12, memoryKib: 9000 }).hash(password)).toContain('m=9000,');
  });

  it('takes letters that look the same for the same, however the keyboard composed them', async () => {
    const hash = await passwords.hash('Grüße aus Köln');
    expect(await passwords.verify(hash, 'Grüße aus Köln'.normalize('NFD'))).toBe(true);
  });

  it.each([11, 1025])('refuses a new password of %i characters, naming the bounds', async (length) => {
    const error = await passwords.hash('x'.repeat(length)).catch((caught: unknown) => caught);
    expect(isAppError(error, 'request_invalid') && error.errors?.[0]?.message).toBe('Use 12 to 1024 characters.');
  });

  it('does the same work without a hash to check against, and says no', async () => {
    const costly = createPasswords({ lengthMin: 12, memoryKib: 65_536 });
    const hash = await costly.hash(password);
    // Processor time of this process, its hashing threads included: what else the machine does is not in it.
    const costOf = async (stored: string | undefined) => {
      const before = process.cpuUsage();
      expect(await costly.verify(stored, 'wrong')).toBe(false);
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    const costs = { known: 0, unknown: 0 };
    for (let run = 0; run < 4; run += 1) {
      costs.known += await costOf(hash);
      costs.unknown += await costOf(undefined);
    }
    expect(costs.unknown / costs.known).toBeGreaterThan(0.5);
    expect(costs.unknown / costs.known).toBeLessThan(2);
  });

  it('refuses a flood beyond its queue at once and asks to come back, and serves everyone in the queue', async () => {
    const results = await Promise.allSettled(Array.from({ length: 200 }, () => passwords.verify(undefined, password)));
    const served = results.filter(({ status }) => status === 'fulfilled');
    const refused = results.filter((result) => result.status === 'rejected');
    expect(served).toHaveLength(2 + 64);
    expect(
      refused.every(({ reason }) => isAppError(reason, 'rate_limit_exceeded') && (reason.retryAfterMs ?? 0) > 0),
    ).toBe(true);
    expect(await passwords.verify(undefined, password)).toBe(false);
  });
});
